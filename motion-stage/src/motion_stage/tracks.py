"""Who is who from frame to frame: one-to-one by the least total distance, in torso lengths. Pure but for its memory."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

from motion_stage.anchors import Seen, iou, keypoint_torsos, least_torsos
from motion_stage.sequence import Floats

Mode = Literal["centroid", "keypoints", "iou", "bytetrack"]
FORBIDDEN = 1e6  # more than all that is allowed together
FIRST_COME = 1e-9  # of two equal pairings that counts which keeps the order
FARTHEST_TORSOS = 3.0  # the gate grows with the time that somebody was away, up to this
UNSURE_SECONDS = 0.2  # who has no id yet is forgotten sooner


@dataclass(frozen=True)
class TrackRules:
    """How people are followed.

    Attributes:
        mode: `centroid`: the distance of mid-hips, else mid-shoulders, else the boxes' centres; `keypoints`: the mean
            distance of those that both have, five at least; `iou`: the boxes' overlap; `bytetrack`: see `bytetrack`.
        anchor: `hip`, or `neck`, which takes the shoulders first.
        gate_torsos: the farthest that somebody moves in a usual time between frames; grows with longer ones.
        least_iou: of two boxes of one person, in the modes `iou` and `bytetrack`.
        grace_seconds: how long somebody may be away and keep the id.
        hits: frames in which somebody must be seen to get an id.
        least_score: of somebody new.
        predict: whether somebody is expected where the last speed leads.
    """

    mode: Mode = "centroid"
    anchor: Literal["hip", "neck"] = "hip"
    gate_torsos: float = 1.0
    least_iou: float = 0.2
    grace_seconds: float = 1.0
    hits: int = 3
    least_score: float = 0.0
    predict: bool = False


@dataclass
class Followed:
    """Somebody who is followed, with what tells who matters.

    Attributes:
        id: 0 until there were enough hits.
        runs: [first frame, last frame, index of the person in these frames], rising.
        scores, areas, torsos: of every frame in which the person was seen.
        travel_px: the way of the anchor.
        first_row, last_row: which of the video's frames, counted from 0, are the first and the last.
    """

    last: Seen
    t_seconds: float
    frame: int
    id: int = 0
    runs: list[list[int]] = field(default_factory=list)
    scores: array[float] = field(default_factory=lambda: array("f"))
    areas: array[float] = field(default_factory=lambda: array("f"))
    torsos: array[float] = field(default_factory=lambda: array("f"))
    travel_px: float = 0.0
    first_row: int = 0
    last_row: int = 0
    velocity: Floats = field(default_factory=lambda: np.zeros(2))

    @property
    def hits(self) -> int:
        """In how many frames the person was seen."""
        return len(self.scores)

    @property
    def torso_px(self) -> float:
        """The median length of the torso; NaN where it was never seen."""
        seen = np.frombuffer(self.torsos, dtype=np.float32) if self.torsos else np.array([np.nan])
        known = seen[np.isfinite(seen)]
        return float(np.median(known)) if len(known) else float("nan")

    def add(self, frame: int, t_seconds: float, seen: Seen) -> None:
        """The person in one more frame."""
        if self.hits:
            moved = self.last.moved_to(seen)
            self.travel_px += float(np.linalg.norm(moved))
            self.velocity = moved / max(t_seconds - self.t_seconds, 1e-6)
        follows = self.runs and self.runs[-1][1] == self.frame and self.runs[-1][2] == seen.index
        if follows and frame == self.frame + 1:
            self.runs[-1][1] = frame
        else:
            self.runs.append([frame, frame, seen.index])
        self.scores.append(seen.score)
        self.areas.append(seen.area)
        self.torsos.append(seen.torso_px)
        self.last, self.frame, self.t_seconds = seen, frame, t_seconds


class Tracker:
    """Follows people frame by frame; keeps what is needed of each, not the frames."""

    def __init__(self, rules: TrackRules, usual_dt: float, frames: int) -> None:
        """`usual_dt`: the median time between frames; `frames`: how many there are, as one frame can give one hit."""
        self._rules = rules
        self._dt = usual_dt
        self._hits = max(min(rules.hits, frames), 1)
        self._live: list[Followed] = []
        self._ended: list[Followed] = []
        self._ids = 0
        self._row = -1

    def add(self, frame: int, t_seconds: float, people: Sequence[Seen]) -> None:
        """The people of the next frame, in any order."""
        rules = self._rules
        self._row += 1
        self._forget(t_seconds)
        people = sorted(people, key=lambda seen: (*seen.box_xyxy, -seen.score))
        costs = np.array([[self._cost(one, t_seconds, seen) for seen in people] for one in self._live])
        pairs = assigned(costs.reshape(len(self._live), len(people)))
        for row, column in pairs:
            self._live[row].add(frame, t_seconds, people[column])
            self._live[row].last_row = self._row
        taken = {column for _, column in pairs}
        for column, seen in enumerate(people):
            if column not in taken and seen.score >= rules.least_score:
                new = Followed(seen, t_seconds, frame, first_row=self._row, last_row=self._row)
                new.add(frame, t_seconds, seen)
                self._live.append(new)
        for one in self._live:
            if not one.id and one.hits >= self._hits:
                self._ids += 1
                one.id = self._ids
        self._live.sort(key=lambda one: one.id or self._ids + 1)

    def finish(self) -> list[Followed]:
        """All who have an id, by id."""
        everybody = [*self._ended, *self._live]
        self._live = []
        return sorted((one for one in everybody if one.id), key=lambda one: one.id)

    def _forget(self, now: float) -> None:
        kept = []
        for one in self._live:
            away = now - one.t_seconds
            if away <= max(self._rules.grace_seconds if one.id else UNSURE_SECONDS, 1.5 * self._dt):
                kept.append(one)
            elif one.id:
                self._ended.append(one)
        self._live = kept

    def _cost(self, one: Followed, now: float, seen: Seen) -> float:
        """In torso lengths (`iou`: what lacks of a full overlap), FORBIDDEN behind the gate."""
        rules, away = self._rules, now - one.t_seconds
        if rules.mode == "iou":
            overlap = iou(one.last.box_xyxy, seen.box_xyxy)
            return 1 - overlap if overlap >= rules.least_iou else FORBIDDEN
        expected = one.last.shifted(one.velocity * away) if rules.predict else one.last
        measure = keypoint_torsos if rules.mode == "keypoints" else least_torsos
        torsos = measure(expected, seen, rules.anchor)
        growth = max(1.0, away / self._dt) if self._dt > 0 else 1.0
        gate = max(min(rules.gate_torsos * growth, FARTHEST_TORSOS), rules.gate_torsos)
        return torsos if torsos <= gate else FORBIDDEN


def assigned(costs: Floats) -> list[tuple[int, int]]:
    """The pairs of rows and columns with the least total cost, one to one; none that is FORBIDDEN.

    As many pairs as are allowed are made. Of equal totals the one counts that keeps the order of rows and columns.
    """
    if not costs.size:
        return []
    order = np.multiply.outer(np.arange(costs.shape[0]), np.arange(costs.shape[1]))
    rows, columns = linear_sum_assignment(costs - FIRST_COME * order)
    return [
        (int(row), int(column)) for row, column in zip(rows, columns, strict=True) if costs[row, column] < FORBIDDEN
    ]
