"""Runs that are stopped by signals at random moments, and the runs after them: nothing lost, the same bytes."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from trial import CRASHES, REPO, complaints, done_workspace, new_workspace, run_stage, strays, unharmed

from stage_kit.testing import workspace_bytes

SIGNALS = {  # what is sent, with the seconds between; and the exit codes that a user may see
    "KILL": ((signal.SIGKILL,), {-signal.SIGKILL}),
    "TERM": ((signal.SIGTERM,), {143, -signal.SIGTERM}),
    "INT": ((signal.SIGINT,), {130, -signal.SIGINT}),
    "INT INT": ((signal.SIGINT, signal.SIGINT), {130, -signal.SIGINT}),
    "TERM TERM": ((signal.SIGTERM, signal.SIGTERM), {143, -signal.SIGTERM}),
    "HUP": ((signal.SIGHUP,), {129, -signal.SIGHUP}),
}
STARTS = ("nothing done", "another option")
PATIENCE = 120.0


def edit(workspace: Path) -> None:
    """A person's work in two records, without the flag: none of it may be lost."""
    for file in ("annots/p00.json", "output/poses/p01.json"):
        text = (workspace / file).read_text()
        assert '"score"' in text, f"nobody was found: {file}"
        (workspace / file).write_text(text.replace('"score"', ' "score"', 1))


class Killer:
    """Photos, what an undisturbed run makes of them, and how long it takes."""

    def __init__(self, folder: Path, photos: int) -> None:
        self._folder = folder
        self._new = new_workspace(folder / "new", photos)
        self._done = done_workspace(folder / "done", photos)
        edit(self._done)
        self._flags = {"yolo": ("--cut_scale", "1.5"), "hrn": ("TEST.POST_PROCESS", "false")}
        self._wanted: dict[tuple[str, str], dict[str, bytes]] = {}
        self._seconds: dict[tuple[str, str], float] = {}
        for stage in ("yolo", "hrn"):
            for start in STARTS:
                workspace = self._start(stage, start, folder / f"undisturbed {stage} {start}")
                begun = time.monotonic()
                done = subprocess.run(self._command(stage, start, workspace), capture_output=True, check=False)
                assert done.returncode == 0, done.stderr.decode()
                self._seconds[stage, start] = time.monotonic() - begun
                self._wanted[stage, start] = workspace_bytes(workspace)

    def _start(self, stage: str, start: str, workspace: Path) -> Path:
        """A workspace on which `stage` has all to do: for the first time, or because an option is another one."""
        shutil.copytree(self._new if (stage, start) == ("yolo", "nothing done") else self._done, workspace)
        if (stage, start) == ("hrn", "nothing done"):
            for folder in ("final", "output"):
                shutil.rmtree(workspace / folder)
        return workspace

    def _command(self, stage: str, start: str, workspace: Path) -> list[str]:
        words = [str(REPO / f".venv/bin/{stage}-stage"), "--workspace", str(workspace), "--weights", "lite"]
        return [*words, *(self._flags[stage] if start == "another option" else ())]

    def kill(self, number: int, rng: random.Random) -> tuple[str, list[str]]:
        """One run, stopped, and one that is not. Returns what was done, and what was wrong."""
        stage, start, word = ("yolo", "hrn")[number % 2], rng.choice(STARTS), rng.choice(list(SIGNALS))
        after = rng.uniform(0.02, 1) * self._seconds[stage, start]
        workspace = self._start(stage, start, self._folder / f"kill {number}")
        title = f"{stage} {start}, {word} after {after:.2f} of {self._seconds[stage, start]:.2f} s"
        with unharmed(workspace / "images") as wrong:
            wrong += self._stopped(self._command(stage, start, workspace), word, after, workspace)
            flags = self._flags[stage] if start == "another option" else ()
            wrong += complaints(run_stage(stage, workspace, *flags), {0}) + strays(workspace)
        left, wanted = workspace_bytes(workspace), self._wanted[stage, start]
        wrong += [f"other bytes: {file}" for file in left.keys() | wanted if left.get(file) != wanted.get(file)]
        shutil.rmtree(workspace)
        return title, wrong

    def _stopped(self, command: list[str], word: str, after: float, workspace: Path) -> Iterator[str]:
        numbers, codes = SIGNALS[word]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(after)
        for count, sent in enumerate(numbers):
            time.sleep(0.1 * (count > 0))
            process.send_signal(sent)
        try:
            said = process.communicate(timeout=PATIENCE)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            yield "it did not stop\n" + process.communicate()[1]
            return
        if process.returncode not in codes | {0}:  # 0: it had ended before
            yield f"exit code {process.returncode} after {word}\n{said}"
        if any(crash in said for crash in CRASHES) and not _before_the_command(said, process.returncode):
            yield f"printed after {word}:\n{said}"
        if word in ("TERM", "INT", "HUP") and process.returncode > 0:
            yield from strays(workspace)


def _before_the_command(said: str, code: int) -> bool:
    """Whether Ctrl-C met Python's own start, which tells it by a traceback; the stage had not begun."""
    return code == -signal.SIGINT and "run_command" not in said and said.rstrip().endswith("KeyboardInterrupt")
