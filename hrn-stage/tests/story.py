"""How the tests of the stage run its story, and read what it gave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from fakes import (
    MarkerEstimator,
    config_with,
    plan_with,
)
from numpy.typing import NDArray

from hrn_stage.config import HrnConfig
from hrn_stage.inference import Estimated, estimate_people, keypoints_in_image
from hrn_stage.intake import read_cut
from hrn_stage.options import EstimateOptions
from hrn_stage.people import prepare_person
from hrn_stage.steps import estimate_poses
from pose_contract.records import ImagePoses, RunReport
from pose_contract.skeletons import MPII16
from pose_contract.storage import read_annot, read_poses, write_record
from pose_contract.workspace import Workspace
from stage_kit.pictures.draw_style import DrawStyle

HEATMAP_CELL = 4.0


def run(
    workspace: Workspace,
    estimator: MarkerEstimator | None = None,
    config: HrnConfig | None = None,
    style: DrawStyle | None = None,
    **options: object,
) -> RunReport:
    config = config or config_with()
    chosen = EstimateOptions(workspace, config, style or DrawStyle(), quiet=True, **options)  # type: ignore[arg-type]
    return estimate_poses(chosen, plan_with(estimator or MarkerEstimator(), config))


def poses_of(workspace: Workspace, name: str) -> ImagePoses:
    poses = read_poses(workspace.path(workspace.poses_file(name)))
    assert poses is not None
    return poses


def points(poses: ImagePoses, person: int) -> np.ndarray:
    return np.array([(point.x, point.y) for point in poses.people[person].keypoints])


def estimated(
    workspace: Workspace, estimator: MarkerEstimator, config: HrnConfig
) -> tuple[NDArray[np.float64], list[Estimated]]:
    """Keypoints [P, J, 2] in image pixels of a.jpg's people, and the network's answers."""
    annot = read_annot(workspace.root / "annots/a.json")
    assert annot is not None
    people = [prepare_person(person, read_cut(workspace, person), (128, 128)) for person in annot.people]
    answers = estimate_people(np.stack([person.network_input for person in people]), estimator, config, MPII16)
    return keypoints_in_image(answers, people, config), answers


def corrected_poses(workspace: Workspace) -> Path:
    """a.jpg's poses as a person has left them: some keypoints are left out."""
    run(workspace)
    person = poses_of(workspace, "a.jpg").people[0]
    fewer = person.model_copy(update={"keypoints": person.keypoints[3:9]})
    path = workspace.root / "output/poses/a.json"
    write_record(path, poses_of(workspace, "a.jpg").model_copy(update={"corrected": True, "people": (fewer,)}))
    return path
