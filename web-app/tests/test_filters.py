"""Which entries the gallery shows, and in which order."""

from __future__ import annotations

import pytest

from pose_contract.records import Failure
from web_app.look.entries import Entry, Found
from web_app.look.filters import SHOWS, Query, chosen, counts, next_in_queue, queue

FAILURE = Failure(file="images/f.jpg", reason="is empty", remedy="copy it again")
SURE = Entry("b/sure.jpg", False, Found(1, (0.9,), posed=True), None, "1")
LOW = Entry("low.jpg", False, Found(2, (0.8, 0.1), posed=True), None, "1")
NOBODY = Entry("nobody.jpg", False, Found(0, (), posed=True), None, "1")
FAILED = Entry("f.jpg", False, Found(), FAILURE, "1")
TO_DO = Entry("new.jpg", False, Found(), None, "1")
DONE = Entry("done.jpg", False, Found(1, (0.3,), posed=True, edited=True, corrected=True), None, "1")
VIDEO = Entry("erg.mp4", True, Found(3), None, "1")
ALL = [SURE, LOW, NOBODY, FAILED, TO_DO, DONE, VIDEO]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(), ALL),
        (Query("photos"), ALL[:-1]),
        (Query("videos"), [VIDEO]),
        (Query("low"), [LOW, DONE]),
        (Query("nobody"), [NOBODY]),
        (Query("failed"), [FAILED]),
        (Query("edited"), [DONE]),
        (Query("corrected"), [DONE]),
        (Query("to do"), [TO_DO]),
        (Query(text=" SURE"), [SURE]),
        (Query(text="b/"), [SURE]),
        (Query(text="not there"), []),
        (Query("low", sort="score"), [LOW, DONE]),
        (Query("photos", sort="score"), [LOW, DONE, SURE, FAILED, TO_DO, NOBODY]),
    ],
)
def test_what_is_shown(query: Query, expected: list[Entry]) -> None:
    if query.sort == "score" and query.show == "photos":
        expected = sorted(expected, key=lambda entry: (entry.lowest or 2 if entry.lowest != 0 else 0, entry.name))
    assert chosen(ALL, query) == expected
    assert chosen([], query) == []


def test_how_many_there_are_of_each_kind() -> None:
    assert set(counts([]).values()) == {0} and counts([]).keys() == SHOWS.keys()
    assert counts(ALL)["photos"] == 6 and counts(ALL)["failed"] == 1


def test_the_queue_begins_with_the_least_sure_and_leaves_out_what_is_corrected() -> None:
    assert queue([]) == [] and queue(ALL) == [LOW, SURE]
    assert next_in_queue([]) is None and next_in_queue([SURE], SURE.id) is None
    assert next_in_queue(ALL) is LOW and next_in_queue(ALL, "no such id") is LOW
    assert next_in_queue(ALL, LOW.id) is SURE and next_in_queue(ALL, SURE.id) is LOW


def test_after_a_correction_the_queue_goes_on_from_where_the_photo_stood() -> None:
    middle = Entry("middle.jpg", False, Found(1, (1.0,), posed=True, corrected=True), None, "2")
    last = Entry("z.jpg", False, Found(1, (0.95,), posed=True), None, "1")
    entries = [LOW, middle, SURE, last]
    assert next_in_queue(entries, middle.id, 0.5) is SURE  # it had 0.5 when it was opened
    assert next_in_queue(entries, middle.id) is LOW  # after its 1.0 comes the first again
