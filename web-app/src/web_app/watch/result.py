"""Data: what the loop knows of one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from web_app.watch.people import Picture
from web_app.watch.visits import Box


@dataclass(frozen=True, eq=False)
class SeenPerson:
    """A person in the frame: the number of the visit (0: not yet one), the estimator's order, box, [J, 3], score."""

    visit: int
    order: int
    box_xyxy: Box
    keypoints: NDArray[np.float64]
    score: float


@dataclass(frozen=True, eq=False)
class Result:
    """One frame with its people.

    Attributes:
        generation: of the source; each start has another.
        frame, t_seconds: number and media time.
        here: open visits.
        counted: the detector's count, where it is asked.
        p50_ms, p95_ms: of the last 200 inferences.
    """

    generation: int
    frame: int
    t_seconds: float
    picture: Picture
    people: tuple[SeenPerson, ...]
    here: int
    counted: int | None
    inference_ms: float
    p50_ms: float
    p95_ms: float

    def told(self) -> dict[str, Any]:
        """As JSON beside the picture."""
        return {
            "generation": self.generation,
            "frame": self.frame,
            "media_ms": round(1000 * self.t_seconds),
            "people": self.here,
            "counted_by_detector": self.counted,
            "inference_ms": round(self.inference_ms, 1),
            "p50_ms": round(self.p50_ms, 1),
            "p95_ms": round(self.p95_ms, 1),
            "persons": [
                {
                    "visit": one.visit,
                    "order": one.order,
                    "score": round(one.score, 4),
                    "box": [round(edge, 1) for edge in one.box_xyxy],
                }
                for one in self.people
            ],
        }
