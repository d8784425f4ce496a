"""`--poses openpose`: the poses in openpose/ in the place of those in output/."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from people import FIGURE, pose, times, walker, write_video

from motion_stage.cli import main
from pose_contract.skeletons import BODY25, COCO18, MPI15, Skeleton
from pose_contract.video_records import FramePose
from pose_contract.workspace import Workspace

MIDDLES = {"neck": (0, -100), "chest": (0, -50), "mid_hip": (0, 0), "head_top": (5, -160)}


def walkers(skeleton: Skeleton):
    """Somebody who slides to the right, in a skeleton whose further points nobody sees."""
    known = FIGURE | MIDDLES
    body = np.array([known.get(name, (np.nan, np.nan)) for name in skeleton.keypoints])

    def people(at: int, t: float) -> list[FramePose]:
        del at
        return [pose(body + np.array([200 + 150 * t, 400]))]

    return people


@pytest.mark.parametrize("skeleton", [COCO18, MPI15, BODY25], ids=lambda skeleton: skeleton.name)
def test_poses_of_openpose_have_a_motion(workspace: Workspace, skeleton: Skeleton) -> None:
    write_video(replace(workspace, output="openpose"), "a.mp4", times(25, 2), walkers(skeleton), skeleton)
    run = ["--workspace", str(workspace.root), "--plots", "0", "--quiet"]
    assert main(run) == 0 and not (workspace.root / "motion").exists(), "unasked, those of hrn-stage"
    assert main([*run, "--poses", "openpose"]) == 0
    rows = list(csv.DictReader((workspace.root / "motion/a.mp4/speeds.csv").open()))
    speeds = [float(row["speed_px_per_s"]) for row in rows if row["point"] == "mid_hip" and row["speed_px_per_s"]]
    assert np.median(speeds) == pytest.approx(150, rel=0.03)


def test_pose_toml_may_say_so(workspace: Workspace) -> None:
    write_video(workspace, "a.mp4", times(25, 1), walker)
    write_video(replace(workspace, output="openpose"), "b.mp4", times(25, 1), walkers(COCO18), COCO18)
    Path(workspace.root, "pose.toml").write_text('[motion]\nposes = "openpose"\nplots = false\n')
    assert main(["--workspace", str(workspace.root), "--quiet"]) == 0
    assert [path.name for path in (workspace.root / "motion").iterdir()] == ["b.mp4"]
