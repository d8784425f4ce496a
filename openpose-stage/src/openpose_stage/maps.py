"""What a network says of one picture: a heatmap for each part, and two fields for each link."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from openpose_stage.layouts import Layout
from pose_contract.errors import WeightsError

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Maps:
    """The maps of one picture, in cells: cell i of a map of stride s has its centre at input pixel (i + 0.5) s - 0.5.

    Attributes:
        heatmaps: float32 [J, h, w], how surely a part lies in a cell; without the background.
        fields: float32 [2 L, h, w], per link the x and the y part of a vector from its first part to its second.
    """

    heatmaps: NDArray[np.float32]
    fields: NDArray[np.float32]

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in cells."""
        height, width = self.heatmaps.shape[1:]
        return width, height


def checked(heatmaps: NDArray[np.float32], fields: NDArray[np.float32], layout: Layout) -> Maps:
    """The maps, of heatmaps [J + 1, h, w] with the background and fields [2 L, h, w].

    Raises WeightsError where they hold NaN or infinity, or are not as many as the layout has.
    """
    if (len(heatmaps), len(fields)) != (layout.heatmaps, layout.fields) or heatmaps.shape[1:] != fields.shape[1:]:
        expected = f"expected {layout.heatmaps} heatmaps and {layout.fields} fields of one size"
        got = f"got {list(heatmaps.shape)} and {list(fields.shape)}"
        raise WeightsError(f"the network is none of {layout.skeleton.name}: {expected}, {got}", "give another --model")
    if not (np.isfinite(heatmaps).all() and np.isfinite(fields).all()):
        raise WeightsError("the network gave NaN or infinity", "the weights do not work: fetch them again")
    return Maps(heatmaps[:-1], fields)


def of_one_array(output: NDArray[np.float32], layout: Layout) -> Maps:
    """The maps of what a Caffe network gives, [heatmaps + background + fields, h, w]. Raises as `checked`."""
    return checked(output[: layout.heatmaps], output[layout.heatmaps :], layout)


def mean_of(several: list[Maps]) -> Maps:
    """The mean of the maps of one picture at several scales, each enlarged or shrunk to the first one's size."""
    if len(several) == 1:
        return several[0]
    size = several[0].size_wh
    parts = []
    for name in ("heatmaps", "fields"):
        total = np.zeros_like(getattr(several[0], name))
        for maps in several:
            for channel, values in enumerate(getattr(maps, name)):
                same = values.shape == total.shape[1:]
                total[channel] += values if same else cv2.resize(values, size, interpolation=cv2.INTER_CUBIC)
        parts.append(total / np.float32(len(several)))
    return Maps(*parts)
