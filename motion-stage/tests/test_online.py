"""Who is who while the frames come: the follower's numbers against the scripts' people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from people import figure

from motion_stage import Follower
from motion_stage.sequence import Floats
from pose_contract.skeletons import COCO17

FPS = 30
Place = tuple[float, float]
Somebody = tuple[int, Place, float]  # who, where the hips are, the score
NOBODY: list[Somebody] = []


def follower(fps: float = FPS, grace_seconds: float = 1.0, least_score: float = 0.5) -> Follower:
    return Follower(COCO17, 1 / fps, grace_seconds, least_score)


def arrays(people: Sequence[Somebody]) -> tuple[Floats, Floats, Floats]:
    """Boxes [N, 4], keypoints [N, 17, 3] and scores [N]."""
    points = np.array([figure(at) for _, at, _ in people]).reshape(-1, 17, 2)
    boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1) if people else np.zeros((0, 4))
    scores = np.array([score for *_, score in people], np.float64)
    sure = np.broadcast_to(np.reshape(scores, (-1, 1, 1)), (len(people), 17, 1))
    return boxes, np.concatenate([points, sure], axis=2), scores


def numbers(frames: Sequence[Sequence[Somebody]], follow: Follower | None = None, fps: float = FPS) -> list[list[int]]:
    """The number of each person of each frame."""
    follow = follow or follower(fps)
    return [follow(at / fps, *arrays(people)) for at, people in enumerate(frames)]


def of_whom(frames: Sequence[Sequence[Somebody]], found: Sequence[Sequence[int]]) -> dict[int, set[int]]:
    """The numbers that each person had."""
    had: dict[int, set[int]] = {}
    for people, given in zip(frames, found, strict=True):
        for (who, *_), number in zip(people, given, strict=True):
            had.setdefault(who, set()).add(number)
    return had


def stands(frames: int, score: float = 0.9, who: int = 1, at: Place = (400, 400)) -> list[list[Somebody]]:
    return [[(who, at, score)] for _ in range(frames)]


def away(frames: int) -> list[list[Somebody]]:
    return [NOBODY] * frames


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([], []),
        (away(3), [[], [], []]),
        (stands(1, at=(-900, -900)), [[1]]),  # beside the picture, of which it knows nothing
        (stands(3), [[1]] * 3),
        (stands(1, 0.49), [[0]]),  # too faint to be somebody new
        (stands(1) + stands(2, 0.1), [[1]] * 3),  # fainter from then on
        (stands(2, 0.49) + stands(2), [[0], [0], [1], [1]]),
        (stands(2) + away(5) + stands(1), [[1]] * 2 + [[]] * 5 + [[1]]),  # within 0.2 s
        (stands(2) + away(6) + stands(1), [[1]] * 2 + [[]] * 6 + [[2]]),  # seen twice: forgotten, and the number too
        (stands(3) + away(29) + stands(1), [[1]] * 3 + [[]] * 29 + [[1]]),  # seen three times: kept for a second
        (stands(3) + away(30) + stands(1), [[1]] * 3 + [[]] * 30 + [[2]]),
    ],
)
def test_who_keeps_a_number(frames: list[list[Somebody]], expected: list[list[int]]) -> None:
    assert numbers(frames) == expected


@pytest.mark.parametrize(("grace_seconds", "expected"), [(0.3, 2), (0.5, 1)])
def test_how_long_a_number_is_kept_is_asked_for(grace_seconds: float, expected: int) -> None:
    frames = stands(3) + away(11) + stands(1)  # 0.4 s
    assert numbers(frames, follower(grace_seconds=grace_seconds))[-1] == [expected]


@pytest.mark.parametrize("fps", [5, 15, 30, 60])
def test_two_who_pass_each_other_keep_their_numbers(fps: int) -> None:
    rng = np.random.default_rng(0)
    frames = []
    for at in range(4 * fps):
        t_seconds = at / fps
        people: list[Somebody] = [(1, (100 + 200 * t_seconds, 400), 0.9), (2, (900 - 200 * t_seconds, 450), 0.8)]
        frames.append([people[index] for index in rng.permutation(2)])
    had = of_whom(frames, numbers(frames, fps=fps))
    assert all(len(given) == 1 for given in had.values()) and had[1] != had[2]


def test_who_comes_as_another_goes_is_somebody_new() -> None:
    frames = stands(30, at=(1000, 400)) + stands(30, who=2, at=(100, 400))
    assert of_whom(frames, numbers(frames)) == {1: {1}, 2: {2}}


def test_somebody_too_faint_between_others_shifts_nobodys_number() -> None:
    people = [(1, (100.0, 400.0), 0.9), (2, (500.0, 400.0), 0.2), (3, (900.0, 400.0), 0.8)]
    assert numbers([people] * 4) == [[1, 0, 2]] * 4


def test_a_ghost_leads_nobody_astray() -> None:
    """One false sighting 40 px beside somebody who stands: nobody is expected where it would lead."""
    frames = stands(10) + stands(1, at=(440, 400)) + stands(10)
    assert {number for given in numbers(frames) for number in given} == {1}


def test_no_number_is_given_twice_and_memory_does_not_grow() -> None:
    follow = follower(grace_seconds=0.1)
    seen: list[int] = []
    for turn in range(300):
        frames = [*stands(3, who=turn), *away(7)]
        for at, people in enumerate(frames):
            given = follow((10 * turn + at) / FPS, *arrays(people))
            seen += given[:1] if at == 0 else []
    assert seen == list(range(1, 301))
    assert len(follow._numbers) <= 1 and len(follow._tracker.live()) <= 1
    for number in range(2_000):  # one who never goes
        follow(100 + number / FPS, *arrays(stands(1)[0]))
    (one,) = follow._tracker.live()
    assert max(len(one.runs), len(one.scores), len(one.areas), len(one.torsos)) <= 3


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    boxes, keypoints, scores = arrays(stands(1)[0])
    with pytest.raises(ValueError, match="zip"):
        follower()(0.0, boxes, keypoints, [*scores, 0.5])
