"""TEST.CROP_CONTEXT: how much around a person's box the network sees, in a run, in training and in made_by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import RecordingEstimator, config_with, plan_with
from story import points, poses_of, run

from hrn_stage.config import read_config
from hrn_stage.preprocess import affine_image_to_input, center_and_scale, normalize, warp_person
from hrn_stage.steps import made_by
from hrn_stage.training.datasets import read_samples
from pose_contract.errors import ConfigError
from pose_contract.storage import read_annot, write_record
from pose_contract.workspace import Workspace
from stage_kit.command.template import template_file
from stage_kit.pictures.images import read_image

TIGHT = {"BATCH_SIZE_PER_GPU": 2, "POST_PROCESS": True, "CROP_CONTEXT": 1.0}


def test_the_network_sees_the_box_times_the_context(workspace: Workspace) -> None:
    estimator = RecordingEstimator()
    assert not run(workspace, estimator, config_with(TEST=TIGHT)).failures
    picture = read_image(workspace.root / "images/a.jpg")
    box = (20, 20, 100, 180)
    affine = affine_image_to_input(*center_and_scale(box, (128, 128), 1.0), (128, 128))
    expected = normalize(warp_person(picture, affine, (128, 128))[None], True)[0]
    assert min(np.abs(seen - expected).mean() for seen in np.concatenate(estimator.inputs)) < 0.05


def test_keypoints_come_back_from_where_the_network_saw_them(workspace: Workspace) -> None:
    found = []
    for context in (1.25, 1.0):
        run(workspace, config=config_with(TEST=TIGHT | {"CROP_CONTEXT": context}))
        found.append(points(poses_of(workspace, "a.jpg"), 0))
    assert np.abs(found[0] - found[1]).max() < 8  # pixels: a cell of the heatmap


def test_it_is_part_of_made_by_where_it_is_not_the_published_one() -> None:
    published, tight = (
        made_by(plan_with(RecordingEstimator(), config)).options for config in (config_with(), config_with(TEST=TIGHT))
    )
    assert "crop_context" not in published
    assert tight["crop_context"] == 1.0 and published == {k: v for k, v in tight.items() if k != "crop_context"}


def test_wider_than_the_cuts_is_refused(workspace: Workspace) -> None:
    wide = config_with(TEST=TIGHT | {"CROP_CONTEXT": 1.5})
    for path in (workspace.root / "annots").rglob("*.json"):
        annot = read_annot(path)
        assert annot is not None
        made = annot.made_by.model_copy(update={"options": {"cut_scale": 1.25}})
        write_record(path, annot.model_copy(update={"made_by": made}))  # laid out as a stage does, so not a person's
    reports = run(workspace, config=wide).failures
    assert reports and all("--cut_scale 1.5" in failure.remedy for failure in reports)


def test_training_sees_as_much(tmp_path: Path) -> None:
    joints = np.zeros((1, 14, 3), np.float32)
    joints[0] = [[10 + 2 * row, 20 + 3 * row, 1] for row in range(14)]
    np.savez(tmp_path / "train.npz", files=np.array(["a.jpg"]), joints=joints)
    scales = [
        read_samples(
            config_with(DATASET={"DATASET": "lsp", "ROOT": str(tmp_path)}, TEST={"CROP_CONTEXT": context}), "train"
        )[0].scale
        for context in (1.25, 2.0)
    ]
    np.testing.assert_allclose(scales[1] / scales[0], 1.6, rtol=1e-6)


@pytest.mark.parametrize("value", ["0.9", "5", ".nan", "wide"])
def test_a_value_without_a_meaning_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="CROP_CONTEXT"):
        read_config(template_file("w32_256x256_adam_lr1e-3.yaml"), ["TEST.CROP_CONTEXT", value])


def test_the_published_file_keeps_the_papers_rule() -> None:
    test = read_config(template_file("w32_256x256_adam_lr1e-3.yaml")).TEST
    assert (test.CROP_CONTEXT, test.DECODE) == (1.25, "quarter")
