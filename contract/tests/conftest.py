"""Workspaces and records for the tests of the contract."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest

from pose_contract.records import Box, Cut, ImageAnnot, ImagePoses, Keypoint, MadeBy, Person, PersonPose
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import Picture

# A shell's background job, as CI may be one, starts with Ctrl-C ignored, and so would the commands under test.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHA = "ab" * 32
MADE_BY = MadeBy(stage="yolo-stage", version="0.1.0", model="yolov3", weights_sha256=SHA, options={"conf_thres": 0.5})


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "images").mkdir()
    return Workspace(tmp_path)


@pytest.fixture
def picture() -> Picture:
    """Smooth, so that JPEG changes it little: red grows to the right, green downward."""
    y, x = np.mgrid[0:40, 0:60]
    return np.stack([x * 4, y * 6, np.full_like(x, 90)], axis=2).astype(np.uint8)


def annot(image: str = "images/a.jpg", people: int = 1, sha: str = SHA, corrected: bool = False) -> ImageAnnot:
    box = Box(x1=1.00049, y1=2, x2=30.5, y2=39)
    stem = image.removeprefix("images/").removesuffix(".jpg")
    persons = tuple(
        Person(index=i, score=0.98765, box=box, cut=Cut(file=f"cuts/{stem}-{i}.jpg", x=0, y=0, width=40, height=40))
        for i in range(people)
    )
    return ImageAnnot(
        image=image, image_sha256=sha, width=60, height=40, people=persons, corrected=corrected, made_by=MADE_BY
    )


def poses(of: ImageAnnot, annot_sha256: str, corrected: bool = False) -> ImagePoses:
    people = tuple(
        PersonPose(index=p.index, score=0.5, box=p.box, keypoints=(Keypoint(name="nose", x=3.25, y=-0.0001, score=1),))
        for p in of.people
    )
    return ImagePoses(
        image=of.image,
        image_sha256=of.image_sha256,
        width=of.width,
        height=of.height,
        skeleton="coco17",
        corrected=corrected,
        people=people,
        made_by=MADE_BY.model_copy(update={"stage": "hrn-stage", "annot_sha256": annot_sha256}),
    )
