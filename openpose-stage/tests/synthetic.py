"""Maps of people who are known: heatmaps and fields as OpenPose draws them for training, and noise."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openpose_stage.layouts import BODY_25, COCO, MPI, Layout
from openpose_stage.maps import Maps

STRIDE, SIGMA, LIMB = 8, 7.0, 7.0  # pixels of the input; a limb's half width
# One standing person, 1 high and about its middle; arms a little away from the body.
_BODY = {
    "nose": (0, -0.42), "neck": (0, -0.32), "right_shoulder": (-0.1, -0.31), "right_elbow": (-0.15, -0.15),
    "right_wrist": (-0.18, 0.0), "left_shoulder": (0.1, -0.31), "left_elbow": (0.15, -0.15), "left_wrist": (0.18, 0.0),
    "right_hip": (-0.07, 0.0), "right_knee": (-0.08, 0.23), "right_ankle": (-0.09, 0.46), "left_hip": (0.07, 0.0),
    "left_knee": (0.08, 0.23), "left_ankle": (0.09, 0.46), "right_eye": (-0.03, -0.45), "left_eye": (0.03, -0.45),
    "right_ear": (-0.07, -0.44), "left_ear": (0.07, -0.44), "head_top": (0, -0.5), "chest": (0, -0.12),
    "mid_hip": (0, 0.0), "left_big_toe": (0.12, 0.5), "left_small_toe": (0.17, 0.49), "left_heel": (0.06, 0.5),
    "right_big_toe": (-0.12, 0.5), "right_small_toe": (-0.17, 0.49), "right_heel": (-0.06, 0.5),
}  # fmt: skip
LAYOUTS: dict[str, Layout] = {"coco": COCO, "mpi": MPI, "body25": BODY_25}


@dataclass(frozen=True)
class Scene:
    """People [P, J, 2] in pixels of an input of that width and height; NaN: the part is not to be seen."""

    people: NDArray[np.float64]
    size_wh: tuple[int, int] = (656, 368)
    layout: Layout = COCO


def person_at(x: float, y: float, height: float, layout: Layout = COCO) -> NDArray[np.float64]:
    """The standing person [J, 2]."""
    body = np.array([_BODY[name] for name in layout.skeleton.keypoints])
    return np.array([x, y]) + height * body


def random_scene(
    rng: np.random.Generator, count: int, size_wh: tuple[int, int] = (656, 368), layout: Layout = COCO
) -> Scene:
    """People of several sizes, turned, bent, perhaps mirrored, whose equal parts are at least 28 pixels apart."""
    people: list[NDArray[np.float64]] = []
    while len(people) < count:
        height = rng.uniform(140, 300)
        body = person_at(0, 0, height, layout) + rng.normal(0, 0.02 * height, (layout.parts, 2))
        angle = rng.uniform(-0.35, 0.35)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        person = body @ turn.T
        low, high = -person.min(axis=0) + 8, np.array(size_wh) - person.max(axis=0) - 8
        if (high <= low).any():
            continue
        person = person + rng.uniform(low, high)
        if all(np.linalg.norm(person - other, axis=1).min() > 28 for other in people):
            people.append(person)
        elif rng.random() < 0.02:
            people = []
    return Scene(np.array(people), size_wh, layout)


def render(scene: Scene, noise: float = 0.0, rng: np.random.Generator | None = None) -> Maps:
    """The scene's maps at one cell for eight pixels."""
    width, height = (side // STRIDE for side in scene.size_wh)
    y, x = np.mgrid[0:height, 0:width]
    cells = np.stack([(x + 0.5) * STRIDE - 0.5, (y + 0.5) * STRIDE - 0.5], axis=-1)
    heatmaps = np.zeros((scene.layout.parts, height, width))
    fields = np.zeros((scene.layout.fields, height, width))
    for part, person in itertools.product(range(scene.layout.parts), scene.people):
        if np.isfinite(person[part]).all():
            squared = ((cells - person[part]) ** 2).sum(axis=-1)
            heatmaps[part] = np.maximum(heatmaps[part], np.exp(-squared / (2 * SIGMA**2)))
    for link in scene.layout.links:
        total, count = np.zeros((2, height, width)), np.zeros((height, width))
        for person in scene.people:
            a, b = person[link.a], person[link.b]
            length = np.linalg.norm(b - a)
            if not np.isfinite(length) or length < 1e-6:
                continue
            unit = (b - a) / length
            way = cells - a
            along, beside = way @ unit, np.abs(way @ np.array([-unit[1], unit[0]]))
            on = (along >= -STRIDE / 2) & (along <= length + STRIDE / 2) & (beside <= LIMB)
            total[:, on] += unit[:, None]
            count += on
        fields[link.field : link.field + 2] = total / np.maximum(count, 1)
    if noise:
        assert rng is not None
        heatmaps += rng.normal(0, noise, heatmaps.shape)
        fields += rng.normal(0, noise, fields.shape)
    return Maps(heatmaps.astype(np.float32), fields.astype(np.float32))


def in_pixels(xy_in_cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places of the maps in pixels of the input."""
    return (xy_in_cells + 0.5) * STRIDE - 0.5


@dataclass
class Tally:
    """How decoded people fare against the true ones."""

    true: int = 0
    found: int = 0
    extra: int = 0
    joints: int = 0
    wrong: int = 0
    errors: list[float] | None = None

    def add(self, scene: Scene, xy: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
        """Each decoded person goes with the true one who has most of its points."""
        self.errors = self.errors or []
        taken: set[int] = set()
        for places, sure in zip(in_pixels(xy), scores > 0, strict=True):
            distance = np.linalg.norm(scene.people - places, axis=2)
            distance[:, ~sure] = np.inf
            who = int((distance < 2 * SIGMA).sum(axis=1).argmax())
            near = distance[who][sure] < 2 * SIGMA
            if who in taken or near.mean() < 0.5:
                self.extra += 1
                continue
            taken.add(who)
            self.joints += int(sure.sum())
            self.wrong += int((~near).sum())
            self.errors += distance[who][sure][near].tolist()
        self.true += len(scene.people)
        self.found += len(taken)
