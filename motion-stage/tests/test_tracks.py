"""Who is who (A13): scripted people, each with a number of their own, against the ids that they get."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from people import figure

from motion_stage.anchors import Seen, SeenBy, iou
from motion_stage.choosing import chosen_ids
from motion_stage.sequence import Floats
from motion_stage.tracks import FORBIDDEN, Followed, Tracker, TrackRules, assigned
from pose_contract.skeletons import COCO17

# Who is there at a time: a person's number -> where the hips are.
Script = Callable[[float], dict[int, tuple[float, float]]]
MODES = ("centroid", "keypoints", "iou")
SEEN_BY = SeenBy(COCO17, 0.3)


def seen(at: tuple[float, float], index: int, without: Sequence[int] = (), size: float = 1.0) -> Seen:
    points = figure(at, size)
    scores = np.full((17, 1), 0.9)
    scores[list(without)] = 0.0
    known = points[scores[:, 0] > 0]
    box = (*known.min(axis=0), *known.max(axis=0))
    return SEEN_BY(index, 0.9, box, np.hstack([points, scores]))


def ids_of(
    script: Script, fps: float = 30, seconds: float = 4, shuffled: int | None = None, **rules: object
) -> dict[int, set[int]]:
    """Per person the ids that the tracker gave, by following the frames' indices back."""
    rng = np.random.default_rng(shuffled or 0)
    tracker = Tracker(TrackRules(**rules), 1 / fps, round(fps * seconds))
    who: dict[tuple[int, int], int] = {}
    for frame in range(round(fps * seconds)):
        there = list(script(frame / fps).items())
        if shuffled is not None:
            rng.shuffle(there)
        people = []
        for index, (number, at) in enumerate(there):
            who[frame, index] = int(number)
            people.append(seen(tuple(at), index))
        tracker.add(frame, frame / fps, people)
    return by_person(tracker.finish(), who)


def by_person(followed: Sequence[Followed], who: dict[tuple[int, int], int]) -> dict[int, set[int]]:
    result: dict[int, set[int]] = defaultdict(set)
    for one in followed:
        for first, last, index in one.runs:
            for frame in range(first, last + 1):
                result[who[frame, index]].add(one.id)
    return dict(result)


def crossing(t: float) -> dict[int, tuple[float, float]]:
    """Two people pass each other, one behind the other by half a torso."""
    return {1: (100 + 200 * t, 400), 2: (900 - 200 * t, 450)}


def hand_over(t: float) -> dict[int, tuple[float, float]]:
    """One leaves at the right while another comes at the left, in the next frame."""
    return {1: (1000 + 100 * t, 400)} if t < 2 else {2: (100 + 100 * (t - 2), 400)}


def hidden(t: float) -> dict[int, tuple[float, float]]:
    """One is behind something for a third of a second, the other stands by."""
    people = {1: (100 + 40 * t, 400), 2: (700.0, 400.0)}
    return {2: people[2]} if 1.5 <= t < 1.5 + 1 / 3 else people


def long_gone(t: float) -> dict[int, tuple[float, float]]:
    return {} if 1 <= t < 2.5 else {1: (400.0, 400.0)}


@pytest.mark.parametrize("fps", [30, 60])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("script", "ids"), [(crossing, 2), (hand_over, 2), (hidden, 2), (long_gone, 2)])
def test_nobody_changes_places(script: Script, ids: int, mode: str, fps: float) -> None:
    found = ids_of(script, fps, mode=mode)
    people = list(found.values())
    if script is long_gone:
        assert found == {1: {1, 2}}  # over a second away: somebody new, by an id that was never used
    else:
        assert all(len(one) == 1 for one in people) and len(set.union(*people)) == ids


@pytest.mark.parametrize("mode", MODES)
def test_ids_do_not_depend_on_the_order_of_detections(mode: str) -> None:
    for script in (crossing, hidden):
        plain = ids_of(script, mode=mode)
        assert all(ids_of(script, mode=mode, shuffled=seed) == plain for seed in range(1, 7))


def test_legs_that_vanish_are_no_jump() -> None:
    """Like is compared with like: the shoulders, where the hips are gone."""
    tracker = Tracker(TrackRules(gate_torsos=0.2), 1 / 30, 60)
    below_the_hips = range(11, 17)
    for frame in range(60):
        tracker.add(frame, frame / 30, [seen((300, 400), 0, below_the_hips if 20 <= frame < 40 else ())])
    (one,) = tracker.finish()
    assert one.hits == 60 and one.travel_px < 1e-9 and one.torso_px == pytest.approx(100, abs=0.01)


def test_the_lectures_example_is_paired_by_the_least_total() -> None:
    old, new = np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([[9.0, 0.0], [19.0, 0.0]])
    costs = np.linalg.norm(old[:, None] - new[None], axis=2)
    assert assigned(costs) == [(0, 0), (1, 1)]
    assert assigned(np.empty((0, 3))) == [] == assigned(np.full((2, 2), FORBIDDEN))
    assert assigned(np.ones((3, 3))) == [(0, 0), (1, 1), (2, 2)]  # equal: in order
    assert assigned(np.array([[FORBIDDEN, 1.0], [1.0, FORBIDDEN]])) == [(0, 1), (1, 0)]


def test_the_gate_grows_with_the_time_away() -> None:
    def jump(frames_away: int, torsos: float) -> int:
        tracker = Tracker(TrackRules(), 1 / 30, 100)
        for frame in range(5):
            tracker.add(frame, frame / 30, [seen((300, 400), 0)])
        for frame in range(5 + frames_away, 10 + frames_away):
            tracker.add(frame, frame / 30, [seen((300 + 100 * torsos, 400), 0)])
        return len(tracker.finish())

    assert jump(0, 0.9) == 1 and jump(0, 1.2) == 2
    assert jump(1, 1.2) == 1 and jump(10, 2.8) == 1 and jump(10, 3.2) == 2


def test_who_is_seen_twice_gets_no_id() -> None:
    tracker = Tracker(TrackRules(), 1 / 30, 30)
    for frame in range(30):
        tracker.add(frame, frame / 30, [seen((300, 400), 0)] if frame in (3, 4, 20) else [])
    assert tracker.finish() == []
    single = Tracker(TrackRules(), 0.0, 1)
    single.add(0, 0.0, [seen((300, 400), 0)])
    assert [one.id for one in single.finish()] == [1]


def test_prediction_follows_a_runner_behind_a_tree() -> None:
    def runner(t: float) -> dict[int, tuple[float, float]]:
        return {} if 1 <= t < 1.5 else {1: (100 + 900 * t, 400)}

    assert ids_of(runner, predict=True) == {1: {1}}
    assert ids_of(runner) == {1: {1, 2}}


def test_who_matters() -> None:
    def followed(number: int, score: float, area: float, travel: float, first: int, hits: int = 10) -> Followed:
        one = Followed(seen((0, 0), 0), 0.0, 0, id=number, travel_px=travel, first_row=first)
        one.scores.extend([score] * hits)
        one.areas.extend([area] * hits)
        return one

    people = [
        followed(1, 0.5, 10, 0, 5),
        followed(2, 0.9, 20, 1, 3),
        followed(3, 0.6, 30, 9, 0),
        followed(4, 1, 99, 99, 0, 2),
    ]
    wanted = {
        "all": {1, 2, 3, 4},
        "largest": {3},
        "score": {2},
        "travel": {3},
        "first": {3},
        "id:2": {2},
        "id:9": set(),
    }
    assert {pick: chosen_ids(people, pick) for pick in wanted} == wanted
    assert all(chosen_ids([], pick) == set() for pick in wanted)


def test_iou() -> None:
    assert iou((0, 0, 10, 10), (0, 0, 10, 10)) == 1 and iou((0, 0, 10, 10), (20, 0, 30, 10)) == 0
    assert iou((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)


def test_an_anchor_at_the_neck(rules: Floats | None = None) -> None:
    del rules
    bent = [seen((300, 400), 0), seen((300, 400), 0)]
    assert np.linalg.norm(bent[0].moved_to(bent[1], "neck")) == 0
    no_shoulders = seen((310, 400), 0, range(5, 7))
    assert bent[0].moved_to(no_shoulders, "neck")[0] == pytest.approx(10)
