"""Which part of a picture a window of a training picture shows, and how large. Pure.

A whole picture, as a detector is given it; one person in any size; or a close-up from the head down to somewhere
between the chest and the thighs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolo_torch.training.visible import Labelled, Window

SMALLEST = 20.0  # network pixels of a person's longer side
LARGEST = 1.25  # of the window's height
MOST_ENLARGED = 2.6  # beyond it there is nothing but blur
LEAST_SHRUNK = 0.65  # of the fitted picture, in a window of several; alone it would lie on mere grey
CLOSE = (0.3, 0.75)  # part of a person's height that a close-up shows
COVERING = 0.85  # how often a picture is moved to cover its window, where it can
STRETCH = 0.15  # of the width alone

_Box = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """Where a picture lies: canvas = picture * (scale_x, scale_y) + (x, y)."""

    scale_x: float
    scale_y: float
    x: float
    y: float


def whole_view(labelled: Labelled, window: Window, longer_side: float, rng: np.random.Generator) -> View:
    """The picture with its longer side as long as said, somewhere in the window; of a larger one any part."""
    height, width = labelled.picture.shape[:2]
    factor = longer_side / max(height, width)
    scale_x, scale_y = _stretched(factor, rng)
    left, top, right, bottom = window
    x = left + rng.uniform(*_span(right - left - width * scale_x))
    y = top + rng.uniform(*_span(bottom - top - height * scale_y))
    return View(scale_x, scale_y, x, y)


def person_view(labelled: Labelled, window: Window, person: _Box, alone: bool, rng: np.random.Generator) -> View:
    """A person, or another box, in a size drawn evenly on a logarithmic scale, anywhere in the window."""
    left, top, right, bottom = window
    width, height = person[2:] - person[:2]
    fit = min((right - left) / labelled.picture.shape[1], (bottom - top) / labelled.picture.shape[0])
    largest = max(
        1.5 * SMALLEST, LARGEST * (bottom - top) if height >= width else 1.15 * min(right - left, bottom - top)
    )
    wanted = np.exp(rng.uniform(np.log(SMALLEST), np.log(largest)))
    least = (0.9 if alone else LEAST_SHRUNK) * fit
    scale_x, scale_y = _stretched(min(max(wanted / max(width, height, 1), least), MOST_ENLARGED), rng)
    centre_x, centre_y = (person[:2] + person[2:]) / 2
    x = left + (right - left) * rng.uniform(0.08, 0.92) - centre_x * scale_x
    y = top + (bottom - top) * rng.uniform(0.12, 0.88) - centre_y * scale_y
    return _covering(View(scale_x, scale_y, x, y), labelled, window, rng)


def close_view(window: Window, person: _Box, rng: np.random.Generator) -> View:
    """A person's upper part that fills the window, cut off at its lower edge."""
    left, top, right, bottom = window
    width, height = person[2:] - person[:2]
    part = height * rng.uniform(*CLOSE)
    factor = (bottom - top) / (part * rng.uniform(1.0, 1.45))
    factor = min(factor, (right - left) / (width * rng.uniform(0.5, 0.95)), 1.2 * MOST_ENLARGED)
    scale_x, scale_y = _stretched(factor, rng)
    x = left + (right - left) * rng.uniform(0.35, 0.65) - (person[0] + person[2]) / 2 * scale_x
    return View(scale_x, scale_y, x, bottom - (person[1] + part) * scale_y)


def somebody(people_xyxy: NDArray[np.float64], rng: np.random.Generator) -> _Box:
    """One of the people, larger ones more often."""
    sizes = np.sqrt((people_xyxy[:, 2:] - people_xyxy[:, :2]).prod(axis=1)) + 5
    chosen: _Box = people_xyxy[rng.choice(len(people_xyxy), p=sizes / sizes.sum())]
    return chosen


def _span(room: float) -> tuple[float, float]:
    """Where an edge may lie: in the room there is, or beyond it where there is less than none."""
    return min(0.0, room), max(0.0, room)


def _stretched(factor: float, rng: np.random.Generator) -> tuple[float, float]:
    return float(factor * np.exp(rng.uniform(-STRETCH, STRETCH))), float(factor)


def _covering(view: View, labelled: Labelled, window: Window, rng: np.random.Generator) -> View:
    if rng.random() >= COVERING:
        return view
    left, top, right, bottom = window
    height, width = labelled.picture.shape[:2]
    x_low, x_high = sorted((right - width * view.scale_x, float(left)))
    y_low, y_high = sorted((bottom - height * view.scale_y, float(top)))
    x, y = min(max(view.x, x_low), x_high), min(max(view.y, y_low), y_high)
    return View(view.scale_x, view.scale_y, x, y)
