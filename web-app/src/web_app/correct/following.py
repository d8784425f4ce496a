"""What follows from a correction: cuts and pictures, made by the stages' own commands on that photo alone."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pose_contract.errors import DONE, WORKSPACE
from pose_contract.names import printable
from pose_contract.records import ImageAnnot, ImagePoses
from pose_contract.storage import read_record
from pose_contract.workspace import Workspace
from stage_kit.stages import StageFacts, installed_stages

AGAIN_SECONDS = 2.0
MOST_TOLD = 2_000  # letters of what a stage said
State = Literal["none", "waiting", "running", "done", "failed"]
Call = Callable[[Sequence[str]], tuple[int, str]]


@dataclass(frozen=True)
class Following:
    """How far it is with one photo, and what a stage said where it failed, or why it waits."""

    state: State
    told: str = ""


def call_stage(command: Sequence[str]) -> tuple[int, str]:
    """Runs a command to its end; its exit code and what it said."""
    finished = subprocess.run(command, capture_output=True, check=False)
    return finished.returncode, finished.stderr.decode(errors="replace")


@dataclass
class Follower:
    """One thread that calls the stages for photos that were corrected, one call for all that wait.

    A stage that is running on the workspace is waited for. `call` runs a command.
    """

    workspace: Workspace
    call: Call = call_stage
    changed: Callable[[], None] = lambda: None
    _waiting: dict[str, bool] = field(default_factory=dict)
    _state: dict[str, Following] = field(default_factory=dict)
    _wake: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None
    _stopped: bool = False

    def follow(self, name: str, boxes: bool) -> None:
        """The photo `name` has been corrected; `boxes`: not its keypoints alone."""
        with self._wake:
            self._waiting[name] = boxes or self._waiting.get(name, False)
            self._state[name] = Following("waiting")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="following", daemon=True)
                self._thread.start()
            self._wake.notify_all()

    def of(self, name: str) -> Following:
        """How far it is with a photo."""
        with self._wake:
            return self._state.get(name, Following("none"))

    def unfinished(self) -> int:
        """Photos whose pictures do not show their records yet."""
        with self._wake:
            return sum(following.state in ("waiting", "running") for following in self._state.values())

    def stop(self) -> None:
        """Lets the call that goes on end, and begins no other. A later run of the stages does what is left."""
        with self._wake:
            self._stopped = True
            self._wake.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._stopped:
                    self._wake.wait()
                if self._stopped:
                    return
                names = dict(self._waiting)
                self._waiting.clear()
                self._state.update(dict.fromkeys(names, Following("running")))
            code, told = self._follow(names)
            self.changed()
            with self._wake:
                self._settle(names, code, told)

    def _settle(self, names: Mapping[str, bool], code: int, told: str) -> None:
        """What became of these photos; where the workspace was another run's, they wait for their next turn."""
        if code == WORKSPACE and "already running" in told:
            self._waiting.update({name: boxes or self._waiting.get(name, False) for name, boxes in names.items()})
            self._state.update(dict.fromkeys(names, Following("waiting", told)))
            if not self._stopped:
                self._wake.wait(AGAIN_SECONDS)
            return
        state: State = "done" if code == DONE else "failed"
        for name in names:
            if name not in self._waiting:  # it was corrected again meanwhile
                self._state[name] = Following(state, told if code else "")

    def _follow(self, names: Mapping[str, bool]) -> tuple[int, str]:
        """Calls the stages that made the records; the one that makes boxes for those alone whose boxes changed."""
        for stage in stages_that_follow(self.workspace, list(names)):
            of_boxes = stage.status is not None and stage.status.record == "annots"
            only = [f"--only={name}" for name, boxes in names.items() if boxes or not of_boxes]  # it may begin with -
            if not only:
                continue
            words = ["--workspace", str(self.workspace.root), "--quiet", *only]
            code, told = self.call([sys.executable, "-m", f"{stage.package}.cli", *words])
            if code != DONE:
                return code, "\n".join(map(printable, told.strip()[-MOST_TOLD:].split("\n")))
        return DONE, ""


def stages_that_follow(workspace: Workspace, names: Sequence[str]) -> list[StageFacts]:
    """The stages that made the records of these photos, in their order."""
    makers: set[str] = set()
    for name in names:
        for file, kind in ((workspace.annot_file(name), ImageAnnot), (workspace.poses_file(name), ImagePoses)):
            record = read_record(workspace.path(file), kind)
            if isinstance(record, ImageAnnot | ImagePoses):
                makers.add(record.made_by.stage)
    return [stage for stage in installed_stages() if stage.name in makers and stage.status is not None]
