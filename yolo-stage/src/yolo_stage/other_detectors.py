"""Detectors that are no Darknet networks: an SSD by OpenVINO, torchvision's Faster R-CNN, and none at all.

They are there to be compared with: who is found decides what the poses are worth.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pose_contract.errors import UsageError, WeightsError
from stage_kit.networks.device import flavour_of_this_image, how_to_get_torch
from stage_kit.networks.int8 import Samples
from stage_kit.networks.precision import Precision, choose_precision, engine_in_words
from stage_kit.weights.published import is_there, missing_weights_error, require_published, sha256_of, weights_folder
from yolo_stage.detector import Detector
from yolo_stage.detector_plan import DEFAULT_CONF_THRES, DetectorPlan
from yolo_stage.engines import whole_frame
from yolo_stage.options import ModelOptions

NOTHING = hashlib.sha256().hexdigest()


@dataclass(frozen=True)
class _Kind:
    """One of these detectors: its engine, its published file, and the side S of an input of S x S pixels."""

    engine: str
    file: str
    input_size: int


KINDS = {
    # 416: a picture of 16:9 is given as 544 x 320, which the network was made for.
    "ssd": _Kind("openvino", "person-detection-retail-0013.xml", 416),
    # 928: as many pixels as torchvision's own shorter side of 800 gives to pictures of 4:3.
    "fasterrcnn": _Kind("torch", "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth", 928),
}


def plan_other_detector(options: ModelOptions) -> DetectorPlan:
    """What `--detector ssd`, `fasterrcnn` or `none` takes.

    Raises:
        UsageError: a flag that speaks to Darknet networks alone, or an engine or precision that is not there.
        WeightsError: the weights are missing, or not those whose name they have.
    """
    _refuse_what_is_darknets(options)
    if options.detector == "none":
        return _plan_none()
    kind = KINDS[options.detector]
    if options.engine not in ("auto", kind.engine):
        raise UsageError(f"--detector {options.detector} runs by {kind.engine}, not {options.engine}", "drop --engine")
    if kind.engine == "torch" and (find_spec("torch") is None or find_spec("torchvision") is None):
        reason = f"--detector fasterrcnn needs PyTorch, which is not installed{flavour_of_this_image()}"
        raise UsageError(reason, how_to_get_torch())
    weights = _weights(options, kind)
    sha256 = _sha256(weights, options.trust)
    if options.precision == "int8" or (kind.engine == "torch" and options.precision == "bf16"):
        reason = f"--precision {options.precision}: --detector {options.detector} does not compute in it"
        raise UsageError(reason, "give --precision fp32 or auto")
    precision, why = choose_precision(options.precision, kind.engine, sha256)
    size = options.img_size or kind.input_size
    in_words = engine_in_words(kind.engine, precision, options.device)
    return DetectorPlan(
        model=weights.stem,
        weights_sha256=sha256,
        model_def_sha256=NOTHING,
        person_class=1,
        input_size=size,
        conf_thres=DEFAULT_CONF_THRES,
        engine=kind.engine,
        why=f"{options.detector}, weights {weights}, {in_words}",
        precision=precision,
        load=lambda _samples: _load(options, weights, size, precision),
        batches_at_once=2 if kind.engine == "openvino" else 1,
        details=f"{weights.stem}; {precision}: {why}",
        rectangular=True,
    )


def _load(options: ModelOptions, weights: Path, size: int, precision: Precision) -> Detector:
    if options.detector == "ssd":
        from yolo_stage.engines import ssd

        return ssd.load_detector(weights, size, precision)
    from yolo_stage.engines import faster_rcnn

    return faster_rcnn.load_detector(weights, size, options.device)


def _plan_none() -> DetectorPlan:
    def load(_samples: Samples) -> Detector:
        return whole_frame.load_detector()

    return DetectorPlan(
        model="whole-frame",
        weights_sha256=NOTHING,
        model_def_sha256=NOTHING,
        person_class=0,
        input_size=whole_frame.SIDE,
        conf_thres=DEFAULT_CONF_THRES,
        engine="none",
        why="no detector: every picture is one person's box",
        precision="fp32",
        load=load,
        details="whole-frame",
    )


def _refuse_what_is_darknets(options: ModelOptions) -> None:
    deaf: dict[str, object] = {"model_def": options.model_def, "class_path": options.class_path}
    if options.detector == "none":
        asked = options.engine if options.engine != "auto" else None
        deaf |= {"weights_path": options.weights_path, "img_size": options.img_size, "engine": asked}
    for flag, value in deaf.items():
        if value is not None:
            raise UsageError(f"--{flag} says nothing to --detector {options.detector}", f"drop --{flag}")
    if options.weights == "lite":
        reason = f"--weights lite is the embedded network, and --detector {options.detector} another"
        raise UsageError(reason, "drop the one or the other")


def _weights(options: ModelOptions, kind: _Kind) -> Path:
    if options.weights_path is not None:
        if not is_there(options.weights_path):
            raise WeightsError(f"no weights file {options.weights_path}", "check --weights_path")
        return options.weights_path
    place = weights_folder() / kind.file
    if not is_there(place):
        raise missing_weights_error(kind.file, (place,))
    return place


def _sha256(weights: Path, trust: bool) -> str:
    """Of the file; of an .xml with that of the .bin beside it, which holds its numbers. Raises WeightsError."""
    files = [weights]
    if weights.suffix == ".xml":
        files.append(weights.with_suffix(".bin"))
        if not is_there(files[1]):
            raise missing_weights_error(files[1].name, files[1:])
    hashes = [sha256_of(file) for file in files]
    for file, sha256 in zip(files, hashes, strict=True):
        require_published(file, sha256, trust)
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
