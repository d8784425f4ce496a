"""Who is who by ByteTrack, for crowds: boxes alone, with a Kalman filter, also those of low scores.

Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV 2022, in the package
`trackers` (Apache-2.0), which is asked for only here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from motion_stage.anchors import Seen
from motion_stage.tracks import Followed, TrackRules
from pose_contract.errors import UsageError

SURE_SCORE = 0.3  # of a pose that begins a track, and is looked for first; poses score less than boxes
BUFFER_RATE = 30  # frames a second that the package counts its buffer in


class ByteTracker:
    """As `tracks.Tracker`: follows people frame by frame, and keeps what is needed of each."""

    def __init__(self, rules: TrackRules, usual_dt: float, frames: int) -> None:
        """Raises UsageError where the package is not installed."""
        tracker, self._detections = _package()
        self._tracker = tracker(
            lost_track_buffer=max(round(BUFFER_RATE * rules.grace_seconds), 1),
            frame_rate=1 / usual_dt if usual_dt > 0 else float(BUFFER_RATE),
            track_activation_threshold=max(rules.least_score, SURE_SCORE),
            minimum_consecutive_frames=max(min(rules.hits, frames), 1),
            minimum_iou_threshold=rules.least_iou,
            high_conf_det_threshold=SURE_SCORE,
        )
        self._followed: dict[int, Followed] = {}
        self._row = -1

    def add(self, frame: int, t_seconds: float, people: Sequence[Seen]) -> None:
        """The people of the next frame, in any order."""
        self._row += 1
        people = sorted(people, key=lambda seen: (*seen.box_xyxy, -seen.score))
        given = self._detections(
            xyxy=np.array([seen.box_xyxy for seen in people], np.float64).reshape(-1, 4),
            confidence=np.array([seen.score for seen in people], np.float64),
            class_id=np.zeros(len(people), int),
            data={"row": np.arange(len(people))},
        )
        answered = self._tracker.update(given)
        rows = answered.data.get("row", np.zeros(0, int))
        for row, number in zip(rows, answered.tracker_id, strict=True):
            if number >= 0:  # who has not been seen often enough yet has -1
                self._add(int(number), frame, t_seconds, people[int(row)])

    def _add(self, number: int, frame: int, t_seconds: float, seen: Seen) -> None:
        known = self._followed.get(number)
        if known is None:
            known = Followed(seen, t_seconds, frame, id=len(self._followed) + 1, first_row=self._row)
            self._followed[number] = known
        known.add(frame, t_seconds, seen)
        known.last_row = self._row

    def finish(self) -> list[Followed]:
        """All, by id."""
        return sorted(self._followed.values(), key=lambda one: one.id)


def _package() -> tuple[Any, Any]:
    """The tracker's class and the one of its detections."""
    try:
        from supervision import Detections  # type: ignore[import-not-found, unused-ignore]
        from trackers import ByteTrackTracker  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        remedy = "install it: make setup BYTETRACK=1; or take --mode iou"
        raise UsageError("--mode bytetrack needs the package trackers, which is not installed", remedy) from None
    return ByteTrackTracker, Detections
