"""How well a detector finds people: AP50 and recall against labelled boxes, by pycocotools; and a scan of scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stage_kit.networks.batches import asked_by_shape
from stage_kit.networks.calibration import spread
from stage_kit.training.coco import evaluated, require_pycocotools
from yolo_stage.detector import SCORE_FLOOR, Detector
from yolo_stage.fitting import fitted
from yolo_stage.labels import LabelledPicture, read_picture
from yolo_stage.options import DetectOptions
from yolo_stage.people import Selection, choose_people
from yolo_stage.rectangles import TakesPictures
from yolo_stage.scan import THRESHOLDS, Matches, ScanRow, boxes_on_nothing, scan, scan_table

EVERYTHING = Selection(conf_thres=SCORE_FLOOR, nms_thres=DetectOptions.nms_thres)
IOUS, MOST_PER_PICTURE, BATCH = (0.5, 0.7), 100, 8

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
        recall_70: recall at IoU 0.7.
        on_nothing: boxes a picture, with that score, that show nobody.
        scan: the same at other scores.
    """

    ap50: float
    recall: float
    precision: float
    threshold: float
    pictures: int
    people: int
    recall_70: float = 0.0
    on_nothing: float = 0.0
    scan: tuple[ScanRow, ...] = ()

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
            f"| people in {self.pictures} pictures | AP50 | recall at score {self.threshold:g} | precision there "
            f"| recall at IoU 0.7 | boxes on nothing a picture |\n"
            f"|---|---|---|---|---|---|\n"
            f"| {self.people} | {100 * self.ap50:.1f} | {100 * self.recall:.1f} | {100 * self.precision:.1f} "
            f"| {100 * self.recall_70:.1f} | {self.on_nothing:.3f} |"
        )

    def scanned(self) -> str:
        """A markdown table of what other scores give."""
        return scan_table(self.scan)

    def as_json(self) -> dict[str, Any]:
        """All numbers."""
        return asdict(self)


def detect_in(labelled: Sequence[LabelledPicture], detector: Detector, selection: Selection) -> Iterator[Found]:
    """Boxes [P, 4] in image pixels and scores [P] of each picture, as the pipeline finds them."""
    for start in range(0, len(labelled), BATCH):
        inputs = [fitted(detector, read_picture(row)) for row in labelled[start : start + BATCH]]
        candidates = asked_by_shape([network_input for network_input, _ in inputs], detector.detect)
        for rows, (_, mapping) in zip(candidates, inputs, strict=True):
            yield choose_people(rows, mapping, selection)


def sample_inputs(labelled: Sequence[LabelledPicture], network: TakesPictures) -> Iterator[NDArray[np.float32]]:
    """Network inputs [1, 3, H, W] of some of the pictures, for int8 to be calibrated on."""
    for row in spread(labelled):
        yield fitted(network, read_picture(row))[0][None]


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
    people, pictures = sum(len(row.people) for row in labelled), len(labelled)
    results: list[dict[str, Any]] = [
        {"image_id": number, "category_id": 1, "bbox": _xywh(box), "score": float(score)}
        for number, (boxes, scores) in enumerate(found)
        for box, score in zip(boxes, scores, strict=True)
    ]
    if not results or not people:
        ap50, matches = 0.0 if people else -1.0, _without_matches(labelled, found)
    else:
        evaluation = evaluated(_coco(labelled), results, "bbox", _at_two_ious)
        ap50 = float(evaluation.eval["precision"][0, :, 0, 0, 0].mean())
        matches = _matches(labelled, found, evaluation.evalImgs)
    (row,) = scan(matches, people, pictures, (threshold,))
    measured = Measured(ap50, row.recall, row.precision, threshold, pictures, people, row.recall_70, row.on_nothing)
    return replace(measured, scan=scan(matches, people, pictures, THRESHOLDS))


def _matches(labelled: Sequence[LabelledPicture], found: Sequence[Found], judged: Sequence[Any]) -> Matches:
    """What pycocotools has matched, of every box; its rows go by falling score, as ours are made to."""
    parts = [_without_matches([], [])]
    for row, (boxes, scores), picture in zip(labelled, found, judged, strict=True):
        if picture is None:  # neither labels nor boxes
            continue
        order = np.argsort(-scores, kind="mergesort")[:MOST_PER_PICTURE]
        pairs, ignored = picture["dtMatches"] > 0, picture["dtIgnore"].astype(bool)
        nothing = boxes_on_nothing(boxes[order], row.people, row.boxes_xyxy[row.crowd])
        parts.append(
            Matches(scores[order], pairs[0] & ~ignored[0], pairs[1] & ~ignored[1], ignored[0], nothing & ~pairs[0])
        )
    return _joined(parts)


def _without_matches(labelled: Sequence[LabelledPicture], found: Sequence[Found]) -> Matches:
    """Where there is nobody to be matched with, or there are no boxes."""
    parts = [Matches(np.zeros(0), *(np.zeros(0, bool) for _ in range(4)))]
    for row, (boxes, scores) in zip(labelled, found, strict=True):
        none = np.zeros(len(boxes), bool)
        nothing = boxes_on_nothing(boxes, row.people, row.boxes_xyxy[row.crowd])
        parts.append(Matches(scores, none, none, none, nothing))
    return _joined(parts)


def _joined(parts: Sequence[Matches]) -> Matches:
    columns = zip(*((p.scores, p.at_50, p.at_70, p.ignored, p.on_nothing) for p in parts), strict=True)
    return Matches(*(np.concatenate(column) for column in columns))


def _at_two_ious(evaluation: Any) -> None:
    """People of all sizes, and nothing else."""
    evaluation.params.iouThrs = np.array(IOUS)
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
