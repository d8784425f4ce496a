"""Scenes to train on: photos turned, scaled and laid over each other, with everybody's points in the scene's pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skeleton18 import MIRROR

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]
SHARES = {0: 0.38, 1: 0.53, 2: 0.06, 3: 0.03}  # of the draws, by set: LSPET, MPII, COCO, COCO without people
SMALLEST, LARGEST = 0.2, 1.1  # size of the person in the middle of things, of the scene's side
MOST_DEGREES = 40
TOO_SMALL = 22.0  # pixels under which nobody is asked for points


@dataclass(frozen=True)
class Scene:
    """A square picture, people as points [P, 18, 2], sure [P, 18] and sizes [P], and what is open [side, side]."""

    picture: Picture
    points_xy: Array
    sure: NDArray[np.int8]
    sizes: Array
    learn: NDArray[np.uint8]


@dataclass(frozen=True)
class Manner:
    """How scenes are made: their side; whether all sizes are equally frequent, or all their logarithms; how many of the
    photos are turned, with what deviation in degrees; how frequent none, one and two pasted people are.
    """

    side: int = 256
    even_sizes: bool = False
    turned: float = 0.5
    degrees: float = 20.0
    pasted: tuple[float, float, float] = (0.65, 0.25, 0.1)


@dataclass(frozen=True)
class Layer:
    """A photo, or a rectangle (x1, y1, x2, y2) of it, and the affine [2, 3] that brings it into the scene."""

    photo: int
    rectangle: Array
    affine: Array
    mirrored: bool


class Photos:
    """What gather_photos.py wrote; pixels stay on disk until they are needed."""

    def __init__(self, folder: Path) -> None:
        with np.load(folder / "index.npz", allow_pickle=False) as index:
            self.rows = {name: index[name] for name in index.files}
        self._pixels = np.memmap(folder / "pixels.u8", np.uint8, "r")
        count = len(self.rows["offset"])
        self.people = [np.flatnonzero(self.rows["person_photo"] == photo) for photo in range(count)]
        self.open = [self.rows["open_boxes"][self.rows["open_photo"] == photo] for photo in range(count)]
        self._queues: dict[int, list[int]] = {group: [] for group in SHARES}

    def picture(self, photo: int) -> Picture:
        """RGB [h, w, 3]."""
        height, width = self.rows["size_hw"][photo]
        begin = int(self.rows["offset"][photo])
        return np.asarray(self._pixels[begin : begin + height * width * 3]).reshape(height, width, 3)

    def draw(self, rng: np.random.Generator) -> int:
        """A photo; every photo of its set has its turn before one comes again."""
        group = int(rng.choice(list(SHARES), p=list(SHARES.values())))
        if not self._queues[group]:
            self._queues[group] = rng.permutation(np.flatnonzero(self.rows["group"] == group)).tolist()
        return self._queues[group].pop()


def make_scene(photos: Photos, rng: np.random.Generator, manner: Manner) -> Scene:
    """A photo around one of its people; somebody else pasted onto it in every third scene."""
    side, first = manner.side, around_a_person(photos, photos.draw(rng), rng, manner)
    layers = [first]
    if rng.random() < 0.65 and not covers(first, side):
        layers.insert(0, behind(photos, photos.draw(rng), rng, side))
    for _ in range(int(rng.choice(3, p=manner.pasted))):
        pasted = beside(photos, photos.draw(rng), rng, side)
        layers += [pasted] if pasted is not None else []
    return laid_over(photos, layers, rng, side)


def around_a_person(photos: Photos, photo: int, rng: np.random.Generator, manner: Manner) -> Layer:
    """The whole photo, scaled so that one of its people has the size that was drawn."""
    side, turn = manner.side, turned(rng, manner.turned, manner.degrees)
    height, width = photos.rows["size_hw"][photo]
    whole = np.array([0.0, 0.0, width, height])
    if not len(photos.people[photo]):
        scale, middle = side / min(height, width) * rng.uniform(0.8, 1.8), rng.uniform(0.25, 0.75, 2) * [width, height]
        return placed(photo, whole, (scale, middle, np.full(2, side / 2)), turn)
    person = int(rng.choice(photos.people[photo]))
    known = photos.rows["points"][person][photos.rows["sure"][person] != 0]
    logarithmic = math.exp(rng.uniform(math.log(SMALLEST), math.log(LARGEST)))
    size = side * (rng.uniform(SMALLEST, LARGEST) if manner.even_sizes else logarithmic)
    scale = min(size / float(photos.rows["person_size"][person]), 3.0)
    free = max(0.12, 0.5 - 0.4 * size / side)  # the small stand anywhere, the large in the middle
    target = side * (0.5 + rng.uniform(-free, free, 2))
    return placed(photo, whole, (scale, (known.min(axis=0) + known.max(axis=0)) / 2.0, target), turn)


def behind(photos: Photos, photo: int, rng: np.random.Generator, side: int) -> Layer:
    """A photo that fills the scene."""
    height, width = photos.rows["size_hw"][photo]
    scale = side / min(height, width) * rng.uniform(1.05, 1.6)
    place = scale, np.array([width, height]) / 2, np.full(2, side / 2)
    return placed(photo, np.array([0.0, 0.0, width, height]), place, (0.0, bool(rng.random() < 0.5)))


def beside(photos: Photos, photo: int, rng: np.random.Generator, side: int) -> Layer | None:
    """Somebody cut out of another photo with a little around; None where nobody is."""
    if not len(photos.people[photo]):
        return None
    person = int(rng.choice(photos.people[photo]))
    known = photos.rows["points"][person][photos.rows["sure"][person] != 0].astype(np.float64)
    size = float(photos.rows["person_size"][person])
    margin = size * rng.uniform(0.08, 0.3, 4)
    height, width = photos.rows["size_hw"][photo]
    rectangle = np.concatenate([known.min(axis=0) - margin[:2], known.max(axis=0) + margin[2:]])
    rectangle = np.clip(rectangle, 0, [width, height, width, height])
    scale = side * math.exp(rng.uniform(math.log(SMALLEST), math.log(0.75))) / size
    middle = (rectangle[:2] + rectangle[2:]) / 2
    return placed(photo, rectangle, (min(scale, 3.0), middle, side * rng.uniform(0.05, 0.95, 2)), turned(rng, 0.5, 7.5))


def turned(rng: np.random.Generator, share: float, deviation: float) -> tuple[float, bool]:
    """By how many degrees a layer is turned, and whether it is mirrored."""
    degrees = float(np.clip(rng.normal(0, deviation), -MOST_DEGREES, MOST_DEGREES)) if rng.random() < share else 0.0
    return degrees, bool(rng.random() < 0.5)


def placed(
    photo: int, rectangle: Array, place: tuple[float, Array, Array], turn_and_mirror: tuple[float, bool]
) -> Layer:
    """The layer whose `place` is a scale, a point of the photo, and where that stands."""
    scale, middle, target = place
    degrees, mirrored = turn_and_mirror
    turn = math.radians(degrees)
    matrix = scale * np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    if mirrored:
        matrix[:, 0] *= -1
    return Layer(photo, rectangle, np.hstack([matrix, (target - matrix @ middle)[:, None]]), mirrored)


def corners(box: Array) -> Array:
    """Of a box, in a row [4, 2]."""
    x1, y1, x2, y2 = box
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])


def moved(points_xy: Array, affine: Array) -> Array:
    """Points [..., 2] by an affine [2, 3]."""
    return np.asarray(points_xy @ affine[:, :2].T + affine[:, 2])


def inside(points_xy: Array, layer: Layer) -> NDArray[np.bool_]:
    """Which points [...] of the scene a layer covers."""
    back = cv2.invertAffineTransform(layer.affine)
    there = moved(points_xy, back)
    return ((there >= layer.rectangle[:2]) & (there <= layer.rectangle[2:])).all(axis=-1)


def covers(layer: Layer, side: int) -> bool:
    """Whether a layer fills the scene."""
    return bool(inside(corners(np.array([1.0, 1.0, side - 2.0, side - 2.0])), layer).all())


def laid_over(photos: Photos, layers: list[Layer], rng: np.random.Generator, side: int) -> Scene:
    """The layers in a row, each over those before; a point under a later one is open."""
    picture = np.full((side, side, 3), rng.integers(0, 256, 3) if rng.random() < 0.5 else 118, np.uint8)
    learn = np.ones((side, side), np.uint8)
    everyone: list[tuple[Array, NDArray[np.int8], float]] = []
    for number, layer in enumerate(layers):
        paste(photos, layer, picture, learn)
        scale = math.sqrt(abs(np.linalg.det(layer.affine[:, :2])))
        for person in photos.people[layer.photo]:
            points = moved(photos.rows["points"][person].astype(np.float64), layer.affine)
            sure = photos.rows["sure"][person].copy()
            sure[(sure == 1) & ~inside(points, layer)] = 0
            for later in layers[number + 1 :]:
                sure[(sure == 1) & inside(points, later)] = -1
            if layer.mirrored:
                points, sure = points[MIRROR], sure[MIRROR]
            everyone.append((points, sure, float(photos.rows["person_size"][person]) * scale))
    seen = [one for one in everyone if (one[1] == 1).any()]
    for points, sure, size in seen:
        if size < TOO_SMALL:
            close(learn, points[sure == 1])
    seen = [one for one in seen if one[2] >= TOO_SMALL]
    points, sures = np.array([one[0] for one in seen]).reshape(-1, 18, 2), np.array([one[1] for one in seen], np.int8)
    return Scene(picture, points, sures.reshape(-1, 18), np.array([one[2] for one in seen]), learn)


def paste(photos: Photos, layer: Layer, picture: Picture, learn: NDArray[np.uint8]) -> None:
    """Puts a layer into the scene, and what its photo leaves open."""
    x1, y1, x2, y2 = layer.rectangle.astype(int)
    part = photos.picture(layer.photo)[y1:y2, x1:x2]
    if min(part.shape[:2]) < 2:
        return
    affine = layer.affine.copy()
    affine[:, 2] += affine[:, :2] @ [x1, y1]
    scale = math.sqrt(abs(np.linalg.det(affine[:, :2])))
    if scale < 0.6:  # else thin things vanish between the points that are looked at
        small = cv2.resize(part, None, fx=scale * 1.2, fy=scale * 1.2, interpolation=cv2.INTER_AREA)
        by = np.array([part.shape[1] / small.shape[1], part.shape[0] / small.shape[0]])
        affine[:, 2] += affine[:, :2] @ ((by - 1) / 2)
        affine[:, :2] *= by
        part = small
    side = picture.shape[1], picture.shape[0]
    cv2.warpAffine(part, affine, side, dst=picture, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)
    cv2.fillConvexPoly(learn, np.round(moved(corners(layer.rectangle), layer.affine)).astype(np.int32), 1)
    for box in photos.open[layer.photo]:
        low, high = np.maximum(box[:2], layer.rectangle[:2]), np.minimum(box[2:], layer.rectangle[2:])
        if (high > low).all():
            outline = moved(corners(np.concatenate([low, high])), layer.affine)
            cv2.fillConvexPoly(learn, np.round(outline).astype(np.int32), 0)


def close(learn: NDArray[np.uint8], points_xy: Array) -> None:
    """Leaves the box around some points open."""
    low, high = points_xy.min(axis=0) - 3, points_xy.max(axis=0) + 4
    x1, y1, x2, y2 = np.clip(np.concatenate([low, high]), 0, learn.shape[0]).astype(int)
    learn[y1:y2, x1:x2] = 0


def looks(picture: Picture, rng: np.random.Generator) -> Picture:
    """The same scene in other light, by a poorer camera, in grey."""
    side, result = picture.shape[0], picture
    if rng.random() < 0.8:
        gain = rng.uniform(0.88, 1.12, 3) * rng.uniform(0.7, 1.3)
        table = np.clip(np.arange(256)[:, None] * gain + rng.uniform(-30, 30), 0, 255).astype(np.uint8)
        result = cv2.LUT(result, table.reshape(256, 1, 3))
    if rng.random() < 0.1:
        result = np.repeat(cv2.cvtColor(result, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    if rng.random() < 0.08:
        poor = int(side * rng.uniform(0.4, 0.8))
        result = cv2.resize(cv2.resize(result, (poor, poor), interpolation=cv2.INTER_AREA), (side, side))
    if rng.random() < 0.06:
        result = cv2.GaussianBlur(result, (0, 0), rng.uniform(0.5, 1.5))
    if rng.random() < 0.12:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 75))]
        result = cv2.imdecode(cv2.imencode(".jpg", result, quality)[1], cv2.IMREAD_COLOR)
    return np.asarray(result, np.uint8)


def as_numbers(photos: Photos) -> dict[str, Any]:
    """How many photos and people there are, for the log."""
    return {"photos": len(photos.people), "people": len(photos.rows["person_photo"])}
