"""Reads the records of a workspace as labels: what a person has corrected teaches the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrn_stage.config import HrnConfig
from hrn_stage.data_set_skeleton import skeleton_for
from hrn_stage.preprocess import center_and_scale
from hrn_stage.training.samples import Sample
from pose_contract.skeletons import Skeleton
from pose_contract.storage import read_poses, record_paths
from pose_contract.workspace import Workspace

ALL_RECORDS = "all"


def read_workspace(config: HrnConfig, subset: str) -> list[Sample]:
    """The corrected records of a workspace; with the set named `all`, every record.

    Keypoints that a corrected record leaves out are not labelled.
    """
    workspace = Workspace(Path(config.DATASET.ROOT))
    skeleton = skeleton_for(config.DATASET.DATASET, config.MODEL.NUM_JOINTS)
    samples = []
    for path in record_paths(workspace.path(workspace.output) / "poses"):
        poses = read_poses(path)
        if poses is None or poses.skeleton != skeleton.name or not (poses.corrected or subset == ALL_RECORDS):
            continue
        for person in poses.people:
            center, scale = center_and_scale(person.box.xyxy, config.MODEL.IMAGE_SIZE, config.TEST.CROP_CONTEXT)
            points = {point.name: (point.x, point.y) for point in person.keypoints}
            joints, labelled = _joints_by_name(points, skeleton)
            samples.append(Sample(workspace.path(poses.image), center, scale, joints, labelled))
    return samples


def _joints_by_name(
    points: dict[str, tuple[float, float]], skeleton: Skeleton
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    joints = np.array([points.get(name, (0.0, 0.0)) for name in skeleton.keypoints], np.float32)
    return joints, np.array([name in points for name in skeleton.keypoints])
