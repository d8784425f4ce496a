"""Reads COCO's keypoint labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hrn_stage.config import HrnConfig
from hrn_stage.preprocess import center_and_scale
from hrn_stage.training.label_files import label_file, read_json, reading_labels
from hrn_stage.training.samples import Sample


def read_coco(config: HrnConfig, subset: str) -> list[Sample]:
    """COCO's keypoint JSON; people without labelled keypoints, crowds, and boxes without area are left out."""
    path = coco_label_file(config, subset)
    labels = read_json(path)
    with reading_labels(path):
        images = {image["id"]: image for image in labels["images"]}
        people = list(labels["annotations"])
    folder = coco_picture_folder(config, subset, path)
    samples = []
    for number, person in enumerate(people):
        with reading_labels(path, number):
            sample = _coco_person(person, images[person["image_id"]], folder, config)
        if sample is not None:
            samples.append(sample)
    return samples


def _coco_person(person: Any, image: Any, folder: Path, config: HrnConfig) -> Sample | None:
    box = _box_in_image(person["bbox"], image["width"], image["height"])
    if person.get("iscrowd") or not person.get("num_keypoints") or box is None:
        return None
    points = np.array(person["keypoints"], np.float32).reshape(-1, 3)
    labelled = points[:, 2] > 0
    points[~labelled] = 0
    center, scale = center_and_scale(box, config.MODEL.IMAGE_SIZE, config.TEST.CROP_CONTEXT)
    return Sample(
        folder / image["file_name"], center, scale, points[:, :2], labelled, image["id"], float(person["area"])
    )


def coco_label_file(config: HrnConfig, subset: str) -> Path:
    """COCO's keypoint JSON of a set, in its published place or in the root. Raises ConfigError where it is missing."""
    return label_file(config, f"annotations/person_keypoints_{subset}.json", f"{subset}.json")


def coco_picture_folder(config: HrnConfig, subset: str, labels: Path) -> Path:
    """Where the pictures of a set lie: in a published place below DATASET.ROOT, else beside the labels."""
    folders = [Path(config.DATASET.ROOT, name) for name in (f"images/{subset}", "images", subset)]
    return next((candidate for candidate in folders if candidate.is_dir()), labels.parent)


def _box_in_image(box_xywh: list[float], width: int, height: int) -> tuple[float, float, float, float] | None:
    """As the published code cleans COCO's boxes: corners clipped to the picture's pixels."""
    x, y, w, h = box_xywh
    x1, y1 = max(0.0, x), max(0.0, y)
    x2, y2 = min(width - 1.0, x1 + max(0.0, w - 1)), min(height - 1.0, y1 + max(0.0, h - 1))
    return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None
