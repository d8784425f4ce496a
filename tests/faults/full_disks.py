"""Disks that are full at some moment of a run, and the run after somebody has made room."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

from trial import STAGES, complaints, done_workspace, new_workspace, run_stage, strays, unharmed

from stage_kit.testing import workspace_bytes

PHOTOS = 12


def cannot_mount(folder: Path) -> str:
    """Why no small file system can be had here; empty where one can."""
    if os.geteuid() != 0:
        return "only root may mount a small file system"
    folder.mkdir()
    mounted = _mounted(folder, 100)
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()
    return "" if mounted else "a small file system cannot be mounted here"


def _mounted(folder: Path, kilobytes: int) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "pose-test", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class FullDisks:
    """Photos, what both stages make of them, and disks that are too small for it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._rng = folder, random.Random(seed)
        self._done = done_workspace(folder / "done", PHOTOS)
        self._new = new_workspace(folder / "new", PHOTOS)

    def run(self, number: int) -> tuple[str, list[str]]:
        """One run onto a disk that fills up, and one with room. Returns what was done, and what was wrong."""
        stage, disk = STAGES[number % 2], self._folder / "disk"
        start = self._new if stage == "yolo" else self._half_done()
        wanted, old = self._done_by(stage), workspace_bytes(start)
        kept = sum(_kilobytes(data) for data in old.values()) + 4 * sum(path.is_dir() for path in start.rglob("*"))
        needed = sum(_kilobytes(data) for file, data in wanted.items() if file not in old)
        room = self._rng.randint(8, max(9, needed))
        disk.mkdir()
        assert _mounted(disk, kept + room), "a small file system could be mounted before"
        try:
            root = Path(shutil.copytree(start, disk / "workspace"))
            with unharmed(root / "images") as wrong:
                outcome = run_stage(stage, root)
                wrong += complaints(outcome, {0, 5}) + strays(root)
                subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
                wrong += complaints(run_stage(stage, root), {0}) + strays(root)
            left = workspace_bytes(root)
            wrong += [f"other bytes: {file}" for file in left.keys() | wanted if left.get(file) != wanted.get(file)]
        finally:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)
            disk.rmdir()
        return f"{stage}, room for {room} of {needed} KB: exit code {outcome.code}", wrong

    def _half_done(self) -> Path:
        half = self._folder / "half"
        if not half.exists():
            shutil.copytree(self._done, half)
            for folder in ("final", "output"):
                shutil.rmtree(half / folder)
                shutil.copytree(self._new / folder, half / folder)
        return half

    def _done_by(self, stage: str) -> dict[str, bytes]:
        done, new = workspace_bytes(self._done), workspace_bytes(self._new)
        by_hrn = () if stage == "hrn" else ("final/", "output/")
        return {file: data for file, data in done.items() if file in new or not file.startswith(by_hrn)}


def _kilobytes(data: bytes) -> int:
    """What a file takes on a tmpfs."""
    return 4 * -(-len(data) // 4096)
