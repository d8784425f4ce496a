"""What happened in one run: counts, failures, and the report that is kept of them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from pose_contract.errors import StageError
from pose_contract.names import printable
from pose_contract.records import Counts, Failure, RunReport
from pose_contract.storage import write_record
from pose_contract.workspace import Workspace
from stage_kit.command.progress import Progress
from stage_kit.runs.steps import Settled
from stage_kit.stages import StageFacts


@dataclass
class RunLog:
    """Gathers what one run does, tells it to the user, and keeps reports/STAGE.json (a shard:
    reports/STAGE.SHARD.json); safe to use from threads."""

    workspace: Workspace
    stage: StageFacts
    options: Mapping[str, object]
    progress: Progress
    model: str = ""
    engine: str = ""
    device: str = ""
    ignored: tuple[str, ...] = ()
    shard: str = ""
    failures: list[Failure] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _started: float = field(default_factory=time.monotonic)
    _started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def count(self, what: str, number: int = 1) -> None:
        """Adds to one of the fields of `Counts`."""
        with self._lock:
            self.counts[what] = self.counts.get(what, 0) + number

    def done(self, what: Literal["processed", "redrawn", "skipped"], people: int) -> None:
        """One image is done, with so many people in it."""
        self.count(what)
        self.count("people", people)
        self.count("nobody", people == 0)
        self.progress.step(worked=what != "skipped")

    def fail(self, file: str, error: StageError) -> None:
        """One image could not be processed."""
        self.count("failed")
        self.progress.step(worked=False)
        self.complain(file, error)

    def complain(self, file: str, error: StageError) -> None:
        """Something that is no image could not be done."""
        with self._lock:
            reason, remedy = printable(error.reason), "\n".join(map(printable, error.remedy.split("\n")))
            self.failures.append(Failure(file=printable(file), reason=reason, remedy=remedy))
        self.say(f"{printable(file)} {error}")

    def say(self, text: str) -> None:
        """A line for the user."""
        self.progress.say(f"{self.stage.name}: {text}")

    def settle(self, file: str, image: Settled) -> None:
        """One image needed no work."""
        if image.note:
            self.say(image.note)
        if image.error is None:
            self.done("skipped", image.people)
        else:
            self.fail(file, image.error)

    def report(self, state: Literal["running", "finished", "interrupted", "stopped"], message: str = "") -> RunReport:
        """The report as of now."""
        seconds = time.monotonic() - self._started
        processed = self.counts.get("processed", 0)
        return RunReport(
            stage=self.stage.name,
            version=self.stage.version,
            state=state,
            message=message,
            started=self._started_at,
            seconds=round(seconds, 3),
            images_per_second=round(processed / seconds, 3) if seconds > 0 else 0.0,
            engine=self.engine,
            device=self.device,
            model=self.model,
            counts=Counts(**self.counts),
            failures=tuple(sorted(self.failures, key=lambda failure: failure.file)),
            ignored_files=self.ignored,
            options=dict(self.options),
        )

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Writes the report when the run starts and however it ends, short of a kill."""
        path = self.workspace.report_path(self.stage.name, self.shard)
        write_record(path, self.report("running"))
        try:
            yield
        except BaseException as error:
            stopped = isinstance(error, Exception)
            message = error.reason if isinstance(error, StageError) else type(error).__name__
            with contextlib.suppress(StageError):  # the disk may be full: the first error is the one to tell
                write_record(path, self.report("stopped" if stopped else "interrupted", message))
            raise
        write_record(path, self.report("finished"))
