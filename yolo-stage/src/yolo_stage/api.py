"""yolo-stage in a program or a notebook: pictures in, the boxes of people out, without a workspace.

    detect = load_detector()
    people = detect("serve.jpg")

The numbers are those that the command writes: coordinates with three decimals, scores with four.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args, overload

import numpy as np
from numpy.typing import NDArray

from pose_contract.records import Person
from pose_contract.workspace import Workspace
from stage_kit.networks.batches import asked_by_shape, batch_size, in_batches
from stage_kit.networks.choices import PrecisionChoice, Weights, require_choice, require_choices
from stage_kit.networks.device import Device
from stage_kit.networks.loaded import LoadedNetwork, load_without_samples
from stage_kit.pictures import draw_boxes as boxes_drawn
from stage_kit.pictures.boxes import listed
from stage_kit.pictures.cuts import CUT_SCALE
from stage_kit.pictures.given import GivenPicture, is_single, read_given
from stage_kit.pictures.images import fitting_into_memory
from stage_kit.pictures.letterbox import Letterbox
from yolo_stage import STAGE
from yolo_stage.detector import Detector
from yolo_stage.detector_plan import DetectorPlan
from yolo_stage.fitting import fitted
from yolo_stage.model_files import plan_detector
from yolo_stage.options import DetectOptions, ModelOptions
from yolo_stage.people import Selection, choose_people, people_records

Engine = Literal["auto", "openvino", "torch", "opencv"]
DetectorName = Literal["yolo", "ssd", "fasterrcnn", "none"]
FilePath = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class People:
    """The people in one picture, from left to right; the arrays cannot be written to.

    Attributes:
        boxes_xyxy: float64 [N, 4], left, top, right and bottom edge in pixels of the upright picture, inside it. Edges
            are continuous: 0 is the left edge of the first pixel.
        scores: float64 [N], 0 to 1: objectness x probability of a person.
    """

    boxes_xyxy: NDArray[np.float64]
    scores: NDArray[np.float64]

    @classmethod
    def of(cls, records: Sequence[Person]) -> People:
        """From the records of an annot."""
        boxes = np.array([person.box.xyxy for person in records], np.float64).reshape(-1, 4)
        scores = np.array([person.score for person in records], np.float64)
        for array in (boxes, scores):
            array.setflags(write=False)
        return cls(boxes, scores)

    def __len__(self) -> int:
        """How many people there are."""
        return len(self.scores)

    def __repr__(self) -> str:
        """One line a person."""
        return f"People({listed(self.boxes_xyxy, self.scores)})"


@dataclass(frozen=True, eq=False, repr=False)
class LoadedDetector(LoadedNetwork[DetectorPlan, Detector]):
    """A loaded network that is called on pictures; `load_detector` makes it.

    Threads may share it. By OpenVINO, the default on a CPU, their calls run side by side; torch and opencv serve one
    call after the other.
    """

    selection: Selection

    @overload
    def __call__(self, picture: GivenPicture) -> People: ...  # type: ignore[overload-overlap] # text is one path

    @overload
    def __call__(self, picture: Sequence[GivenPicture]) -> list[People]: ...

    def __call__(self, picture: GivenPicture | Sequence[GivenPicture]) -> People | list[People]:
        """The people in a picture; of a list of pictures a list, by as many at a time as suits the engine.

        Args:
            picture: a path, a Pillow image, or an array RGB uint8 [H, W, 3]. EXIF orientation is applied to the first
                two, so that the boxes are in pixels of the upright picture.

        Raises:
            ImageError: a picture that cannot be read, or does not fit into memory.
            UsageError: something that is no picture.
        """
        if is_single(picture):
            return next(self._people([picture]))
        return list(self._people(cast(Sequence[GivenPicture], picture)))

    def _people(self, pictures: Sequence[GivenPicture]) -> Iterator[People]:
        size = batch_size(self.network)
        for batch in in_batches(map(self._fitted, pictures), size):
            inputs = [network_input for network_input, _ in batch]
            with self.turn():
                candidates = asked_by_shape(inputs, self.network.detect, size if self.network.fixed_batch else 0)
            for rows, (_, mapping) in zip(candidates, batch, strict=True):
                boxes, scores = choose_people(rows, mapping, self.selection)
                yield People.of(people_records(boxes, scores, (mapping.width, mapping.height), CUT_SCALE))

    def _fitted(self, picture: GivenPicture) -> tuple[NDArray[np.float32], Letterbox]:
        with fitting_into_memory():
            return fitted(self.network, read_given(picture))


def load_detector(
    *,
    detector: DetectorName = "yolo",
    weights: Weights = "auto",
    engine: Engine = "auto",
    precision: PrecisionChoice = "auto",
    device: Device = "auto",
    conf_thres: float | None = None,
    nms_thres: float = 0.4,
    max_people: int = 0,
    img_size: int | None = None,
    model_def: FilePath | None = None,
    weights_path: FilePath | None = None,
    trust: bool = False,
) -> LoadedDetector:
    """Loads the person detector that the command `yolo-stage` would take; the keywords are its flags.

    Args:
        detector: `yolo`, which is any Darknet network; `ssd`, `fasterrcnn` (needs PyTorch), or `none`: the picture is
            one person's box.
        weights: `published`, `lite` (the embedded ones), or the first of these that is there.
        engine: `openvino`, `torch` (needs yolo-torch), `opencv`, or the fastest that is there.
        precision: `fp32`, `bf16`, `int8`, or bf16 where it is known to cost next to nothing, else fp32. int8 is taken
            as a run of the command has calibrated it.
        device: `cpu`, `cuda`, or the GPU where there is one.
        conf_thres: least score of a person, over 0, up to 1; None is the model's own.
        nms_thres: IoU above which the less sure of two boxes goes.
        max_people: the surest N of each picture; 0 is all.
        img_size: side of the network's input in pixels, a multiple of 32; None is the cfg's. Of a cfg with
            rectangular inputs, the side of the square that has as many pixels.
        model_def: a Darknet cfg.
        weights_path: a weights file, which is never replaced by another.
        trust: take weights of a published name that are another file.

    Raises:
        UsageError: a value without a meaning, or an engine, device or precision that is not there.
        ConfigError: a cfg that is wrong or that the engine cannot run exactly.
        WeightsError: weights that are missing, damaged, of another network, or not those whose name they have.
    """
    require_choice("detector", detector, get_args(DetectorName))
    require_choices(get_args(Engine), weights=weights, engine=engine, precision=precision, device=device)
    model = ModelOptions(
        model_def=None if model_def is None else Path(model_def),
        weights_path=None if weights_path is None else Path(weights_path),
        img_size=img_size,
        weights=weights,
        engine=engine,
        precision=precision,
        device=device,
        trust=trust,
        detector=detector,
    )
    # The record checks the values; no workspace is looked at.
    options = DetectOptions(Workspace(Path()), model, conf_thres=conf_thres, nms_thres=nms_thres, max_people=max_people)
    plan = plan_detector(model)
    return LoadedDetector(plan, load_without_samples(plan.load, STAGE), plan.selection(options))


def draw_boxes(picture: GivenPicture, people: People) -> NDArray[np.uint8]:
    """A new picture, RGB uint8 [H, W, 3], with every person's box, index and score: the one in inspect/.

    Raises what reading the picture raises.
    """
    upright = read_given(picture)
    with fitting_into_memory():
        return boxes_drawn.draw_boxes(upright, people.boxes_xyxy, people.scores)
