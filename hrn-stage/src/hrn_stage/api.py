"""hrn-stage in a program or a notebook: a picture and the boxes of people in, their poses out, without a workspace.

    estimate = load_estimator()
    poses = estimate("serve.jpg", people)
    draw_poses("serve.jpg", poses)

The numbers are those that the commands write: coordinates with three decimals, scores with four. For that the network
sees what it sees in a run, the cut that yolo-stage writes: a JPEG. On our photos every eleventh keypoint would lie
elsewhere without that, one in twenty by over 5 pixels: where two peaks of a heatmap are nearly equal, little decides.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args, overload

import numpy as np
from numpy.typing import NDArray

from hrn_stage import STAGE
from hrn_stage.config import HrnConfig, read_config
from hrn_stage.estimator import PoseEstimator
from hrn_stage.inference import estimate_people, keypoints_in_image
from hrn_stage.model_files import EstimatorPlan, plan_estimator
from hrn_stage.options import EstimateOptions
from hrn_stage.people import PreparedPerson, person_pose, prepare_person
from hrn_stage.poses import Boxes, Poses, persons_of
from pose_contract.errors import UsageError
from pose_contract.records import Person
from pose_contract.skeletons import Skeleton
from pose_contract.workspace import DEFAULT_CONFIG, Workspace
from stage_kit.command.template import template_file
from stage_kit.networks.batches import batch_size, in_batches, stacked
from stage_kit.networks.choices import PrecisionChoice, Weights, require_choices
from stage_kit.networks.device import Device
from stage_kit.networks.loaded import LoadedNetwork, load_without_samples
from stage_kit.pictures.boxes import clip_boxes, valid_boxes
from stage_kit.pictures.cuts import CUT_SCALE, cut_around, cut_out
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.given import GivenPicture, is_single, read_given, require_as_many
from stage_kit.pictures.images import Picture, decode_image, encode_jpeg, fitting_into_memory
from stage_kit.pictures.posed_pictures import paste_poses

Engine = Literal["auto", "openvino", "torch"]
FilePath = str | os.PathLike[str]
PACKAGED_CONFIG = template_file(DEFAULT_CONFIG)


@dataclass(frozen=True, eq=False, repr=False)
class LoadedEstimator(LoadedNetwork[EstimatorPlan, PoseEstimator]):
    """A loaded network that is called on a picture and its people; `load_estimator` makes it.

    Threads may share it. By OpenVINO, the default on a CPU, their calls run side by side; torch serves one call after
    the other, and pads every batch to TEST.BATCH_SIZE_PER_GPU people, as a run does: `overrides` can make that smaller.
    """

    @property
    def skeleton(self) -> Skeleton:
        """What the network finds."""
        return self.plan.skeleton

    @overload
    def __call__(self, picture: GivenPicture, people: Boxes) -> Poses: ...  # type: ignore[overload-overlap] # text is one path

    @overload
    def __call__(self, picture: Sequence[GivenPicture], people: Sequence[Boxes]) -> list[Poses]: ...

    def __call__(
        self, picture: GivenPicture | Sequence[GivenPicture], people: Boxes | Sequence[Boxes]
    ) -> Poses | list[Poses]:
        """The poses of people in a picture; of a list of pictures, with a list of their people, a list.

        Args:
            picture: a path, a Pillow image, or an array RGB uint8 [H, W, 3]. EXIF orientation is applied to the first
                two.
            people: as `yolo_stage.load_detector` finds them, or boxes [N, 4]: left, top, right and bottom edge in
                pixels of the upright picture. A box may reach beyond the picture.

        Raises:
            ImageError: a picture that cannot be read, or does not fit into memory.
            UsageError: something that is no picture or no boxes, or a box wholly outside the picture.
            WeightsError: the network gives NaN or infinity.
        """
        if is_single(picture):
            return self._poses([picture], [cast(Boxes, people)])[0]
        pictures, boxes = cast(Sequence[GivenPicture], picture), cast(Sequence[Boxes], people)
        require_as_many(pictures, boxes, "people")
        return self._poses(pictures, boxes)

    def _poses(self, pictures: Sequence[GivenPicture], people: Sequence[Boxes]) -> list[Poses]:
        given = [persons_of(boxes) for boxes in people]
        pairs = zip(pictures, given, strict=True)
        cuts = (cut for picture, persons in pairs for cut in self._prepared(picture, persons))
        # All are read before the first is put together: a picture without people may be a bad one too.
        found = iter([pose for batch in in_batches(cuts, self._batch_size()) for pose in self._estimated(batch)])
        records = (person_pose(person, *next(found), self.skeleton) for persons in given for person in persons)
        return [Poses.of([next(records) for _ in persons], self.skeleton) for persons in given]

    def _batch_size(self) -> int:
        return batch_size(self.network, self.plan.config.TEST.BATCH_SIZE_PER_GPU)

    def _prepared(self, picture: GivenPicture, persons: Sequence[Person]) -> Iterator[PreparedPerson]:
        upright = read_given(picture)
        with fitting_into_memory():
            for person in persons:
                yield prepared_by_jpeg(upright, person, self.plan.config)

    def _estimated(self, people: Sequence[PreparedPerson]) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float32]]]:
        """Per person keypoints [J, 2] in the picture and scores [J]."""
        size = self._batch_size() if self.network.fixed_batch else 0
        inputs = stacked([person.network_input for person in people], size)
        with self.turn():
            estimated = estimate_people(inputs, self.network, self.plan.config, self.skeleton)[: len(people)]
        keypoints = keypoints_in_image(estimated, people, self.plan.config)
        return zip(keypoints, (person.scores for person in estimated), strict=True)


def prepared_by_jpeg(picture: Picture, person: Person, config: HrnConfig) -> PreparedPerson:
    """The network's input for a person, by way of the cut that yolo-stage would write.

    Raises:
        UsageError: the person's box has no area inside the picture.
    """
    height, width = picture.shape[:2]
    if not valid_boxes(clip_boxes([person.box.xyxy], (width, height)))[0]:
        reason = f"box {person.index}, {person.box.xyxy}, has no area inside the picture of {width} x {height}"
        raise UsageError(reason, "leave it out; edges are left, top, right, bottom in pixels of the upright picture")
    context = config.TEST.CROP_CONTEXT
    cut = cut_around(person.box, (width, height), max(CUT_SCALE, context))
    seen = decode_image(encode_jpeg(cut_out(picture, cut)))
    return prepare_person(person.model_copy(update={"cut": cut}), seen, config.MODEL.IMAGE_SIZE, context)


def load_estimator(
    *,
    cfg: FilePath | None = None,
    weights: Weights = "auto",
    engine: Engine = "auto",
    precision: PrecisionChoice = "auto",
    device: Device = "auto",
    overrides: Mapping[str, object] | None = None,
    trust: bool = False,
) -> LoadedEstimator:
    """Loads the pose network that the command `hrn-stage` would take; the keywords are its flags.

    Args:
        cfg: an HRNet experiment file; None is the one that every new workspace gets.
        weights: `published`, `lite` (the embedded ones), or the first of these that is there.
        engine: `openvino`, `torch`, or the fastest that is there.
        precision: `fp32`, `bf16`, `int8`, or bf16 where it is known to cost next to nothing, else fp32. int8 is taken
            as a run of the command has calibrated it.
        device: `cpu`, `cuda`, or the GPU where there is one.
        overrides: keys of the YAML and their values, such as {"TEST.FLIP_TEST": False}.
        trust: take weights of a published name that are another file.

    Raises:
        UsageError: a value without a meaning, or an engine, device or precision that is not there.
        ConfigError: a YAML that is wrong, or an unknown key.
        WeightsError: weights that are missing, damaged, of another network, or not those whose name they have.
    """
    require_choices(get_args(Engine), weights=weights, engine=engine, precision=precision, device=device)
    path = PACKAGED_CONFIG if cfg is None else Path(cfg)
    pairs = [(key, "null" if value is None else str(value)) for key, value in (overrides or {}).items()]
    config = read_config(path, [word for pair in pairs for word in pair])
    plan = plan_estimator(config, path, weights, device, engine, precision, trust)
    EstimateOptions(Workspace(Path()), plan.config)  # the record checks the values; no workspace is looked at
    return LoadedEstimator(plan, load_without_samples(plan.load, STAGE))


def draw_poses(picture: GivenPicture, poses: Poses, style: DrawStyle | None = None) -> NDArray[np.uint8]:
    """A new picture, RGB uint8 [H, W, 3], with every person's skeleton over it: the one in final/.

    Args:
        picture: the one that the poses were found in.
        poses: what the estimator returned.
        style: what is drawn and how large; None is what the command draws without flags.

    Raises what reading the picture raises.
    """
    upright = read_given(picture)
    with fitting_into_memory():
        return paste_poses(upright, poses.records(), poses.skeleton.name, style or DrawStyle())
