"""How well a detector finds people: AP50 and recall against labelled boxes, by pycocotools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stage_kit.networks.calibration import spread
from stage_kit.pictures.letterbox import letterbox
from stage_kit.training.coco import evaluated, require_pycocotools
from yolo_stage.detector import SCORE_FLOOR, Detector
from yolo_stage.labels import LabelledPicture, read_picture
from yolo_stage.options import DetectOptions
from yolo_stage.people import Selection, choose_people

EVERYTHING = Selection(conf_thres=SCORE_FLOOR, nms_thres=DetectOptions.nms_thres)
IOU, MOST_PER_PICTURE, BATCH = 0.5, 100, 8

Found = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Measured:
    """What a detector reaches on labelled pictures.

    Attributes:
        ap50: average precision at IoU 0.5, 101 recall points, as COCO defines it; -1 where nobody is labelled.
        recall: part of the labelled people that are found with a score of `threshold` or more.
        precision: part of the boxes with that score that are people; 1 where there is no box.
        threshold: the score.
        pictures, people: how many were labelled.
    """

    ap50: float
    recall: float
    precision: float
    threshold: float
    pictures: int
    people: int

    def as_line(self) -> str:
        """For a progress report."""
        return (
            f"AP50 {self.ap50:.4f}, recall {self.recall:.4f} and precision {self.precision:.4f} at {self.threshold:g}"
        )

    def as_text(self) -> str:
        """A markdown table."""
        if not self.people:
            return f"nobody is labelled in {self.pictures} pictures"
        return (
            f"| people in {self.pictures} pictures | AP50 | recall at score {self.threshold:g} | precision there |\n"
            f"|---|---|---|---|\n"
            f"| {self.people} | {100 * self.ap50:.1f} | {100 * self.recall:.1f} | {100 * self.precision:.1f} |"
        )

    def as_json(self) -> dict[str, Any]:
        """All numbers."""
        return asdict(self)


def detect_in(labelled: Sequence[LabelledPicture], detector: Detector, selection: Selection) -> Iterator[Found]:
    """Boxes [P, 4] in image pixels and scores [P] of each picture, as the pipeline finds them."""
    for start in range(0, len(labelled), BATCH):
        inputs = [letterbox(read_picture(row), detector.input_size) for row in labelled[start : start + BATCH]]
        candidates = detector.detect(np.stack([network_input for network_input, _ in inputs]))
        for rows, (_, mapping) in zip(candidates, inputs, strict=True):
            yield choose_people(rows, mapping, selection)


def sample_inputs(labelled: Sequence[LabelledPicture], input_size: int) -> Iterator[NDArray[np.float32]]:
    """Network inputs [1, 3, S, S] of some of the pictures, for int8 to be calibrated on."""
    for row in spread(labelled):
        yield letterbox(read_picture(row), input_size)[0][None]


def measure(labelled: Sequence[LabelledPicture], detector: Detector, threshold: float = 0.5) -> Measured:
    """Detects in all pictures and judges the boxes. Raises ConfigError as `judge` does."""
    require_pycocotools()
    return judge(labelled, list(detect_in(labelled, detector, EVERYTHING)), threshold)


def judge(labelled: Sequence[LabelledPicture], found: Sequence[Found], threshold: float) -> Measured:
    """Compares boxes and scores of each picture with its labels.

    Crowds take any number of boxes and count for nothing, as COCO has it.

    Raises:
        ConfigError: pycocotools is not installed.
    """
    require_pycocotools()
    people = sum(len(row.people) for row in labelled)
    results: list[dict[str, Any]] = [
        {"image_id": number, "category_id": 1, "bbox": _xywh(box), "score": float(score)}
        for number, (boxes, scores) in enumerate(found)
        for box, score in zip(boxes, scores, strict=True)
    ]
    if not results or not people:
        missed = 0.0 if people else -1.0
        sure = any(result["score"] >= threshold for result in results)
        return Measured(missed, max(missed, 0.0), 0.0 if sure else 1.0, threshold, len(labelled), people)
    evaluation = evaluated(_coco(labelled), results, "bbox", _at_one_iou)
    hits = misses = 0
    for picture in evaluation.evalImgs:
        if picture is not None:
            counted = (np.array(picture["dtScores"]) >= threshold) & ~picture["dtIgnore"][0].astype(bool)
            matched = picture["dtMatches"][0] > 0
            hits += int((counted & matched).sum())
            misses += int((counted & ~matched).sum())
    ap50 = float(evaluation.eval["precision"][0, :, 0, 0, 0].mean())
    precision = hits / (hits + misses) if hits + misses else 1.0
    return Measured(ap50, hits / people, precision, threshold, len(labelled), people)


def _at_one_iou(evaluation: Any) -> None:
    """AP50 of people of all sizes, and nothing else."""
    evaluation.params.iouThrs = np.array([IOU])
    evaluation.params.maxDets = [MOST_PER_PICTURE]
    evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]


def _xywh(box_xyxy: NDArray[np.float64]) -> list[float]:
    x1, y1, x2, y2 = (float(edge) for edge in box_xyxy)
    return [x1, y1, x2 - x1, y2 - y1]


def _coco(labelled: Sequence[LabelledPicture]) -> dict[str, Any]:
    rows = [
        (number, _xywh(box), int(crowd))
        for number, row in enumerate(labelled)
        for box, crowd in zip(row.boxes_xyxy, row.crowd, strict=True)
    ]
    annotations = [
        # An id of 0 would read as "no match".
        {"id": index, "image_id": number, "category_id": 1, "bbox": box, "area": box[2] * box[3], "iscrowd": crowd}
        for index, (number, box, crowd) in enumerate(rows, start=1)
    ]
    images = [{"id": number} for number in range(len(labelled))]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
