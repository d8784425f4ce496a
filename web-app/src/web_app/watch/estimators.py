"""The networks that find people in a frame: loaded once, by what the stages export."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from pose_contract.errors import UsageError
from pose_contract.skeletons import Skeleton
from web_app.watch.evidence import confirmed, distinct
from web_app.watch.people import Estimator, Found, Frame
from web_app.watch.visits import VisitRules

if TYPE_CHECKING:
    from openpose_stage import LoadedOpenpose
    from yolo_stage import LoadedDetector

EstimatorName = Literal["topdown", "bottomup"]
EVERY = 3  # the detector, as second evidence, looks at every third frame
DEVICES = {"AUTO": "auto", "CPU": "cpu", "GPU": "cuda", "CUDA": "cuda"}
PRECISIONS = ("auto", "fp32", "bf16", "int8")


@dataclass(frozen=True)
class Networks:
    """Which networks, where, and how exactly they compute.

    Attributes:
        estimator: `topdown`: a detector and HRNet for each person; `bottomup`: openpose-stage for all at once.
        device: CPU, GPU (CUDA), or auto.
        precision: auto, fp32, bf16 or int8.
        weights: auto, published or lite, of topdown.
        openpose_model: of bottomup; auto takes what is there.
    """

    estimator: EstimatorName = "topdown"
    device: str = "auto"
    precision: str = "auto"
    weights: Literal["auto", "published", "lite"] = "auto"
    openpose_model: str = "auto"

    def __post_init__(self) -> None:
        """Raises UsageError for what there is not."""
        if self.device.upper() not in DEVICES:
            raise UsageError(f"--device-name: expected CPU, GPU or auto, got {self.device!r}", "leave it out")
        if self.precision.lower() not in PRECISIONS:
            told = f"--precision: expected FP32, BF16, INT8 or auto, got {self.precision!r}"
            raise UsageError(told, "BF16 takes the place of FP16; or leave it out")


class TopDown:
    """A detector, then HRNet for every box; a visit's score is the detector's."""

    def __init__(self, networks: Networks) -> None:
        """Loads both. Raises StageError."""
        from hrn_stage import load_estimator
        from yolo_stage import load_detector

        asked = {"weights": networks.weights, "device": DEVICES[networks.device.upper()]}
        asked["precision"] = networks.precision.lower()
        self._detect = load_detector(conf_thres=VisitRules().keep_score, **asked)  # type: ignore[arg-type]
        self._estimate = load_estimator(overrides={"TEST.FLIP_TEST": False}, **asked)  # type: ignore[arg-type]
        self.skeleton: Skeleton = self._estimate.skeleton
        plans = (self._detect.plan, self._estimate.plan)
        self.model = " + ".join(plan.model for plan in plans)
        self.precision = " + ".join(dict.fromkeys(plan.precision for plan in plans))

    def __call__(self, frame: Frame) -> Found:
        """The people in the frame."""
        people = self._detect(frame.picture)
        poses = self._estimate(frame.picture, people)
        keypoints = np.concatenate([poses.keypoints_xy, poses.scores[..., None]], axis=2)
        return Found(people.boxes_xyxy, keypoints, people.scores, len(people))


class BottomUp:
    """openpose-stage for everybody at once; the detector counts, and confirms whom it sees too, as second evidence."""

    def __init__(self, find: LoadedOpenpose, detect: LoadedDetector) -> None:
        self._find, self._detect = find, detect
        self.skeleton: Skeleton = find.skeleton
        self.model = f"{find.plan.model} + {detect.plan.model}"
        self.precision = " + ".join(dict.fromkeys((find.plan.precision, detect.plan.precision)))

    def __call__(self, frame: Frame) -> Found:
        """The people in the frame."""
        poses = self._find(frame.picture)
        keypoints = np.concatenate([poses.keypoints_xy, poses.scores[..., None]], axis=2)
        rows = distinct(poses.boxes_xyxy, keypoints)
        found = Found(poses.boxes_xyxy[rows], keypoints[rows], poses.person_scores[rows])
        if frame.number % EVERY:
            return found
        seen = self._detect(frame.picture)
        scores = confirmed(found.boxes_xyxy, found.scores, seen.boxes_xyxy, seen.scores)
        return replace(found, scores=scores, counted=len(seen))


def load_networks(networks: Networks) -> Estimator:
    """Loads what is asked for. Raises StageError."""
    if networks.estimator == "topdown":
        return TopDown(networks)
    from openpose_stage import load_openpose
    from yolo_stage import load_detector

    find = load_openpose(model=networks.openpose_model, precision=networks.precision.lower())
    detect = load_detector(weights=networks.weights, device=DEVICES[networks.device.upper()])  # type: ignore[arg-type]
    return BottomUp(find, detect)
