"""Detectors for tests, named after what they do or the failure they play."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolo_stage.detector_plan import DetectorPlan

RED, BLUE = (220, 10, 10), (10, 10, 220)
SIZE = 160


@dataclass
class ColourDetector:
    """Takes the extent of the red pixels for one person, score 0.9, and of the blue ones for another, score 0.8."""

    name: str = "fake"
    device: str = "cpu"
    precision: str = "fp32"
    fixed_batch: bool = True
    at_once: tuple[int, int] = (1, 1)
    input_size: int = SIZE
    rectangular: bool = False
    batch_sizes: list[int] = field(default_factory=list)

    def detect(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        self.batch_sizes.append(len(batch))
        return [np.array(self._people(image), np.float32).reshape(-1, 5) for image in batch]

    def _people(self, image: NDArray[np.float32]) -> list[tuple[float, ...]]:
        red, green, blue = image
        masks = ((red > 0.6) & (green < 0.3) & (blue < 0.3), (blue > 0.6) & (green < 0.3) & (red < 0.3))
        people = []
        for mask, score in zip(masks, (0.9, 0.8), strict=True):
            y, x = np.nonzero(mask)
            if len(x):
                people.append((x.min(), y.min(), x.max() + 1, y.max() + 1, score))
        return people


@dataclass
class CrashingDetector(ColourDetector):
    """Fails at the third batch, as a driver does, when the first two have been written."""

    written: Callable[[], bool] = lambda: True

    def detect(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        if len(self.batch_sizes) == 2:
            self.fail()
        return super().detect(batch)

    def fail(self) -> None:
        wait_for(self.written)
        raise RuntimeError("the device is gone")


class InterruptedDetector(CrashingDetector):
    """The user presses Ctrl-C at the third batch."""

    def fail(self) -> None:
        wait_for(self.written)
        raise KeyboardInterrupt


@dataclass
class SlowDetector(ColourDetector):
    """Takes its time, and notes at every batch what `watched` says."""

    watched: Callable[[], int] = lambda: 0
    noted: list[int] = field(default_factory=list)

    def detect(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        time.sleep(0.05)
        self.noted.append(self.watched())
        return super().detect(batch)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


class CrowdDetector(ColourDetector):
    """Sees 300 people in a 15 x 20 grid, and each of them twice."""

    def detect(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        x, y = (axis.ravel() for axis in np.meshgrid(20 + 6.0 * np.arange(20), 30 + 6.5 * np.arange(15)))
        once = np.stack([x, y, x + 5, y + 6, np.linspace(0.6, 0.99, 300)], axis=1)
        twice = np.concatenate([once, once - [0, 0, 0.5, 0.5, 0.05]]).astype(np.float32)
        return [twice for _ in batch]


def plan_with(detector: ColourDetector, **changes: object) -> DetectorPlan:
    fields: dict[str, object] = {
        "model": "fake",
        "weights_sha256": "ab" * 32,
        "model_def_sha256": "cd" * 32,
        "person_class": 0,
        "input_size": detector.input_size,
        "rectangular": detector.rectangular,
        "conf_thres": 0.5,
        "engine": "fake",
        "why": "for a test",
        "precision": "fp32",
        "load": lambda _samples: detector,
    }
    return DetectorPlan(**(fields | changes))  # type: ignore[arg-type]


Four = tuple[int, int, int, int]


def photo(people: dict[tuple[int, int, int], Four], wh: tuple[int, int] = (240, 160)) -> NDArray[np.uint8]:
    """A grey picture with one filled rectangle x1, y1, x2, y2 per colour."""
    picture = np.full((wh[1], wh[0], 3), 120, np.uint8)
    for colour, (x1, y1, x2, y2) in people.items():
        picture[y1:y2, x1:x2] = colour
    return picture


def save(path: Path, picture: NDArray[np.uint8]) -> Path:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"quality": 95, "subsampling": 0} if path.suffix.lower() in {".jpg", ".jpeg"} else {}
    Image.fromarray(picture).save(path, "JPEG" if options else "PNG", **options)
    return path
