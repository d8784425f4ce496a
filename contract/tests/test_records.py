from __future__ import annotations

import json

import pytest
from pydantic import ValidationError
from sample_records import SHA, annot, poses

from pose_contract.records import Box, Cut, ImageAnnot, Keypoint
from pose_contract.storage import record_bytes


def test_an_image_without_anybody_is_a_record_of_its_own() -> None:
    stored = json.loads(record_bytes(annot(people=0)))
    assert stored["people"] == []
    assert stored["schema_version"] == 1


def test_coordinates_have_three_decimals_and_scores_four() -> None:
    person = json.loads(record_bytes(annot()))["people"][0]
    assert person["box"] == {"x1": 1.0, "y1": 2.0, "x2": 30.5, "y2": 39.0}
    assert person["score"] == 0.9876 or person["score"] == 0.9877


def test_minus_zero_is_stored_as_zero() -> None:
    point = json.loads(record_bytes(poses(annot(), SHA)))["people"][0]["keypoints"][0]
    assert str(point["y"]) == "0.0"


def test_a_record_read_back_is_equal_and_gives_the_same_bytes() -> None:
    first = annot(people=2)
    again = ImageAnnot.model_validate_json(record_bytes(first))
    assert again == first
    assert record_bytes(again) == record_bytes(first)


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"schema_version": 2},
        {"image_sha256": "short"},
        {"width": 0},
        {"people": [{"index": 0}]},
    ],
)
def test_a_wrong_record_is_refused(change: dict[str, object]) -> None:
    stored = json.loads(record_bytes(annot())) | change
    with pytest.raises(ValidationError):
        ImageAnnot.model_validate(stored)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_coordinate_is_a_number(value: float) -> None:
    with pytest.raises(ValidationError):
        Box(x1=value, y1=0, x2=1, y2=1)


def test_scores_and_cuts_have_their_ranges() -> None:
    with pytest.raises(ValidationError):
        Keypoint(name="nose", x=0, y=0, score=1.01)
    with pytest.raises(ValidationError):
        Cut(file="cuts/a-0.jpg", x=-1, y=0, width=1, height=1)


def test_records_are_frozen() -> None:
    with pytest.raises(ValidationError):
        annot().width = 5  # type: ignore[misc]


def test_a_record_of_the_first_release_is_read_and_is_as_if_made_today() -> None:
    stored = json.loads(record_bytes(annot()))
    assert stored["made_by"].pop("results") == 1
    stored["made_by"]["version"] = "0.1.0"
    assert ImageAnnot.model_validate(stored) == annot()
    stored["made_by"]["version"] = "0.0.9"
    with pytest.raises(ValidationError):
        ImageAnnot.model_validate(stored)
