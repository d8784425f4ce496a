"""ByteTrack behind motion-stage's own interface."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from test_tracks import by_person, seen

from motion_stage.anchors import Seen
from motion_stage.bytetrack import ByteTracker
from motion_stage.tracks import Followed, TrackRules
from pose_contract.errors import UsageError

RULES = TrackRules(mode="bytetrack")


@pytest.fixture(autouse=True)
def needs_the_package() -> None:
    pytest.importorskip("trackers", reason="trackers is not installed: make setup BYTETRACK=1")


def followed(frames: list[list[Seen]], rules: TrackRules = RULES) -> list[Followed]:
    tracker = ByteTracker(rules, 1 / 30, len(frames))
    for frame, people in enumerate(frames):
        tracker.add(frame, frame / 30, people)
    return tracker.finish()


def test_nobody_and_one_frame() -> None:
    assert followed([]) == [] == followed([[], []])
    assert followed([[seen((100, 100), 0)]]) == [], "ids come with the second frame"
    assert [one.id for one in followed([[seen((100, 100), 0)]] * 2, replace(RULES, hits=1))] == [1]


def test_two_who_pass_with_one_hidden_for_ten_frames() -> None:
    """One stands, the other goes by behind, and is not seen for ten frames."""
    frames, who = [], {}
    for frame in range(60):
        places = {0: (200.0, 300.0), 1: (100.0 + 4 * frame, 290.0)}
        there = [number for number in places if number == 0 or not 20 <= frame < 30]
        who |= {(frame, index): number for index, number in enumerate(there)}
        frames.append([seen(places[number], index) for index, number in enumerate(there)])
    people = followed(frames)
    assert by_person(people, who) == {0: {1}, 1: {2}} or by_person(people, who) == {0: {2}, 1: {1}}
    assert max(one.last_row for one in people) == 59 and min(one.first_row for one in people) <= 2
    assert {one.id for one in followed([list(reversed(frame)) for frame in frames])} == {1, 2}, "in any order"


def test_a_low_score_goes_on_with_a_track_and_begins_none() -> None:
    fading = [[replace(seen((200 + 2 * frame, 300), 0), score=0.9 if frame < 10 else 0.15)] for frame in range(30)]
    (one,) = followed(fading)
    assert one.last_row == 29 and one.hits >= 27
    assert followed(fading[10:]) == []


def test_after_the_grace_it_is_somebody_new() -> None:
    def away(frames: int) -> list[Followed]:
        there = [[seen((200, 300), 0)]] * 10
        return followed([*there, *([[]] * frames), *there], replace(RULES, grace_seconds=0.5))

    assert len(away(10)) == 1 and len(away(40)) == 2


def test_without_the_package_it_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trackers", None)
    with pytest.raises(UsageError, match="needs the package trackers") as caught:
        ByteTracker(RULES, 1 / 30, 9)
    assert "BYTETRACK=1" in caught.value.remedy
