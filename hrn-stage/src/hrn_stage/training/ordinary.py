"""People of ordinary photos: labels with weights, joints that the photo does not show, a detector's box beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrn_stage.training.samples import Sample
from pose_contract.errors import ConfigError

FEWEST = 4  # labels that somebody to be trained on must have
EXTENT_TO_FRAME = 1.38  # of the joints' extent: about what a detector's tight box shows, a quarter of context included
SMALLEST_FRAME = 12.0  # pixels
PIXELS_PER_UNIT = 200.0
ARRAYS = ("files", "joints", "weight", "absent", "box", "draws")


@dataclass(frozen=True)
class OrdinaryPerson:
    """A person whose labels are not all alike.

    Attributes:
        image: the picture file.
        joints_xy: float64 [J, 2] in image pixels, pixel centres at integers.
        weights: float32 [J], how much each label counts, 0..1; 0 where not labelled.
        absent: bool [J], outside the photo: the network is to say so.
        box_xyxy: float64 [4] in image pixels, a detector's or a vote's; NaN where there is none.
        draws: how often this person is drawn beside others.
    """

    image: Path
    joints_xy: NDArray[np.float64]
    weights: NDArray[np.float32]
    absent: NDArray[np.bool_]
    box_xyxy: NDArray[np.float64]
    draws: float = 1.0

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Which joints [J] have a label."""
        return self.weights > 0

    @property
    def has_box(self) -> bool:
        """Whether there is a box that is more than a line."""
        return bool((self.box_xyxy[2:] - self.box_xyxy[:2] > FEWEST).all())

    def extent(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Top-left and bottom-right of the labelled joints."""
        joints = self.joints_xy[self.labelled]
        return joints.min(axis=0), joints.max(axis=0)

    def as_sample(self, input_wh: tuple[int, int]) -> Sample:
        """As the other data sets give people, framed by the joints: for measuring."""
        low, high = self.extent()
        width, height = high - low
        aspect = input_wh[0] / input_wh[1]
        seen = np.array([max(width, height * aspect), max(height, width / aspect)], np.float32)
        scale = seen * np.float32(EXTENT_TO_FRAME / PIXELS_PER_UNIT)
        joints = np.where(self.labelled[:, None], self.joints_xy, 0).astype(np.float32)
        return Sample(self.image, ((low + high) / 2).astype(np.float32), scale, joints, self.labelled)


def read_ordinary_people(path: Path, pictures: Path) -> list[OrdinaryPerson]:
    """The people of an npz with `ARRAYS`, those with `FEWEST` labels or more; `files` are named from `pictures`.

    Raises:
        ConfigError: an array is missing.
    """
    with np.load(path, allow_pickle=False) as arrays:
        missing = [name for name in ARRAYS if name not in arrays.files]
        if missing:
            raise ConfigError(f"{path} lacks {', '.join(missing)}", "make it with recipes/lite/gather_people.py")
        rows = [arrays[name] for name in ARRAYS]
    people = [
        OrdinaryPerson(
            pictures / str(file),
            joints.astype(np.float64),
            weight.astype(np.float32),
            absent.astype(bool),
            box.astype(np.float64),
            float(draws),
        )
        for file, joints, weight, absent, box, draws in zip(*rows, strict=True)
    ]
    return [person for person in people if person.labelled.sum() >= FEWEST]
