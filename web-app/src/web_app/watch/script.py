"""A play with known truth: people who come, cross, hide and go on a script; and an estimator that knows it.

Pure. It shows the page without any network, and tests that visits are counted right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pose_contract.skeletons import MPII16, Skeleton
from web_app.watch.people import Found, Frame, Picture

SIZE_WH = (640, 360)
FPS = 30.0
HEIGHT = 200.0  # of a person, in pixels
WIDTH = 70.0
SURE = 0.9
# MPII16's joints of somebody who stands, x and y in heights from the middle of the box's top.
_STANDING = np.array([
    (-.07, .97), (-.07, .74), (-.07, .52), (.07, .52), (.07, .74), (.07, .97), (0, .52), (0, .22), (0, .17), (0, .02),
    (-.15, .50), (-.14, .36), (-.10, .22), (.10, .22), (.14, .36), (.15, .50),
])  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One visit of the script.

    Attributes:
        enter, leave: in seconds.
        x: of the person's middle at these times.
        hidden: spans in seconds in which the person stands behind something.
    """

    enter: float
    leave: float
    x: tuple[float, float]
    hidden: tuple[tuple[float, float], ...] = ()

    def at(self, t_seconds: float) -> float | None:
        """The middle of the person then; None where nobody is seen."""
        if not self.enter <= t_seconds <= self.leave or any(start <= t_seconds < end for start, end in self.hidden):
            return None
        done = (t_seconds - self.enter) / (self.leave - self.enter)
        return self.x[0] + done * (self.x[1] - self.x[0])


# Eight visits: two who cross, one hides for half a second, one comes again three seconds after having gone.
PLAY = (
    Part(1.0, 7.0, (40, 600)),
    Part(2.0, 8.0, (600, 40)),
    Part(10.0, 17.0, (40, 420), hidden=((13.0, 13.5),)),
    Part(11.0, 14.0, (560, 600)),
    Part(20.0, 24.0, (100, 300)),
    Part(27.0, 31.0, (300, 100)),
    Part(28.0, 34.0, (600, 420)),
    Part(36.0, 39.0, (320, 320)),
)
SECONDS = 42.0


@dataclass(frozen=True)
class Flicker:
    """How bad an estimator is: shares of people that are missed, and of frames with somebody who is not there."""

    missed: float = 0.0
    ghosts: float = 0.0
    seed: int = 0


class ScriptEstimator:
    """Knows the script; with a `Flicker` not quite."""

    skeleton: Skeleton = MPII16
    model = "script"
    precision = "exact"

    def __init__(self, parts: Sequence[Part] = PLAY, flicker: Flicker | None = None) -> None:
        self._parts = tuple(parts)
        self._flicker = flicker or Flicker()

    def __call__(self, frame: Frame) -> Found:
        """The people in the frame; the same answer for the same frame."""
        chance = np.random.default_rng((self._flicker.seed, frame.number))
        middles = [(x, SIZE_WH[1] - HEIGHT - 20) for part in self._parts if (x := part.at(frame.t_seconds)) is not None]
        places = [place for place in middles if chance.random() >= self._flicker.missed]
        if chance.random() < self._flicker.ghosts:
            places.append((chance.uniform(40, SIZE_WH[0] - 40), chance.uniform(0, SIZE_WH[1] - HEIGHT)))
        return _found(np.array(places, np.float64).reshape(-1, 2))


def _found(tops: NDArray[np.float64]) -> Found:
    """People whose box's top has its middle there: [N, 2]."""
    points = tops[:, None] + _STANDING * HEIGHT
    keypoints = np.concatenate([points, np.full((*points.shape[:2], 1), SURE)], axis=2)
    half = np.array([WIDTH / 2, 0])
    boxes = np.concatenate([tops - half, tops + half + (0, HEIGHT)], axis=1)
    return Found(np.clip(boxes, 0, [*SIZE_WH, *SIZE_WH]), keypoints, np.full(len(tops), SURE))


def play(parts: Sequence[Part] = PLAY, seconds: float = SECONDS, drawn: bool = True) -> Iterator[Frame]:
    """The frames; without being drawn they are all the same picture."""
    ground = _ground()
    for number in range(round(seconds * FPS)):
        t_seconds = number / FPS
        yield Frame(number, t_seconds, _drawn(ground, parts, t_seconds) if drawn else ground)


def _ground() -> Picture:
    width, height = SIZE_WH
    shade = np.linspace(210, 120, height).astype(np.uint8)
    picture = np.repeat(np.repeat(shade[:, None, None], width, 1), 3, 2)
    picture[height - 40 :] = (96, 104, 88)
    return np.ascontiguousarray(picture)


def _drawn(ground: Picture, parts: Sequence[Part], t_seconds: float) -> Picture:
    picture = ground.copy()
    for index, part in enumerate(parts):
        x = part.at(t_seconds)
        if x is not None:
            _draw_person(picture, x, (60 + 20 * index, 90, 200 - 20 * index))
    cv2.putText(picture, f"script {t_seconds:5.1f} s", (12, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (30, 30, 30), 2)
    return picture


def _draw_person(picture: Picture, x: float, colour: tuple[int, int, int]) -> None:
    top = SIZE_WH[1] - HEIGHT - 20
    points = (np.array([x, top]) + _STANDING * HEIGHT).round().astype(int)
    where = dict(zip(MPII16.keypoints, points.tolist(), strict=True))
    for limb in MPII16.limbs:
        cv2.line(picture, where[limb.a], where[limb.b], colour, 18)
    cv2.circle(picture, (round(x), round(top + 0.09 * HEIGHT)), 17, colour, -1)
