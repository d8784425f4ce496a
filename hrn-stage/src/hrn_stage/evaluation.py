"""How well a network does on labelled people: PCK, PCKh, and OKS by pycocotools."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrn_stage.coco_ranking import Found, Ranking, by_picture, ranked
from hrn_stage.config import HrnConfig
from hrn_stage.estimator import PoseEstimator
from hrn_stage.inference import estimate_people, keypoints_in_image
from hrn_stage.metrics import (
    DERIVED,
    Correct,
    correct_within,
    head_lengths,
    interchangeable,
    torso_lengths,
    without_nan,
)
from hrn_stage.people import PreparedPerson
from hrn_stage.preprocess import PIXELS_PER_UNIT, affine_image_to_input, normalize, warp_person
from hrn_stage.training.coco_labels import coco_label_file
from hrn_stage.training.detections import from_detector
from hrn_stage.training.samples import Sample
from pose_contract.errors import ConfigError
from pose_contract.skeletons import Skeleton
from stage_kit.networks.calibration import spread
from stage_kit.pictures.images import read_image
from stage_kit.training.coco import evaluated, require_pycocotools, summary_of

PCK = "PCK@0.2"
PCK_EITHER_SIDE = "PCK@0.2, left and right interchangeable"
PCKH = "PCKh@0.5"
PCKH_STRICT = "PCKh@0.1"
OKS_NAMES = ("AP", "AP50", "AP75", "AP medium", "AP large", "AR", "AR50", "AR75", "AR medium", "AR large")


@dataclass(frozen=True)
class Predictions:
    """Keypoints [N, J, 2] in image pixels and their scores [N, J], one row per sample."""

    keypoints_xy: NDArray[np.float64]
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """The tables by name; `oks` holds COCO's ten numbers where the labels are COCO's."""

    people: int
    tables: dict[str, Correct]
    oks: dict[str, float]
    notes: tuple[str, ...] = ()

    @property
    def score(self) -> float | None:
        """The one number to choose weights by: COCO's AP, else PCKh@0.5, else PCK@0.2; None where none could be had.

        pycocotools gives an AP of -1 where nobody is labelled.
        """
        means = [self.tables[name].mean for name in (PCKH, PCK) if name in self.tables]
        return next((value for value in (self.oks.get("AP", -1.0), *means) if value >= 0), None)

    def as_json(self) -> dict[str, Any]:
        """Everything, for a file; None where a rate is not defined."""
        rates = {
            name: {"mean": table.mean, **dict(zip(table.names, map(float, table.rates), strict=True))}
            for name, table in self.tables.items()
        }
        whole = {"people": self.people, "rates": rates, "oks": self.oks, "notes": list(self.notes)}
        return {name: without_nan(part) for name, part in whole.items()}

    def as_text(self) -> str:
        """A table: one row per keypoint, one column per measure."""
        lines = []
        if columns := list(self.tables.values()):
            lines += [f"| keypoint | {' | '.join(self.tables)} |", "|---|" + "---|" * len(columns)]
            rows = [("mean", [table.mean for table in columns])]
            rows += [(name, [table.rates[row] for table in columns]) for row, name in enumerate(columns[0].names)]
            lines += [f"| {name} | {' | '.join(map(_rate, rates))} |" for name, rates in rows] + [""]
        if self.oks:
            lines += ["OKS: " + ", ".join(f"{name} {value:.3f}" for name, value in self.oks.items()), ""]
        return "\n".join([*lines, f"{self.people} people", *self.notes])


def _rate(rate: float) -> str:
    return "-" if math.isnan(rate) else f"{rate:.3f}"


def measure(samples: Sequence[Sample], estimator: PoseEstimator, config: HrnConfig, skeleton: Skeleton) -> Measured:
    """Runs the network over the people of TEST_SET, as TEST says, and judges its predictions."""
    return judge(samples, predict(samples, estimator, config, skeleton), config, skeleton)


def judge(samples: Sequence[Sample], predictions: Predictions, config: HrnConfig, skeleton: Skeleton) -> Measured:
    """`score_predictions`, and with COCO's labels OKS too; of a detector's people, which have no labels, OKS alone.

    Raises:
        ConfigError: pycocotools is not installed, or the predictions do not belong to the labels.
    """
    dataset, test = config.DATASET, config.TEST
    if dataset.DATASET.lower() != "coco":
        # Pelvis and thorax of LSP's people are midpoints that nobody labelled.
        return score_predictions(samples, predictions, skeleton, DERIVED if dataset.DATASET.lower() == "lsp" else ())
    if from_detector(config):
        measured = Measured(len(samples), {}, {}, (f"people: the boxes of {test.COCO_BBOX_FILE}",))
    else:
        measured = score_predictions(samples, predictions, skeleton)
        measured = replace(measured, notes=(*measured.notes, "people: the labelled boxes"))
    results = coco_results(samples, predictions, Ranking(test.IN_VIS_THRE, test.OKS_THRE, test.SOFT_NMS))
    return replace(measured, oks=coco_oks(coco_label_file(config, dataset.TEST_SET), results))


def predict(samples: Sequence[Sample], estimator: PoseEstimator, config: HrnConfig, skeleton: Skeleton) -> Predictions:
    """Keypoints of every sample, straight from its picture, in batches of TEST.BATCH_SIZE_PER_GPU."""
    size = config.TEST.BATCH_SIZE_PER_GPU
    width, height = config.MODEL.IMAGE_SIZE
    keypoints, scores = [], []
    for first in range(0, len(samples), size):
        people = [_prepared(sample, config) for sample in samples[first : first + size]]
        pictures = np.zeros((size if estimator.fixed_batch else len(people), height, width, 3), np.uint8)
        for row, person in enumerate(people):
            pictures[row] = person.network_input
        estimated = estimate_people(pictures, estimator, config, skeleton)[: len(people)]
        keypoints.append(keypoints_in_image(estimated, people, config))
        scores += [person.scores for person in estimated]
    return Predictions(np.concatenate(keypoints).astype(np.float64), np.stack(scores).astype(np.float64))


def sample_inputs(samples: Sequence[Sample], config: HrnConfig) -> Iterator[NDArray[np.float32]]:
    """Network inputs [1, 3, H, W] of some of the samples, for int8 to be calibrated on."""
    for sample in spread(samples):
        yield normalize(_prepared(sample, config).network_input[None], config.DATASET.COLOR_RGB)


def _prepared(sample: Sample, config: HrnConfig) -> PreparedPerson:
    affine = affine_image_to_input(sample.center, sample.scale, config.MODEL.IMAGE_SIZE)
    return PreparedPerson(
        warp_person(read_image(sample.image), affine, config.MODEL.IMAGE_SIZE), sample.center, sample.scale
    )


def score_predictions(
    samples: Sequence[Sample], predictions: Predictions, skeleton: Skeleton, left_out: Collection[str] = ()
) -> Measured:
    """PCK@0.2 of the torso, plain and with interchangeable sides, and PCKh@0.5 and @0.1 where heads are labelled.

    Keypoints `left_out` are no part of a mean. PCKh's mean is the one that is published for MPII: weighted by how often
    a keypoint is labelled, without pelvis and thorax.
    """
    joints = np.stack([sample.joints_xy for sample in samples])
    labelled = np.stack([sample.labelled for sample in samples])
    found, names = predictions.keypoints_xy, skeleton.keypoints
    torsos = torso_lengths(joints, labelled, skeleton)
    either = interchangeable(found, joints, labelled, skeleton)
    tables = {
        PCK: correct_within(found, joints, labelled, 0.2 * torsos, names),
        PCK_EITHER_SIDE: correct_within(either, joints, labelled, 0.2 * torsos, names),
    }
    tables = {name: replace(table, left_out=frozenset(left_out)) for name, table in tables.items()}
    notes = [f"PCK: {int(np.isnan(torsos).sum())} people without a labelled torso left out"]
    if {"head_top", "upper_neck"} <= set(names):
        boxes = [sample.head_length for sample in samples]
        given = all(length is not None for length in boxes)
        heads = np.array(boxes, np.float64) if given else head_lengths(joints, labelled, skeleton)
        for name, share in ((PCKH, 0.5), (PCKH_STRICT, 0.1)):
            table = correct_within(found, joints, labelled, share * heads, names)
            tables[name] = replace(table, left_out=DERIVED, by_counts=True)
        notes.append("PCKh: by head boxes" if given else "PCKh: no head boxes, so by head top to upper neck")
    return Measured(len(samples), tables, {}, tuple(notes))


def coco_results(samples: Sequence[Sample], predictions: Predictions, ranking: Ranking) -> list[dict[str, Any]]:
    """The results list that pycocotools loads: picture by picture who stays after OKS-NMS, with their scores."""
    triples = np.concatenate([predictions.keypoints_xy, predictions.scores[..., None]], axis=2)
    results = []
    for image_id, rows in by_picture([sample.image_id for sample in samples]).items():
        people = [samples[row] for row in rows]
        found = Found(
            predictions.keypoints_xy[rows],
            predictions.scores[rows],
            np.array([person.box_score for person in people], np.float64),
            np.array([np.prod(person.scale.astype(np.float64) * PIXELS_PER_UNIT) for person in people], np.float64),
        )
        for row, score in zip(*ranked(found, ranking), strict=True):
            keypoints = [float(value) for value in triples[rows[row]].reshape(-1)]
            results.append({"image_id": image_id, "category_id": 1, "keypoints": keypoints, "score": float(score)})
    return results


def coco_oks(label_file: Path, results: list[dict[str, Any]]) -> dict[str, float]:
    """COCO's AP and AR by pycocotools' OKS.

    Raises:
        ConfigError: pycocotools is not installed, or the results do not belong to the labels.
    """
    require_pycocotools()
    if not results:
        return dict.fromkeys(OKS_NAMES, 0.0)
    return dict(zip(OKS_NAMES, summary_of(evaluated(label_file, results, "keypoints")), strict=True))


def read_predictions(path: Path, people: int, keypoints: int) -> Predictions:
    """A file of predictions: a list of `keypoints` [x, y, score, ...], one entry per person in the order of the labels.

    Raises:
        ConfigError: no such file, no JSON, or another number of people or keypoints.
    """
    try:
        rows = json.loads(path.read_bytes())
        triples = np.array([row["keypoints"] for row in rows], np.float64).reshape(len(rows), -1, 3)
    except (OSError, ValueError, TypeError, KeyError) as error:
        expected = 'expected a list of {"keypoints": [x, y, score, …]}'
        raise ConfigError(f"{path} is no list of predictions: {error}", expected) from None
    if triples.shape[:2] != (people, keypoints):
        got = f"{triples.shape[0]} people with {triples.shape[1]} keypoints"
        raise ConfigError(f"{path} has {got}, the labels {people} with {keypoints}", "predict this set in its order")
    return Predictions(triples[..., :2], triples[..., 2])
