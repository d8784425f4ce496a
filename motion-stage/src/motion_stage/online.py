"""Who is who while the frames come: the tracker of `tracks`, one step a frame, in constant memory."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motion_stage.anchors import SeenBy
from motion_stage.tracks import Followed, Tracker, TrackRules
from pose_contract.skeletons import Skeleton

MIN_SCORE = 0.2  # of a keypoint that is looked at
TORSOS_PER_SECOND = 6.0  # twice as fast as people walk
LEAST_GATE, MOST_GATE = 0.5, 1.5  # torso lengths from one frame to the next
HITS = 3


class Follower:
    """Gives the people of each frame of a stream numbers that stay with them.

        follow = Follower(skeleton, dt_seconds=1 / 30)
        numbers = follow(t_seconds, boxes_xyxy, keypoints, scores)

    Somebody new has a number from the first frame; who is not seen again within 0.2 s is forgotten, who was seen three
    times keeps the number for `grace_seconds`.
    """

    def __init__(
        self, skeleton: Skeleton, dt_seconds: float, grace_seconds: float = 1.0, least_score: float = 0.5
    ) -> None:
        """`dt_seconds`: the usual time between frames; `least_score`: of somebody new, others may be fainter."""
        gate = float(np.clip(TORSOS_PER_SECOND * dt_seconds, LEAST_GATE, MOST_GATE))
        # Nobody is expected where the last speed leads: one false sighting would lead far off.
        rules = TrackRules(
            "keypoints", gate_torsos=gate, grace_seconds=grace_seconds, hits=HITS, least_score=least_score
        )
        self._tracker = Tracker(rules, dt_seconds, HITS)
        self._seen_by = SeenBy(skeleton, MIN_SCORE)
        self._numbers: dict[int, tuple[Followed, int]] = {}  # by identity; the record is kept, so no other has it
        self._next = itertools.count(1)
        self._frame = -1

    def __call__(
        self,
        t_seconds: float,
        boxes_xyxy: NDArray[np.float64],
        keypoints: NDArray[np.float64],
        scores: Sequence[float] | NDArray[np.float64],
    ) -> list[int]:
        """A number for each person of the next frame; 0 for somebody new who is too faint.

        Args:
            t_seconds: of the frame; rises from frame to frame.
            boxes_xyxy: [N, 4] in pixels.
            keypoints: [N, J, 3]: x, y in pixels, and score.
            scores: [N], of the people, 0 to 1.
        """
        self._frame += 1
        rows = enumerate(zip(scores, boxes_xyxy, keypoints, strict=True))
        people = [self._seen_by(index, float(score), box, points) for index, (score, box, points) in rows]
        self._tracker.add(self._frame, t_seconds, people)
        self._tracker.forget_ended()
        numbers = [0] * len(people)
        kept: dict[int, tuple[Followed, int]] = {}
        for one in self._tracker.live():
            _, number = kept[id(one)] = self._numbers.get(id(one)) or (one, next(self._next))
            if one.frame == self._frame:
                numbers[one.last.index] = number
        self._numbers = kept
        return numbers
