"""Reads MPII's labels as the published code has them: JSON, and the heads' sizes from MPII's own file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hrn_stage.config import HrnConfig
from hrn_stage.training.label_files import label_file, read_json, reading_labels
from hrn_stage.training.samples import Sample
from pose_contract.errors import ConfigError

HEAD_BIAS = 0.6


def read_mpii(config: HrnConfig, subset: str) -> list[Sample]:
    """MPII's JSON as published: 1-based pixels, a centre somewhat high on the body, a scale without context."""
    path = label_file(config, f"annot/{subset}.json", f"{subset}.json")
    images = Path(config.DATASET.ROOT, "images")
    folder = images if images.is_dir() else path.parent
    people = read_json(path)
    heads = _mpii_head_lengths(path.with_name(f"gt_{subset}.mat"), len(people))
    samples = []
    for number, (person, head_length) in enumerate(zip(people, heads, strict=True)):
        with reading_labels(path, number):
            samples.append(_mpii_person(person, folder, config, head_length))
    return samples


def _mpii_person(person: Any, folder: Path, config: HrnConfig, head_length: float | None) -> Sample:
    center, scale = np.array(person["center"], np.float32), np.float32(person["scale"])
    if center[0] != -1:
        # The published code shifts the centre down and adds a quarter of context, so that no limb is cut off.
        center[1] += 15 * scale
        scale *= np.float32(config.TEST.CROP_CONTEXT)
    labelled = np.array(person["joints_vis"], bool)
    joints = np.array(person["joints"], np.float32).reshape(len(labelled), 2) - 1
    joints[~labelled] = 0
    width, height = config.MODEL.IMAGE_SIZE
    seen = np.array([scale, scale * (height / width)], np.float32)
    return Sample(folder / person["image"], center - 1, seen, joints, labelled, head_length=head_length)


def _mpii_head_lengths(path: Path, people: int) -> list[float | None]:
    """PCKh's units from MPII's own gt_*.mat: 0.6 of the head box's diagonal, as published; None where it is missing."""
    if not path.is_file():
        return [None] * people
    try:
        from scipy.io import loadmat  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise ConfigError(f"{path} needs scipy, which is not installed", "make setup") from None
    boxes = loadmat(path)["headboxes_src"]
    if boxes.shape != (2, 2, people):
        raise ConfigError(f"{path} has {boxes.shape[-1]} heads for {people} people", "take the files of one release")
    return [float(length) for length in HEAD_BIAS * np.linalg.norm(boxes[1] - boxes[0], axis=0)]
