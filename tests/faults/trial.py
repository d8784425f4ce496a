"""One run of a stage under observation, and what is wrong with it: traceback, hang, exit code, memory, files outside.

A stage runs in a fork of this process, which has imported it once; kills want real processes (see kills.py).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import re
import select
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

REPO = Path(__file__).parents[2]
STAGES = ("yolo", "hrn")
CODES = frozenset({0, 2, 3, 4, 5})  # of the stages' commands; 1 is a bug
SECONDS = 180.0  # a hang; a run takes two seconds on a machine that has nothing else to do
CORES = 2
MOST_MB = 1500  # a stage's imports and the embedded networks take some 400; the rest is for the case
CRASHES = (
    "Traceback (most recent",
    "Fatal Python error",
    "Exception ignored",
    "Segmentation fault",
    "terminate called",
)
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class Outcome:
    """How a run ended; `code` is negative where a signal ended it, `late` where that was ours."""

    code: int
    printed: str
    peak_mb: int
    late: bool


def run_stage(name: str, workspace: Path, *flags: str, seconds: float = SECONDS) -> Outcome:
    """Runs a stage's command on a workspace, in a fork, with the embedded network unless the flags say otherwise."""
    words = ["--workspace", str(workspace), *([] if "--weights" in flags else ["--weights", "lite"]), *flags]
    main = importlib.import_module(f"{name}_stage.cli").main
    for module in ("steps", "model_files"):  # what the command would import again in each fork
        importlib.import_module(f"{name}_stage.{module}")
    importlib.import_module("stage_kit.networks.openvino").import_openvino()
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            _as_command(main, words, said.fileno())
        late = not _ended(child, seconds)
        _, status, usage = os.wait4(child, 0)
        said.seek(0)
        return Outcome(os.waitstatus_to_exitcode(status), said.read(), usage.ru_maxrss // 1000, late)


def _as_command(main: object, words: Sequence[str], said: int) -> None:
    """What the console script does; never returns."""
    code = 1
    try:
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:CORES]))  # memory grows with the workers
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", errors="backslashreplace") for number in (1, 2))
        code = main(words)  # type: ignore[operator]
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)


def _ended(child: int, seconds: float) -> bool:
    handle = os.pidfd_open(child)
    try:
        if select.select([handle], [], [], seconds)[0]:
            return True
        os.kill(child, signal.SIGKILL)
        return False
    finally:
        os.close(handle)


def complaints(outcome: Outcome, codes: Collection[int] = CODES, most_mb: int = MOST_MB) -> list[str]:
    """What is wrong with how a run ended; nothing, if all is well."""
    said = outcome.printed
    wrong = ["it did not end in time"] if outcome.late else []
    if not outcome.late and outcome.code not in codes:
        wrong.append(f"exit code {outcome.code}, not one of {sorted(codes)}")
    wrong += [f"printed: {crash}" for crash in CRASHES if crash in said]
    if CONTROL.search(said):
        wrong.append("printed control characters")
    if outcome.code in {2, 3, 4, 5} and "\n  -> " not in said:
        wrong.append("no remedy")
    if outcome.peak_mb > most_mb:
        wrong.append(f"took {outcome.peak_mb} MB of memory, over {most_mb}")
    return [f"{what}\n{_indented(said)}" if number == 0 else what for number, what in enumerate(wrong)]


def _indented(said: str) -> str:
    return "\n".join("    | " + line[:300] for line in said[-4000:].splitlines())


def digest(folder: Path) -> str:
    """A hash of all names, kinds and contents below a folder; links are not followed."""
    sums = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        sums.update(os.fsencode(path.relative_to(folder)) + b"\0")
        if path.is_symlink():
            sums.update(b"link" + os.fsencode(path.readlink()))
        elif path.is_file():
            sums.update(hashlib.sha256(path.read_bytes()).digest())
    return sums.hexdigest()


@contextlib.contextmanager
def unharmed(*folders: Path) -> Iterator[list[str]]:
    """Gives a list that holds, at the end, a line for each folder in which anything has changed."""
    before, changed = {folder: digest(folder) for folder in folders}, list[str]()
    yield changed
    changed += [f"{folder} has changed" for folder, old in before.items() if digest(folder) != old]


def new_workspace(root: Path, photos: int) -> Path:
    """A workspace with so many small photos, most of which show somebody, made of those that come with the clone."""
    shutil.copytree(REPO / "workspace-template", root)
    faces = [Image.open(REPO / f"tools/demo-photos/{name}.jpg").convert("RGB") for name in ("camera", "astronaut")]
    for number in range(photos):
        photo = faces[number % 5 == 4]
        photo = ImageOps.mirror(photo) if number % 2 else photo
        photo.resize((256 + 4 * number, 320)).save(root / f"images/p{number:02}.jpg")
    return root


def done_workspace(root: Path, photos: int) -> Path:
    """The same, in which both stages have run."""
    new_workspace(root, photos)
    for name in STAGES:
        outcome = run_stage(name, root)
        assert outcome.code == 0, outcome.printed
    return root


def strays(workspace: Path) -> list[str]:
    """Temporary files that a run left. A folder of such a name is somebody's."""
    found = (path for path in workspace.rglob(".tmp-*") if path.is_symlink() or not path.is_dir())
    return [f"left {path.relative_to(workspace)}" for path in found]
