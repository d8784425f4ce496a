"""tracks.json: who is who, so that all that follows can be redone without following anybody again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
from pydantic import Field, JsonValue

from motion_stage.anchors import SeenBy
from motion_stage.bytetrack import ByteTracker
from motion_stage.choosing import chosen_ids
from motion_stage.sequence import State, Track
from motion_stage.settings import OF_TRACKING, MotionSettings
from motion_stage.sources import Posed, PosedFrame, Source, SourceFacts
from motion_stage.tracks import Followed, Tracker
from pose_contract.errors import ImageError
from pose_contract.records import Coordinate, Record, Score, Sha256
from pose_contract.skeletons import Skeleton
from pose_contract.storage import record_bytes

FILE = "tracks.json"
UNSEALED = "0" * 64
BYTES_AT_ONCE = 50_000_000  # of people's arrays; an hour of one person at 60 frames a second is 51 MB


class TrackEntry(Record):
    """One person.

    Attributes:
        id: from 1 on, never used twice.
        chosen: whether the tables hold the person.
        rows: how many frames the video has from the first to the last, both included.
        hits: in how many of them the person was seen.
        score: the mean.
        travel_px: the way of the hips, all steps together.
        torso_px: the median length from mid-hip to mid-shoulder; nothing where it was never seen.
        people: [first frame, last frame, index in these frames' records].
    """

    id: int = Field(ge=1)
    chosen: bool
    first_frame: int = Field(ge=0)
    last_frame: int = Field(ge=0)
    rows: int = Field(ge=1)
    hits: int = Field(ge=1)
    score: Score
    area_px2: Coordinate
    travel_px: Coordinate
    torso_px: Coordinate | None = None
    people: tuple[tuple[int, int, int], ...]


class TrackFile(Record):
    """All who were followed in one video. A person may correct it: join two people's frames, choose others."""

    schema_version: Literal[1] = 1
    image: str
    frames: int = Field(ge=0)
    duration_seconds: float = Field(ge=0)
    poses_sha256: Sha256
    options: dict[str, JsonValue]
    tracks: tuple[TrackEntry, ...]
    seal: Sha256 = UNSEALED

    def sealed(self) -> TrackFile:
        """With its seal, which a person's edit breaks."""
        return self.model_copy(update={"seal": self._digest()})

    @property
    def is_edited(self) -> bool:
        """Whether a person has changed it."""
        return self.seal != self._digest()

    def _digest(self) -> str:
        return hashlib.sha256(record_bytes(self.model_copy(update={"seal": UNSEALED}))).hexdigest()


def tracking_options(settings: MotionSettings) -> dict[str, JsonValue]:
    """The settings on which tracks.json depends."""
    return {name: value for name, value in settings.options.items() if name in OF_TRACKING}


def follow(source: Source, facts: SourceFacts, settings: MotionSettings) -> TrackFile:
    """Follows everybody through the frames, of which one is held at a time. Raises ImageError where a frame is none."""
    kind = ByteTracker if settings.rules.mode == "bytetrack" else Tracker
    tracker = kind(settings.rules, facts.usual_dt / settings.slowmo, facts.frames)
    seen_by = SeenBy(facts.skeleton, settings.min_score)
    count, last = 0, 0.0
    for frame in source.frames():
        count, last = count + 1, frame.t_seconds / settings.slowmo
        people = [seen_by(who.index, who.score, who.box_xyxy, who.keypoints) for who in frame.people]
        tracker.add(frame.frame, last, people)
    everybody = tracker.finish()
    chosen = chosen_ids(everybody, settings.pick)
    return TrackFile(
        image=facts.image,
        frames=count,
        duration_seconds=round(last, 6),
        poses_sha256=facts.sha256,
        options=tracking_options(settings),
        tracks=tuple(_entry(one, one.id in chosen) for one in everybody),
    ).sealed()


def _entry(one: Followed, chosen: bool) -> TrackEntry:
    torso = one.torso_px
    return TrackEntry(
        id=one.id,
        chosen=chosen,
        first_frame=one.runs[0][0],
        last_frame=one.frame,
        rows=one.last_row - one.first_row + 1,
        hits=one.hits,
        score=min(sum(one.scores) / one.hits, 1.0),
        area_px2=sum(one.areas) / one.hits,
        travel_px=one.travel_px,
        torso_px=torso if math.isfinite(torso) else None,
        people=tuple((first, last, index) for first, last, index in one.runs),
    )


def loaded(
    source: Source, facts: SourceFacts, entries: Sequence[TrackEntry], settings: MotionSettings
) -> Iterator[Track]:
    """The chosen people's tracks as recorded, by id; as many are held at once as fit into 100 MB, and one at least.

    Raises:
        ImageError: a frame is none, or tracks.json names people whom it does not hold.
    """
    joints = len(facts.skeleton.keypoints)
    waiting = [entry for entry in entries if entry.chosen]
    while waiting:
        group, size = [waiting.pop(0)], 0
        size = group[0].rows * _row_bytes(joints)
        while waiting and size + waiting[0].rows * _row_bytes(joints) <= BYTES_AT_ONCE:
            size += waiting[0].rows * _row_bytes(joints)
            group.append(waiting.pop(0))
        filling = [_Filling(entry, joints) for entry in group]
        _fill(filling, source.frames(), settings)
        while filling:
            yield filling.pop(0).track(facts.skeleton, settings.min_score)


def _row_bytes(joints: int) -> int:
    return 16 + joints * (8 + 4 + 1)


class _Filling:
    """One track's arrays while its frames are read."""

    def __init__(self, entry: TrackEntry, joints: int) -> None:
        self.entry = entry
        self._frames = np.zeros(entry.rows, dtype=np.int64)
        self._times = np.zeros(entry.rows)
        self._points = np.full((entry.rows, joints, 2), np.nan, dtype=np.float32)
        self._scores = np.zeros((entry.rows, joints), dtype=np.float32)
        self._repeated = np.zeros(entry.rows, dtype=bool)
        self._row = 0
        self._runs = iter(entry.people)
        self._run = next(self._runs, None)

    def add(self, frame: PosedFrame, t_seconds: float) -> None:
        """One more frame between the first and the last."""
        if self._row >= self.entry.rows:
            raise self._unfit(frame.frame)
        self._frames[self._row], self._times[self._row] = frame.frame, t_seconds
        while self._run is not None and self._run[1] < frame.frame:
            self._run = next(self._runs, None)
        if self._run is not None and self._run[0] <= frame.frame:
            who = self._person(frame, self._run[2])
            self._points[self._row] = who.keypoints[:, :2]
            self._scores[self._row] = who.keypoints[:, 2]
            self._repeated[self._row] = frame.duplicate
        self._row += 1

    def _person(self, frame: PosedFrame, index: int) -> Posed:
        for who in frame.people:
            if who.index == index:
                return who
        raise self._unfit(frame.frame)

    def _unfit(self, frame: int) -> ImageError:
        return ImageError(f"has a {FILE} that does not fit frame {frame}", f"delete {FILE} and run again")

    def track(self, skeleton: Skeleton, min_score: float) -> Track:
        """As recorded."""
        if self._row != self.entry.rows:
            raise self._unfit(self.entry.last_frame)
        absent = ~np.isfinite(self._points[:, :, 0])
        states = np.full(absent.shape, State.MEASURED, dtype=np.uint8)
        states[self._scores < min_score] = State.LOW_SCORE
        states[self._repeated & (states == State.MEASURED).any(axis=1)] = State.DUPLICATE
        states[absent] = State.MISSING
        torso = self.entry.torso_px
        return Track(
            id=self.entry.id,
            frames=self._frames,
            t_seconds=self._times,
            keypoints_xy=self._points,
            scores=self._scores,
            states=states,
            skeleton=skeleton,
            torso_px=math.nan if torso is None else torso,
        )


def _fill(filling: Sequence[_Filling], frames: Iterable[PosedFrame], settings: MotionSettings) -> None:
    for frame in frames:
        for one in filling:
            if one.entry.first_frame <= frame.frame <= one.entry.last_frame:
                one.add(frame, frame.t_seconds / settings.slowmo)
