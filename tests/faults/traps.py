"""Links, pipes, folders and devices in place of every file and folder that a stage reads or writes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trial import complaints, done_workspace, run_stage, strays, unharmed

from stage_kit.testing import workspace_bytes

WRITTEN = {
    "yolo": (
        *("annots", "annots/p00.json", "annots/new.json", "annots/new", "cuts", "cuts/p00-0.jpg", "cuts/new-0.jpg"),
        *("inspect", "inspect/p00.jpg", "inspect/new.jpg", "reports", "reports/yolo-stage.json"),
        *("reports/.seen.json", "reports/.yolo-stage.lock", "annots/.tmp-0", "cuts/.tmp-0"),
    ),
    "hrn": (
        *("output", "output/poses", "output/poses/p00.json", "output/poses/new.json", "output/keypoints.csv"),
        *("output/keypoints.coco.json", "output/images.coco.json", "final", "final/p00.jpg", "final/new.jpg"),
        *("reports", "reports/hrn-stage.json", "reports/.seen.json", "reports/.hrn-stage.lock", "output/.tmp-0"),
    ),
}
READ = {
    "yolo": ("images/p00.jpg", "images/new.jpg", "pose.toml"),
    "hrn": (
        *("images/p00.jpg", "images/new.jpg", "annots/p00.json", "annots/new.json", "cuts/p00-0.jpg"),
        *("pose.toml", "w32_256x256_adam_lr1e-3.yaml"),
    ),
}


def _folder(path: Path, _outside: Path) -> None:
    path.mkdir()
    (path / "mine.txt").write_text("somebody's")


KINDS: dict[str, Callable[[Path, Path], None]] = {
    "a link to a file outside": lambda path, outside: path.symlink_to(outside / "precious"),
    "a link to a folder outside": lambda path, outside: path.symlink_to(outside),
    "a link to nothing outside": lambda path, outside: path.symlink_to(outside / "new"),
    "a link to itself": lambda path, _: path.symlink_to(path.name),
    "a link into images": lambda path, _: path.symlink_to("../" * _depth(path) + "images"),
    "a link to an endless device": lambda path, _: path.symlink_to("/dev/zero"),
    "a second name of a file outside": lambda path, outside: os.link(outside / "precious", path),
    "a pipe": lambda path, _: os.mkfifo(path),
    "a folder": _folder,
}  # fmt: skip


def _depth(path: Path) -> int:
    return next(number for number, parent in enumerate(path.parents) if (parent / "images").is_dir())


@dataclass(frozen=True)
class Trap:
    """What lies where, and the stage that comes upon it."""

    stage: str
    place: str
    kind: str


def traps() -> Iterator[Trap]:
    """All of them, in an order in which any first few differ in all respects."""
    all_of = [
        Trap(stage, place, kind)
        for kind in KINDS
        for stage in ("yolo", "hrn")
        for place in (*WRITTEN[stage], *READ[stage])
    ]
    step = 37
    assert len(all_of) % step, "each comes once"
    return (all_of[number * step % len(all_of)] for number in range(len(all_of)))


class Trapper:
    """A workspace in which one photo is new and the others are done, and what a stage makes of it undisturbed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done = done_workspace(folder / "done", 3)
        shutil.copy(self._done / "images/p01.jpg", self._done / "images/new.jpg")
        self._wanted: dict[str, dict[str, bytes]] = {}
        self._start: dict[str, Path] = {}
        last = self._done
        for stage in ("yolo", "hrn"):
            self._start[stage] = last
            last = Path(shutil.copytree(last, folder / stage))
            assert run_stage(stage, last).code == 0
            self._wanted[stage] = workspace_bytes(last)

    def spring(self, trap: Trap) -> list[str]:
        """Runs the stage into the trap, then without it: what was wrong."""
        root, outside = self._folder / "workspace", self._folder / "outside"
        shutil.copytree(self._start[trap.stage], root)
        outside.mkdir()
        (outside / "precious").write_text("precious")
        path = root / trap.place
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        KINDS[trap.kind](path, outside)
        is_input = trap.place.startswith("images/")
        with unharmed(outside, *(() if is_input else (root / "images",))) as wrong:
            outcome = run_stage(trap.stage, root)
            wrong += complaints(outcome) + (strays(root) if outcome.code in {0, 3} else [])
        if trap.kind == "a folder" and not (path / "mine.txt").is_file():
            wrong.append("what lay in the folder is gone")
        wrong += self._without(trap, root)
        shutil.rmtree(root)
        shutil.rmtree(outside)
        return wrong

    def _without(self, trap: Trap, root: Path) -> list[str]:
        """Takes the trap away and puts an input back: then all must be as if nothing had been."""
        path, start = root / trap.place, self._start[trap.stage] / trap.place
        if trap.kind == "a folder" and path.is_dir():
            shutil.rmtree(path)
        elif path.is_symlink() or path.is_fifo() or trap.kind == "a second name of a file outside":
            path.unlink(missing_ok=True)
        if start.is_file() and not path.exists():
            shutil.copy2(start, path)
        elif start.is_dir() and not path.exists():
            shutil.copytree(start, path)
        wrong = complaints(run_stage(trap.stage, root), {0})
        left, wanted = workspace_bytes(root), self._wanted[trap.stage]
        return wrong + [f"other bytes: {file}" for file in left.keys() | wanted if left.get(file) != wanted.get(file)]
