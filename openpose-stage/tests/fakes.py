"""Networks named after what they do or the failure they play, and pictures that they see people in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from synthetic import STRIDE, Scene, person_at, render

from openpose_stage.layouts import COCO, Layout
from openpose_stage.maps import Maps
from openpose_stage.model_files import OpenposePlan
from openpose_stage.options import DecodeOptions, ModelOptions, OpenposeOptions, own_folders
from openpose_stage.steps import find_poses
from pose_contract.records import ImagePoses, RunReport
from pose_contract.storage import read_poses
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import Picture, write_jpeg
from stage_kit.videos.writer import write_movie

TIMES = 6  # as high as its square a person is
Square = tuple[int, int, int]  # x, y of its middle, side: all in pixels


@dataclass
class SquareNetwork:
    """Sees a standing person about each black square."""

    layout: Layout = COCO
    name: str = "fake"
    device: str = "cpu"
    precision: str = "fp32"
    fixed_batch: bool = False
    at_once: tuple[int, int] = (1, 2)
    asked: list[tuple[int, ...]] = field(default_factory=list)

    def maps(self, pictures: NDArray[np.uint8]) -> list[Maps]:
        self.asked.append(pictures.shape)
        return [self._maps(picture) for picture in pictures]

    def _maps(self, picture: Picture) -> Maps:
        dark = (picture.max(axis=2) < 100).astype(np.uint8)
        count, _, stats, centres = cv2.connectedComponentsWithStats(dark)
        people = [
            person_at(*centre, TIMES * float(np.sqrt(stat[cv2.CC_STAT_AREA])), self.layout)
            for stat, centre in zip(stats[1:count], centres[1:count], strict=True)
            if stat[cv2.CC_STAT_AREA] > 9
        ]
        height, width = picture.shape[:2]
        shape = (-1, self.layout.parts, 2)
        return render(Scene(np.array(people, np.float64).reshape(shape), (width, height), self.layout))


@dataclass
class CrashingNetwork(SquareNetwork):
    """Fails at the third picture, as a driver does."""

    def maps(self, pictures: NDArray[np.uint8]) -> list[Maps]:
        if len(self.asked) > 1:
            raise RuntimeError("the device is gone")
        return super().maps(pictures)


@dataclass
class SlowNetwork(SquareNetwork):
    """Takes its time."""

    watched: Callable[[], object] = lambda: None

    def maps(self, pictures: NDArray[np.uint8]) -> list[Maps]:
        time.sleep(0.05)
        self.watched()
        return super().maps(pictures)


def picture_of(squares: list[Square], wh: tuple[int, int] = (480, 300)) -> Picture:
    """White, with black squares."""
    picture = np.full((wh[1], wh[0], 3), 255, np.uint8)
    for x, y, side in squares:
        picture[y - side // 2 : y - side // 2 + side, x - side // 2 : x - side // 2 + side] = 0
    return picture


def write_photo(workspace: Workspace, name: str, squares: list[Square], wh: tuple[int, int] = (480, 300)) -> Path:
    path = workspace.path(workspace.image_file(name))
    write_jpeg(path, picture_of(squares, wh))
    return path


def write_video(workspace: Workspace, name: str, frames: list[list[Square]]) -> Path:
    path = workspace.path(workspace.image_file(name))
    with write_movie(path, (480, 300), 25) as movie:
        for number, squares in enumerate(frames):
            movie.add(picture_of(squares), number / 25)
    return path


def plan_with(network: SquareNetwork, **changes: object) -> OpenposePlan:
    fields: dict[str, object] = {
        "model": "fake",
        "weights_sha256": "ab" * 32,
        "engine": "fake",
        "precision": "fp32",
        "why": "for a test",
        "load": lambda _samples: network,
        "layout": network.layout,
        "stride": STRIDE,
        "multiple": STRIDE,
        "height": 256,
    }
    return OpenposePlan(**(fields | changes))  # type: ignore[arg-type]


def run(
    workspace: Workspace,
    network: SquareNetwork | None = None,
    decode: DecodeOptions | None = None,
    model: ModelOptions | None = None,
    told: bool = False,
    **options: object,
) -> RunReport:
    chosen = OpenposeOptions(
        workspace=own_folders(workspace),
        model=model or ModelOptions(),
        decode=decode or DecodeOptions(),
        quiet=not told,
        **options,  # type: ignore[arg-type]
    )
    return find_poses(chosen, plan_with(network or SquareNetwork()))


def poses_of(workspace: Workspace, name: str) -> ImagePoses:
    own = own_folders(workspace)
    poses = read_poses(own.path(own.poses_file(name)))
    assert poses is not None
    return poses
