"""`pose run` on real photos, with both stages and their embedded networks."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from conftest import run

POSE = [sys.executable, "-m", "stage_kit.command.pose"]


def pose(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return run([*POSE, *words], cwd=folder)


def test_photos_from_two_folders_into_one_workspace(shared: Path, tmp_path: Path) -> None:
    photos = sorted((shared / "photos").glob("*.jpg"))[:3]
    for photo, place in zip(photos, ("left/a.jpg", "left/sub/b.jpg", "right/a.jpg"), strict=True):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, tmp_path / place)
    flags = ("--yolo-stage=--weights lite", "--hrn-stage=--weights lite")
    first = pose("run", "left", "right", "-o", "out", *flags, folder=tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("embedded weights (see docs/networks.md), ") == 2
    for name in ("a.jpg", "sub/b.jpg", "right-a.jpg"):
        assert f"-> out/final/{name}\n" in first.stdout and (tmp_path / "out/final" / name).is_file()
    assert first.stdout.endswith("pictures: out/final, out/inspect; keypoints: out/output/keypoints.csv\n")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/output/poses").rglob("*.json")}
    again = pose("run", "right", "left", "-o", "out", *flags, folder=tmp_path)
    assert again.stderr.count("3 images: 3 already done") == 2
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out/output/poses").rglob("*.json")} == times
    assert (tmp_path / "left/a.jpg").is_file()


def test_pose_toml_settles_both_stages(shared: Path, tmp_path: Path) -> None:
    assert pose("workspace", "w", folder=tmp_path).returncode == 0
    shutil.copy(sorted((shared / "photos").glob("*.jpg"))[0], tmp_path / "w/images/a.jpg")
    settings = "[yolo]\nweights = 'lite'\nmax_people = 1\n[hrn]\nweights = 'lite'\n[draw]\nlabel = true\n"
    (tmp_path / "w/pose.toml").write_text(settings)
    done = pose("run", "-o", "w", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "max_people 1 (pose.toml)" in done.stderr and "label 1 (pose.toml)" in done.stderr
    assert "a.jpg: 1 person, " in done.stdout
