"""Who came and who went: rules, invariants, and scripts with known truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from motion_stage import Follower
from web_app.watch.people import Estimator, Frame
from web_app.watch.script import FPS, PLAY, SECONDS, SIZE_WH, Flicker, Part, ScriptEstimator, play
from web_app.watch.visits import Change, Sighting, Visits

BOX = (300.0, 100.0, 370.0, 300.0)
EDGE = (0.0, 100.0, 60.0, 300.0)


def checked(changes: Sequence[Change], still_open: int = 0) -> list[Change]:
    """What always holds: a leave has one enter before it, nobody goes twice, times rise, the count is right."""
    entered: dict[int, Change] = {}
    left: set[int] = set()
    for change in changes:
        if change.kind == "enter":
            assert change.number not in entered and change.reason is None
            entered[change.number] = change
        else:
            assert change.number in entered and change.number not in left and change.reason
            assert change.t_seconds >= entered[change.number].t_seconds
            left.add(change.number)
        assert change.people_after == len(entered) - len(left) >= 0
        assert change.confirmed_seconds >= change.t_seconds
    assert len(entered) - len(left) == still_open
    return list(changes)


def told(seen: Sequence[float | None], fps: float = 30, box: tuple[float, float, float, float] = BOX) -> list[Change]:
    """One person, a score a frame, None where not seen; the source goes on for two seconds."""
    visits = Visits(SIZE_WH)
    changes: list[Change] = []
    for frame, score in enumerate([*seen, *[None] * round(2 * fps)]):
        sightings = [] if score is None else [Sighting(7, score, box)]
        changes += visits.step(frame / fps, frame, sightings)
    return checked(changes, visits.open)


def outline(changes: Sequence[Change]) -> list[tuple[str, float]]:
    return [(change.kind, round(change.t_seconds, 3)) for change in changes]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([], []),
        ([0.9], []),  # a ghost
        ([0.9] * 9, []),  # 0.27 s
        ([0.9] * 10, [("enter", 0), ("leave", 0.3)]),
        ([0.4] * 60, []),  # never sure enough to begin
        ([0.9] + [0.35] * 29, [("enter", 0), ("leave", 0.967)]),  # hysteresis keeps
        ([0.9] + [0.2] * 29, []),
        ([0.9] * 30 + [None] * 29 + [0.9] * 31, [("enter", 0), ("leave", 2.967)]),  # away for a second
        ([0.9] * 30 + [None] * 40 + [0.9] * 30, [("enter", 0), ("leave", 0.967), ("enter", 2.333), ("leave", 3.3)]),
        ([0.9, None, None, None] * 10, []),  # one of four frames
        ([None] * 30 + [0.9] * 30, [("enter", 1), ("leave", 1.967)]),
    ],
)
def test_when_somebody_has_come_and_gone(seen: list[float | None], expected: list[tuple[str, float]]) -> None:
    assert outline(told(seen)) == expected


@pytest.mark.parametrize("fps", [5, 10, 30, 60])
def test_the_frame_rate_does_not_matter(fps: int) -> None:
    (enter, leave) = told([0.9] * (2 * fps), fps)
    assert enter.t_seconds == 0 and abs(leave.t_seconds - 2) <= 1 / fps + 1e-9
    assert enter.confirmed_seconds <= 0.4 + 1 / fps


def test_why_somebody_has_gone() -> None:
    assert told([0.9] * 30)[1].reason == "vanished"
    assert told([0.9] * 30, box=EDGE)[1].reason == "edge"
    visits = Visits(SIZE_WH)
    changes = [change for frame in range(30) for change in visits.step(frame / 30, frame, [Sighting(1, 0.9, BOX)])]
    changes += visits.close()
    assert checked(changes)[-1].reason == "source_stopped" and visits.open == 0 and visits.close() == []


def test_somebody_whom_the_tracker_takes_for_two_is_one_visit() -> None:
    visits = Visits(SIZE_WH)
    changes = []
    for frame in range(150):
        key = 1 if frame < 60 else 2
        changes += visits.step(frame / 30, frame, [Sighting(key, 0.9, BOX)])
    assert outline(checked(changes, 1)) == [("enter", 0)] and visits.numbers() == {2: 1}


def test_any_noise_keeps_what_always_holds() -> None:
    for seed in range(30):
        chance = np.random.default_rng(seed)
        visits = Visits(SIZE_WH)
        changes: list[Change] = []
        for frame in range(600):
            seen = [key for key in range(6) if chance.random() < 0.5 + 0.5 * np.sin(frame / 40 + key)]
            boxes = [(*chance.uniform(0, 300, 2).tolist(), 360.0, 300.0) for _ in seen]
            scores = chance.uniform(0.2, 1, len(seen))
            sightings = [Sighting(k, float(s), b) for k, s, b in zip(seen, scores, boxes, strict=True)]
            changes += visits.step(frame / 30, frame, sightings)
        assert changes and checked(changes + visits.close())


def counted(estimator: Estimator, parts: Sequence[Part], seconds: float, step: int = 1) -> list[Change]:
    follow = Follower(estimator.skeleton, step / FPS)
    visits = Visits(SIZE_WH)
    changes: list[Change] = []
    for frame in play(parts, seconds, drawn=False):
        if frame.number % step:
            continue
        changes += seen_in(frame, estimator, follow, visits)
    return checked(changes + visits.close())


def seen_in(frame: Frame, estimator: Estimator, follow: Follower, visits: Visits) -> list[Change]:
    found = estimator(frame)
    keys = follow(frame.t_seconds, found.boxes_xyxy, found.keypoints, found.scores)
    rows = zip(keys, found.scores, found.boxes_xyxy, strict=True)
    sightings = [Sighting(key, float(score), tuple(box.tolist())) for key, score, box in rows if key]
    return visits.step(frame.t_seconds, frame.number, sightings)


@pytest.mark.parametrize("step", [1, 2, 6])
def test_the_play_is_counted_without_a_mistake(step: int) -> None:
    changes = counted(ScriptEstimator(), PLAY, SECONDS, step)
    within = 0.3 if step == 1 else 2 * step / FPS
    for kind, truth in (("enter", [p.enter for p in PLAY]), ("leave", [p.leave for p in PLAY])):
        times = sorted(change.t_seconds for change in changes if change.kind == kind)
        assert len(times) == len(truth) == 8
        assert np.abs(np.array(times) - sorted(truth)).max() <= within


@pytest.mark.parametrize("seed", (1, 5, 10, 21, 32))
def test_flicker_makes_no_event(seed: int) -> None:
    """Two people for a minute, every fifth sighting missed, and a ghost in every twentieth frame."""
    parts = (Part(0, 60, (60, 560)), Part(0, 60, (560, 60)))
    changes = counted(ScriptEstimator(parts, Flicker(0.2, 0.05, seed)), parts, 60)
    assert [(c.kind, c.reason) for c in changes] == [
        ("enter", None), ("enter", None), ("leave", "source_stopped"), ("leave", "source_stopped"),
    ]  # fmt: skip
