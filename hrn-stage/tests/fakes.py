"""A workspace as yolo-stage leaves it, and estimators named after what they do or the failure they play."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrn_stage.config import HrnConfig
from hrn_stage.model_files import EstimatorPlan
from hrn_stage.preprocess import normalize
from pose_contract.records import Box, Cut, ImageAnnot, MadeBy, Person
from pose_contract.skeletons import MPII16
from pose_contract.storage import write_record
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import Picture, write_jpeg

GREY = 128
# One colour per keypoint, far from each other and from the grey around them.
COLOURS = np.array(
    [c for c in product((0, 90, 170, 255), repeat=3) if max(c) - min(c) > 90][:: 46 // 16][:16], np.int64
)
SCORE = 0.75


@dataclass
class MarkerEstimator:
    """Finds each keypoint's marker colour in the network input and sets the heatmap's nearest cell to 0.75."""

    name: str = "fake"
    device: str = "cpu"
    precision: str = "fp32"
    fixed_batch: bool = True
    at_once: tuple[int, int] = (1, 1)
    batch_sizes: list[int] = field(default_factory=list)

    def heatmaps(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        self.batch_sizes.append(len(inputs))
        marks = normalize(COLOURS.astype(np.uint8)[:, None, None, :], True)[:, :, 0, 0]
        heatmaps = np.zeros((len(inputs), len(marks), inputs.shape[2] // 4, inputs.shape[3] // 4), np.float32)
        for picture, maps in zip(inputs, heatmaps, strict=True):
            for mark, heatmap in zip(marks, maps, strict=True):
                distance = np.abs(picture - mark[:, None, None]).max(axis=0)
                y, x = np.nonzero(distance < 0.7)
                if len(x) > 4:
                    heatmap[round(y.mean() / 4), round(x.mean() / 4)] = SCORE
        return heatmaps


@dataclass
class RecordingEstimator(MarkerEstimator):
    """Keeps the network inputs that it was given."""

    inputs: list[NDArray[np.float32]] = field(default_factory=list)

    def heatmaps(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        self.inputs.append(inputs)
        return super().heatmaps(inputs)


@dataclass
class CrashingEstimator(MarkerEstimator):
    """Fails at the second batch, as a driver does, when the first has been written."""

    written: Callable[[], bool] = lambda: True

    def heatmaps(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.batch_sizes:
            deadline = time.monotonic() + 30
            while not self.written():
                assert time.monotonic() < deadline
                time.sleep(0.002)
            raise RuntimeError("the device is gone")
        return super().heatmaps(inputs)


@dataclass
class SlowEstimator(MarkerEstimator):
    """Takes its time, and notes at every batch what `watched` says."""

    watched: Callable[[], int] = lambda: 0
    noted: list[int] = field(default_factory=list)

    def heatmaps(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        time.sleep(0.05)
        self.noted.append(self.watched())
        return super().heatmaps(inputs)


@dataclass
class SplitEstimator(MarkerEstimator):
    """Answers everybody with the same heatmaps: one row per keypoint, higher on the right by a little."""

    def heatmaps(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        self.batch_sizes.append(len(inputs))
        heatmaps = np.zeros((len(inputs), 16, 32, 32), np.float32)
        for joint in range(16):
            heatmaps[:, joint, 5 + joint, 10] = 0.9
            heatmaps[:, joint, 5 + joint, 11] = 0.5
        return heatmaps


def plan_with(estimator: MarkerEstimator, config: HrnConfig, **changes: object) -> EstimatorPlan:
    fields: dict[str, object] = {
        "config": config,
        "skeleton": MPII16,
        "model": "fake",
        "weights_sha256": "ab" * 32,
        "network_sha256": "cd" * 32,
        "engine": "fake",
        "why": "for a test",
        "precision": "fp32",
        "load": lambda _samples: estimator,
    }
    return EstimatorPlan(**(fields | changes))  # type: ignore[arg-type]


def config_with(**changes: Any) -> HrnConfig:
    """A 128 x 128 network input, no flip test: a marker has no left and right."""
    tree: dict[str, Any] = {
        "MODEL": {
            "NUM_JOINTS": 16,
            "IMAGE_SIZE": [128, 128],
            "HEATMAP_SIZE": [32, 32],
            "EXTRA": {
                f"STAGE{n}": {"NUM_BRANCHES": n, "NUM_BLOCKS": [1] * n, "NUM_CHANNELS": [4] * n} for n in (2, 3, 4)
            },
        },
        "DATASET": {"COLOR_RGB": True},
        "TEST": {"BATCH_SIZE_PER_GPU": 2, "POST_PROCESS": True},
        "DEBUG": {"DEBUG": False, "SAVE_HEATMAPS_PRED": True, "SAVE_BATCH_IMAGES_PRED": True},
    }
    for section, values in changes.items():
        tree[section] = tree.get(section, {}) | values
    return HrnConfig.model_validate(tree)


def marked_person(box: tuple[float, float, float, float]) -> NDArray[np.float64]:
    """Where the 16 markers of a person in this box lie, [16, 2]: a grid inside it."""
    x1, y1, x2, y2 = box
    grid = [(x, y) for y in np.linspace(0.1, 0.9, 4) for x in np.linspace(0.1, 0.9, 4)]
    return np.round(np.array([(x1 + x * (x2 - x1), y1 + y * (y2 - y1)) for x, y in grid]))


def write_photo(
    workspace: Workspace, name: str, boxes: list[tuple[float, float, float, float]], wh: tuple[int, int] = (300, 200)
) -> ImageAnnot:
    """A grey photo with marked people, its cuts and its annot."""
    picture = np.full((wh[1], wh[0], 3), GREY, np.uint8)
    for box in boxes:
        for (x, y), colour in zip(marked_person(box).astype(int), COLOURS, strict=True):
            picture[max(y - 4, 0) : y + 5, max(x - 4, 0) : x + 5] = colour
    path = workspace.path(workspace.image_file(name))
    write_jpeg(path, picture)
    people = tuple(_person(workspace, name, index, box, picture) for index, box in enumerate(boxes))
    annot = ImageAnnot(
        image=workspace.image_file(name),
        image_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        width=wh[0],
        height=wh[1],
        people=people,
        made_by=MadeBy(stage="yolo-stage", results=1, model="fake", weights_sha256="ab" * 32, options={}),
    )
    write_record(workspace.path(workspace.annot_file(name)), annot)
    return annot


def _person(
    workspace: Workspace, name: str, index: int, box: tuple[float, float, float, float], picture: Picture
) -> Person:
    x1, y1, x2, y2 = box
    half = 0.625 * max(x2 - x1, (y2 - y1), 4 * (x2 - x1) / 3) + 2
    left, top = (max(0, int(centre - half)) for centre in ((x1 + x2) / 2, (y1 + y2) / 2))
    cut = picture[top : int((y1 + y2) / 2 + half) + 1, left : int((x1 + x2) / 2 + half) + 1]
    file = workspace.cut_file(name, index)
    write_jpeg(workspace.path(file), cut)
    return Person(
        index=index,
        score=0.8,
        box=Box(x1=x1, y1=y1, x2=x2, y2=y2),
        cut=Cut(file=file, x=left, y=top, width=cut.shape[1], height=cut.shape[0]),
    )


def workspace_in(root: Path) -> Workspace:
    """Two people in a.jpg, one in b c.png.jpg in a sub-folder with an accent, nobody in z.jpg."""
    workspace = Workspace(root)
    write_photo(workspace, "a.jpg", [(20, 20, 100, 180), (170, 30, 280, 190)])
    write_photo(workspace, "é/b c.jpg", [(40, 20, 140, 150)], (180, 160))
    write_photo(workspace, "z.jpg", [])
    return workspace


def marked_frame(boxes: list[tuple[float, float, float, float]]) -> NDArray[np.uint8]:
    picture = np.full((200, 300, 3), GREY, np.uint8)
    for box in boxes:
        for (x, y), colour in zip(marked_person(box).astype(int), COLOURS, strict=True):
            picture[max(y - 4, 0) : y + 5, max(x - 4, 0) : x + 5] = colour
    return picture
