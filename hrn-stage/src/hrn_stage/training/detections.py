"""Whom evaluation measures: the labelled people, or those of COCO's pictures that a detector found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from hrn_stage.coco_ranking import by_picture
from hrn_stage.config import HrnConfig
from hrn_stage.preprocess import center_and_scale
from hrn_stage.training.coco_labels import coco_label_file, coco_picture_folder
from hrn_stage.training.datasets import read_samples
from hrn_stage.training.samples import Sample
from pose_contract.errors import ConfigError
from stage_kit.pictures.nms import nms

PERSON = 1


def measured_people(config: HrnConfig) -> list[Sample]:
    """The people of TEST_SET.

    On COCO with TEST.USE_GT_BBOX false they are the boxes of TEST.COCO_BBOX_FILE; where no file is named, and on any
    other data set, the labelled people.

    Raises:
        ConfigError: labels or detections that are missing, damaged, or hold nobody.
    """
    if from_detector(config):
        return read_detections(config)
    return read_samples(config, config.DATASET.TEST_SET)


def from_detector(config: HrnConfig) -> bool:
    """Whether the people measured are a detector's."""
    test = config.TEST
    return config.DATASET.DATASET.lower() == "coco" and not test.USE_GT_BBOX and bool(test.COCO_BBOX_FILE)


def read_detections(config: HrnConfig) -> list[Sample]:
    """The boxes of TEST.COCO_BBOX_FILE in pictures of TEST_SET: COCO's list of image_id, category_id, bbox and score.

    A box with a score under TEST.IMAGE_THRE is left out, and one that overlaps a better one by an IoU over
    TEST.NMS_THRE; the published files set 1.0, which leaves out none. No keypoint of them is labelled.

    Raises:
        ConfigError: no such file, no such list, or no box that is left.
    """
    test, subset = config.TEST, config.DATASET.TEST_SET
    path = Path(test.COCO_BBOX_FILE)
    labels = coco_label_file(config, subset)
    folder = coco_picture_folder(config, subset, labels)
    names = _picture_names(labels)
    boxes = [box for box in _boxes(path) if box[0] in names and box[2] >= test.IMAGE_THRE]
    rows = by_picture([image_id for image_id, _, _ in boxes])
    samples = []
    for image_id, own in rows.items():
        xyxy = np.array([boxes[row][1] for row in own], np.float64)
        scores = np.array([boxes[row][2] for row in own], np.float64)
        for row in sorted(nms(xyxy, scores, test.NMS_THRE)):
            samples.append(_sample(config, folder / names[image_id], image_id, xyxy[row], float(scores[row])))
    if not samples:
        remedy = "check TEST.COCO_BBOX_FILE, DATASET.TEST_SET and TEST.IMAGE_THRE"
        raise ConfigError(f"no box of {path} is in a picture of {labels} with a score of {test.IMAGE_THRE}", remedy)
    return samples


def _picture_names(labels: Path) -> dict[int, str]:
    try:
        return {image["id"]: image["file_name"] for image in json.loads(labels.read_bytes())["images"]}
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{labels} lists no pictures: {error!r}", "export the labels again") from None


def _boxes(path: Path) -> list[tuple[int, list[float], float]]:
    """Image id, corners x1, y1, x2, y2 and score of each person."""
    try:
        found: list[dict[str, Any]] = json.loads(path.read_bytes())
        return [_box(entry) for entry in found if entry["category_id"] == PERSON]
    except OSError as error:
        reason = f"no boxes {path} (TEST.COCO_BBOX_FILE): {error.strerror}"
        raise ConfigError(reason, "fetch them, or measure on labelled boxes: TEST.USE_GT_BBOX true") from None
    except (ValueError, TypeError, KeyError) as error:
        expected = 'expected COCO\'s list of {"image_id", "category_id", "bbox": [x, y, w, h], "score"}'
        raise ConfigError(f"{path} is no list of boxes: {error!r}", expected) from None


def _box(entry: dict[str, Any]) -> tuple[int, list[float], float]:
    x, y, width, height = map(float, entry["bbox"])
    score = float(entry["score"])
    if not np.isfinite([x, y, width, height, score]).all() or width <= 0 or height <= 0:
        raise ValueError(f"box {entry['bbox']} of image {entry['image_id']} with score {entry['score']}")
    return int(entry["image_id"]), [x, y, x + width, y + height], score


def _sample(config: HrnConfig, image: Path, image_id: int, xyxy: np.ndarray[Any, Any], score: float) -> Sample:
    center, scale = center_and_scale(xyxy, config.MODEL.IMAGE_SIZE, config.TEST.CROP_CONTEXT)
    nothing = np.zeros((config.MODEL.NUM_JOINTS, 2), np.float32)
    return Sample(image, center, scale, nothing, np.zeros(len(nothing), bool), image_id, box_score=score)
