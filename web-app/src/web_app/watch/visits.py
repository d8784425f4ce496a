"""Who comes and who goes: from numbered people of each frame to visits, each with an enter and a leave.

Pure but for its memory.
All times are media time in seconds. A visit is tentative, then active, lost while its person is not seen, and closed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Box = tuple[float, float, float, float]
Kind = Literal["enter", "leave"]
Reason = Literal["edge", "vanished", "source_stopped", "recovered"]
State = Literal["tentative", "active", "lost"]
PLACES = 5  # where somebody was last; a ghost beside a person may have been the very last of them
NO_TIME = 1e-9  # what rounding may do to a sum of frame times


@dataclass(frozen=True)
class VisitRules:
    """When somebody has come, and when somebody has gone.

    Attributes:
        open_score, keep_score: of a first sighting, and of all others.
        enter_hits, enter_window: seen in so many of the last processed frames.
        enter_seconds: from the first to the last sighting.
        leave_seconds: how long somebody is not seen.
        edge: how near the border somebody was last, of the picture's sides.
        rejoin_heights: how far from where a visit was lost somebody appears who takes it over, in heights of the box.
    """

    open_score: float = 0.5
    keep_score: float = 0.3
    enter_hits: int = 3
    enter_window: int = 5
    enter_seconds: float = 0.3
    leave_seconds: float = 1.0
    edge: float = 0.02
    rejoin_heights: float = 0.75


@dataclass(frozen=True)
class Sighting:
    """A person in one frame; `key` is the tracker's number."""

    key: int
    score: float
    box_xyxy: Box


@dataclass(frozen=True)
class Change:
    """Somebody came or went.

    Attributes:
        number: of the visit in its session, from 1.
        t_seconds, frame: of the first or the last sighting.
        confirmed_seconds: when that was certain.
        people_after: open visits after it.
        box_xyxy, score: of the first sighting; of a leave the last box, and the mean score.
        reason: of a leave.
    """

    kind: Kind
    number: int
    t_seconds: float
    frame: int
    confirmed_seconds: float
    people_after: int
    box_xyxy: Box
    score: float
    reason: Reason | None = None


@dataclass
class _Track:
    key: int
    first: tuple[float, int]
    first_box: Box
    first_score: float
    recent: deque[bool]
    last: tuple[float, int] = (0.0, 0)
    places: deque[tuple[float, Box]] = field(default_factory=lambda: deque(maxlen=PLACES))
    score_sum: float = 0.0
    hits: int = 0
    second: float = 0.0  # when it was seen for the second time; the first may have been a ghost
    number: int = 0
    state: State = "tentative"

    @property
    def last_box(self) -> Box:
        return self.places[-1][1]

    def see(self, now: tuple[float, int], seen: Sighting) -> None:
        self.last = now
        self.places.append((now[0], seen.box_xyxy))
        self.score_sum += seen.score
        self.hits += 1
        if self.hits == 2:
            self.second = now[0]
        if self.state == "lost":
            self.state = "active"


@dataclass
class Visits:
    """The visits of one session; `step` is called once a processed frame."""

    size_wh: tuple[int, int]
    rules: VisitRules = field(default_factory=VisitRules)
    _tracks: dict[int, _Track] = field(default_factory=dict)
    _numbers: int = 0
    _now: tuple[float, int] = (0.0, 0)

    @property
    def open(self) -> int:
        """How many visits are open."""
        return sum(track.number > 0 for track in self._tracks.values())

    def numbers(self) -> dict[int, int]:
        """The number of the open visit of each tracker's number."""
        return {key: track.number for key, track in self._tracks.items() if track.number}

    def step(self, t_seconds: float, frame: int, sightings: Iterable[Sighting]) -> list[Change]:
        """What the next frame changes; leaves before enters."""
        self._now = (t_seconds, frame)
        seen = {one.key: one for one in sightings if one.score >= self.rules.keep_score}
        changes = self._closed()
        for key, track in self._tracks.items():
            track.recent.append(key in seen)
            if key in seen:
                track.see(self._now, seen[key])
            elif track.number:
                track.state = "lost"
        self._begin(seen)
        return changes + self._confirmed()

    def close(self, reason: Reason = "source_stopped") -> list[Change]:
        """Ends all open visits, as nobody can be seen any more."""
        return self._leave([track for track in self._tracks.values() if track.number], reason)

    def _begin(self, seen: dict[int, Sighting]) -> None:
        for key, one in seen.items():
            if key not in self._tracks and one.score >= self.rules.open_score:
                recent = deque([True], self.rules.enter_window)
                track = _Track(key, self._now, one.box_xyxy, one.score, recent)
                track.see(self._now, one)
                self._tracks[key] = track

    def _closed(self) -> list[Change]:
        """Those who were away too long, and forgets who was hardly there."""
        gone = [t for t in self._tracks.values() if self._now[0] - t.last[0] > self.rules.leave_seconds + NO_TIME]
        for track in gone:
            if not track.number:
                del self._tracks[track.key]
        return self._leave([track for track in gone if track.number], None)

    def _leave(self, tracks: Sequence[_Track], reason: Reason | None) -> list[Change]:
        changes = []
        for track in sorted(tracks, key=lambda one: (one.last, one.number)):
            del self._tracks[track.key]
            changes.append(
                Change(
                    "leave", track.number, *track.last, self._now[0], self.open, track.last_box,
                    track.score_sum / track.hits, reason or ("edge" if self._at_edge(track.last_box) else "vanished"),
                )
            )  # fmt: skip
        return changes

    def _confirmed(self) -> list[Change]:
        rules, changes = self.rules, []
        for track in sorted(self._tracks.values(), key=lambda one: (one.first, one.key)):
            if track.number or sum(track.recent) < rules.enter_hits:
                continue
            if track.last[0] - track.first[0] < rules.enter_seconds - NO_TIME:
                continue
            lost = self._lost_near(track)
            if lost is not None:
                self._take_over(track, lost)
                continue
            self._numbers += 1
            track.number, track.state = self._numbers, "active"
            now, people = self._now[0], self.open
            change = Change("enter", track.number, *track.first, now, people, track.first_box, track.first_score)
            changes.append(change)
        return changes

    def _lost_near(self, track: _Track) -> _Track | None:
        """The visit whose person was lost where this one appeared: the tracker took them for two.

        Lost is who was seen but once since, or a quarter as often as this one: that may have been ghosts.
        """
        ghosts = max(1, track.hits // 4)
        far = {
            other.key: min(_heights_between(a, b) for _, a in other.places for _, b in track.places)
            for other in self._tracks.values()
            if other.number and sum(t_seconds >= track.second for t_seconds, _ in other.places) <= ghosts
        }
        key = min(far, key=lambda one: (far[one], one), default=None)
        return self._tracks[key] if key is not None and far[key] <= self.rules.rejoin_heights else None

    def _take_over(self, track: _Track, lost: _Track) -> None:
        del self._tracks[lost.key]
        track.first, track.first_box, track.first_score = lost.first, lost.first_box, lost.first_score
        track.number, track.state = lost.number, "active"
        track.score_sum += lost.score_sum
        track.hits += lost.hits

    def _at_edge(self, box: Box) -> bool:
        (width, height), near = self.size_wh, self.rules.edge
        dx, dy = near * width, near * height
        return box[0] <= dx or box[1] <= dy or box[2] >= width - dx or box[3] >= height - dy


def _heights_between(one: Box, other: Box) -> float:
    """The distance of two boxes' centres in heights of the taller one."""
    dx = (one[0] + one[2] - other[0] - other[2]) / 2
    dy = (one[1] + one[3] - other[1] - other[3]) / 2
    height = max(one[3] - one[1], other[3] - other[1], 1.0)
    return float((dx * dx + dy * dy) ** 0.5 / height)
