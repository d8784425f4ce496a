"""Which records are exported: the poses that a person corrected."""

from __future__ import annotations

from pose_contract.errors import ConfigError
from pose_contract.records import ImagePoses
from pose_contract.skeletons import COCO17, LSP14, MPII16, Skeleton
from pose_contract.workspace import Workspace

SKELETONS = {skeleton.name: skeleton for skeleton in (MPII16, COCO17, LSP14)}


def corrected_poses(workspace: Workspace) -> tuple[list[ImagePoses], Skeleton]:
    """The corrected poses by name, and their skeleton.

    Raises:
        ConfigError: none is corrected, or their skeletons differ.
        WorkspaceError: a record that cannot be read.
    """
    chosen = [poses for poses in workspace.poses() if poses.corrected]
    if not chosen:
        raise ConfigError(f"{workspace.root} has no corrected poses", "correct a record, and say corrected: true in it")
    names = sorted({poses.skeleton for poses in chosen})
    if len(names) > 1 or names[0] not in SKELETONS:
        raise ConfigError(f"the corrected poses have the skeletons {', '.join(names)}", "export one kind at a time")
    return chosen, SKELETONS[names[0]]


def points_of(keypoints: dict[str, tuple[float, float]], skeleton: Skeleton) -> list[tuple[float, float, int]]:
    """x, y and COCO's visibility for every joint, in order: 2 where it is given, else 0, 0, 0."""
    return [(*keypoints[name], 2) if name in keypoints else (0.0, 0.0, 0) for name in skeleton.keypoints]
