"""What a half-trained network gets wrong on its training pictures: drawn more often, it is unlearnt sooner."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stage_kit.pictures.boxes import iou_matrix
from yolo_stage.detector import Detector
from yolo_stage.evaluation import EVERYTHING, detect_in
from yolo_stage.labels import LabelledPicture
from yolo_stage.rectangles import TakesPictures, input_wh
from yolo_stage.scan import boxes_on_nothing
from yolo_torch.training.sampling import Mined

SURE = 0.3  # score of a box on nothing
FOUND_SCORE, FOUND_IOU = 0.35, 0.6  # of a box that finds somebody
SMALLEST = 20.0  # network pixels of the longer side; who is smaller may be missed


def mine(labelled: Sequence[LabelledPicture], indices: Sequence[int], detector: Detector) -> Mined:
    """Detects in the pictures of those indices; returns boxes on nothing, and people whom no box finds."""
    on_nothing: dict[int, NDArray[np.float64]] = {}
    missed: dict[int, NDArray[np.float64]] = {}
    chosen = [labelled[index] for index in indices]
    for index, row, (boxes, scores) in zip(indices, chosen, detect_in(chosen, detector, EVERYTHING), strict=True):
        sides = np.tile(np.array(row.size_wh, np.float64), 2)
        sure = boxes[scores >= SURE]
        wrong = sure[boxes_on_nothing(sure, row.people, row.boxes_xyxy[row.crowd])]
        lost = missed_people(row, boxes[scores >= FOUND_SCORE], detector)
        if len(wrong):
            on_nothing[index] = wrong / sides
        if len(lost):
            missed[index] = lost / sides
    return Mined(on_nothing, missed)


def missed_people(row: LabelledPicture, boxes_xyxy: NDArray[np.float64], network: TakesPictures) -> NDArray[np.float64]:
    """The people [K, 4], large enough to be found, that none of the boxes [P, 4] fits."""
    scale = min(side / own for side, own in zip(input_wh(network, row.size_wh), row.size_wh, strict=True))
    longer = (row.people[:, 2:] - row.people[:, :2]).max(axis=1, initial=0) * scale
    fitted = (iou_matrix(row.people, boxes_xyxy) > FOUND_IOU).any(axis=1)
    lost: NDArray[np.float64] = row.people[(longer >= SMALLEST) & ~fitted]
    return lost
