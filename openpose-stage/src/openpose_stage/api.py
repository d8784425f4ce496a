"""openpose-stage in a program or a notebook: pictures in, the poses of all people out, without a workspace.

    find = load_openpose(model="hpe-0001")
    poses = find("crowd.jpg")

The numbers are those that the command writes: coordinates with three decimals, scores with four.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast, get_args, overload

import numpy as np
from numpy.typing import NDArray

from openpose_stage import STAGE
from openpose_stage import lecture as lecture
from openpose_stage.asking import maps_of
from openpose_stage.decode import decode
from openpose_stage.estimate import Reading, poses_in
from openpose_stage.explain import explained
from openpose_stage.fitting import Fit, fitted
from openpose_stage.maps import Maps
from openpose_stage.model_files import OpenposePlan, plan_network
from openpose_stage.network import FieldNetwork
from openpose_stage.options import DecodeOptions, Model, ModelOptions
from pose_contract.errors import UsageError
from pose_contract.records import PersonPose
from pose_contract.skeletons import Skeleton
from stage_kit.networks.batches import asked_by_shape, batch_size, in_batches
from stage_kit.networks.loaded import LoadedNetwork
from stage_kit.pictures.boxes import listed
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.given import GivenPicture, is_single, read_given
from stage_kit.pictures.images import decode_image, fitting_into_memory
from stage_kit.pictures.pose_arrays import pose_arrays
from stage_kit.pictures.posed_pictures import paste_poses

FilePath = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class Poses:
    """The poses of the people in one picture, from left to right; the arrays cannot be written to.

    Attributes:
        keypoints_xy: float64 [N, J, 2], in pixels of the upright picture, pixel centres at integers.
        scores: float64 [N, J], 0 to 1; 0 where a part was not found, whose place is 0, 0 then.
        skeleton: the names of the J keypoints, the limbs, and left and right.
        boxes_xyxy: float64 [N, 4], around the keypoints that were found.
        person_scores: float64 [N]: the mean score of the keypoints with at least 0.2.
        records: one a person, as they stand in openpose/poses/.
    """

    keypoints_xy: NDArray[np.float64]
    scores: NDArray[np.float64]
    skeleton: Skeleton
    boxes_xyxy: NDArray[np.float64]
    person_scores: NDArray[np.float64]
    records: tuple[PersonPose, ...]

    @classmethod
    def of(cls, records: Sequence[PersonPose], skeleton: Skeleton) -> Poses:
        """From the records of one picture."""
        found = pose_arrays(records, skeleton)
        return cls(found.keypoints_xy, found.scores, skeleton, found.boxes_xyxy, found.person_scores, tuple(records))

    def __len__(self) -> int:
        """How many people there are."""
        return len(self.person_scores)

    def __repr__(self) -> str:
        """One line a person."""
        return f"Poses({self.skeleton.name}, {listed(self.boxes_xyxy, self.person_scores)})"


@dataclass(frozen=True, eq=False)
class Explained:
    """All that was found on the way to the poses of one picture.

    Attributes:
        heatmaps, fields: the network's maps, [J, h, w] and [2 L, h, w].
        output: float32 [1, J + 1 + 2 L, h, w], the same as a Caffe network gives them, for the lecture's functions; the
            background, which is not kept, is 1 minus the highest heatmap.
        sheets: the pictures of `--explain`, RGB uint8, by their names.
        links_csv: every candidate of a link, as text.
    """

    heatmaps: NDArray[np.float32]
    fields: NDArray[np.float32]
    output: NDArray[np.float32]
    sheets: dict[str, NDArray[np.uint8]]
    links_csv: str


@dataclass(frozen=True, eq=False, repr=False)
class LoadedOpenpose(LoadedNetwork[OpenposePlan, FieldNetwork]):
    """A loaded network that is called on pictures; `load_openpose` makes it. Threads may share it."""

    reading: Reading
    scales: tuple[float, ...]

    @property
    def skeleton(self) -> Skeleton:
        """What the network finds."""
        return self.plan.layout.skeleton

    @overload
    def __call__(self, picture: GivenPicture) -> Poses: ...  # type: ignore[overload-overlap] # text is one path

    @overload
    def __call__(self, picture: Sequence[GivenPicture]) -> list[Poses]: ...

    def __call__(self, picture: GivenPicture | Sequence[GivenPicture]) -> Poses | list[Poses]:
        """The poses in a picture; of a list of pictures a list.

        Args:
            picture: a path, a Pillow image, or an array RGB uint8 [H, W, 3]. EXIF orientation is applied to the first
                two.

        Raises:
            ImageError: a picture that cannot be read, or does not fit into memory.
            UsageError: something that is no picture.
            WeightsError: the network gives NaN or infinity.
        """
        if is_single(picture):
            return self._poses([picture])[0]
        return self._poses(cast(Sequence[GivenPicture], picture))

    def _poses(self, pictures: Sequence[GivenPicture]) -> list[Poses]:
        found = []
        for batch in in_batches(map(self._fitted, pictures), batch_size(self.network)):
            maps = self._maps([network_input for network_input, _ in batch])
            for one, (_, fit) in zip(maps, batch, strict=True):
                found.append(Poses.of(poses_in(one, fit, self.reading), self.skeleton))
        return found

    def _maps(self, inputs: list[NDArray[np.uint8]]) -> list[Maps]:
        with self.turn():
            return asked_by_shape(inputs, lambda rows: maps_of(self.network, rows, self.scales, self.plan.multiple))

    def _fitted(self, picture: GivenPicture) -> tuple[NDArray[np.uint8], Fit]:
        upright = read_given(picture)
        with fitting_into_memory():
            return fitted(upright, self.plan.height, self.plan.multiple)

    def explain(self, picture: GivenPicture) -> Explained:
        """Every step of one picture. Raises as a call does."""
        upright = read_given(picture)
        network_input, fit = self._fitted(upright)
        (maps,) = self._maps([network_input])
        files = explained(upright, fit, maps, self.reading)
        background = 1 - maps.heatmaps.max(axis=0, keepdims=True)
        output = np.concatenate([maps.heatmaps, background, maps.fields])[None]
        sheets = {name: decode_image(data) for name, data in files.items() if name.endswith(".jpg")}
        return Explained(maps.heatmaps, maps.fields, output, sheets, files["5-links.csv"].decode())

    def persons(self, picture: GivenPicture) -> NDArray[np.float64]:
        """Everybody who was put together, fragments too: float64 [P, J + 1], point ids or -1 and the total."""
        (maps,) = self._maps([self._fitted(picture)[0]])
        return decode(maps, self.reading.layout, self.reading.rules).assembled


def load_openpose(*, trust: bool = False, **flags: Any) -> LoadedOpenpose:
    """Loads the network that the command `openpose-stage` would take; the keywords are its flags.

    Args:
        trust: take weights of a published name that are another file.
        flags: of the network: `model` (lite, hpe-0001, coco, mpi, mpi-fast, body25), `weights_path`, `precision`,
            `norm`, `height`, `scales` (a tuple of factors); of the steps: `threshold`, `peaks`, `smooth`, `upsample`,
            `samples`, `least_field`, `min_good`, `pairing`, `min_points`, `min_mean`, `seed_links`, `single`.

    Raises:
        UsageError: an unknown keyword, or a value without a meaning.
        WeightsError: weights that are missing, damaged, of another network, or not those whose name they have.
        ConfigError: a network that this machine cannot run.
    """
    of_network = {one.name for one in fields(ModelOptions)}
    of_steps = {one.name for one in fields(DecodeOptions)}
    unknown = flags.keys() - of_network - of_steps
    if unknown:
        known = ", ".join(sorted(of_network | of_steps))
        raise UsageError(f"load_openpose has no keyword {sorted(unknown)[0]}", f"known are {known}")
    model = flags.get("model", "auto")
    if model not in get_args(Model):
        raise UsageError(f"model: expected one of {', '.join(get_args(Model))}, got {model!r}", f"see {STAGE} --help")
    given = {name: value for name, value in flags.items() if name in of_network}
    if given.get("weights_path") is not None:
        given["weights_path"] = Path(given["weights_path"])
    options = ModelOptions(**given, trust=trust)
    decode_options = DecodeOptions(**{name: value for name, value in flags.items() if name in of_steps})
    plan = plan_network(options, decode_options.seed_links)
    reading = Reading(plan.layout, plan.stride, decode_options.rules(plan.own), decode_options.single)
    return LoadedOpenpose(plan, plan.load(tuple), reading, options.scales)


def draw_poses(picture: GivenPicture, poses: Poses, style: DrawStyle | None = None) -> NDArray[np.uint8]:
    """A new picture, RGB uint8 [H, W, 3], with every person's skeleton over it: the one in openpose/final/.

    Raises what reading the picture raises.
    """
    upright = read_given(picture)
    with fitting_into_memory():
        return paste_poses(upright, poses.records, poses.skeleton.name, style or DrawStyle(min_score=0.1))
