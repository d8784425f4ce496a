"""Who gets which shard, and what follows a lost worker; without Ray."""

from __future__ import annotations

import pytest
from fakes import FailingPool, PoisonedPool, ReliablePool, UnlikePool

from pose_cluster.dispatch import MOST_POISONOUS, Lost, work_through
from pose_cluster.plan import Plan, Shard
from pose_cluster.worker import Done
from pose_contract.errors import StageError, UsageError
from stage_kit.runs.steps import Listing

NAMES = tuple(f"{index:02}.jpg" for index in range(10))


@pytest.mark.parametrize(
    ("listing", "size", "shards"),
    [
        (Listing(()), 2, []),
        (Listing(("a",)), 2, [("a",)]),
        (Listing(("a", "b", "c")), 2, [("a", "b"), ("c",)]),
        (Listing(("a", "b"), videos=("v.mp4", "w.mp4")), 5, [("v.mp4",), ("w.mp4",), ("a", "b")]),
    ],
)
def test_every_name_is_in_one_shard_and_a_video_by_itself(
    listing: Listing, size: int, shards: list[tuple[str, ...]]
) -> None:
    plan = Plan(listing, size).shards
    assert [shard.names for shard in plan] == shards
    assert sorted(shard.name for shard in plan) == [f"{index + 1}of{len(shards)}" for index in range(len(shards))]


def test_a_video_more_leaves_the_numbers_of_the_photos_shards() -> None:
    """What has been seen of an object store's photos lies there by that number."""
    photos = tuple("abcdef")
    one, two = (Plan(Listing(photos, videos=videos), 2).shards for videos in (("v.mp4",), ("v.mp4", "w.mp4")))
    numbers = [
        {shard.names: shard.name.partition("of")[0] for shard in plan if shard.names[0] in photos}
        for plan in (one, two)
    ]
    assert numbers[0] == numbers[1] == {("a", "b"): "1", ("c", "d"): "2", ("e", "f"): "3"}


def test_a_photo_more_leaves_most_photos_in_their_shard() -> None:
    before, after = (Plan(Listing(names), 5).shards for names in (NAMES, ("00.gif", *NAMES)))
    kept = [len(set(old.names) & set(new.names)) for old, new in zip(before, after, strict=False)]
    assert kept == [4, 4]


def test_halves_have_names_that_no_other_shard_has() -> None:
    plan = Plan(Listing(NAMES), 5)
    halves = plan.halves(plan.shards[0])
    assert halves == [Shard("3of2", NAMES[:2]), Shard("4of2", NAMES[2:5])]


@pytest.mark.parametrize("workers", [1, 2, 4, 20])
def test_all_shards_are_given_out_once(workers: int) -> None:
    pool = ReliablePool(workers)
    told: list[Done | Lost] = []
    outcome = work_through(Plan(Listing(NAMES), 3), pool, told.append)
    assert sorted(name for shard in pool.given for name in shard.names) == list(NAMES)
    assert len(told) == len(outcome.done) == 4 and not outcome.poisonous and not outcome.lost
    assert pool.dismissed == workers - 1, "whoever has nothing to do gives up his place, but for the last"


def test_nothing_to_do_is_done() -> None:
    assert work_through(Plan(Listing(()), 3), ReliablePool(), lambda _: None).done == []


@pytest.mark.parametrize("poison", [{"04.jpg"}, {"00.jpg", "09.jpg"}, set(NAMES[2:4])])
def test_a_poisonous_photo_fails_alone(poison: set[str]) -> None:
    told: list[Done | Lost] = []
    outcome = work_through(Plan(Listing(NAMES), 4), PoisonedPool(3, poison=frozenset(poison)), told.append)
    assert outcome.poisonous == dict.fromkeys(sorted(poison), "killed") and outcome.lost >= len(poison)
    finished = [name for done in outcome.done for name in done.shard.names]
    assert sorted([*finished, *poison]) == list(NAMES)
    assert sum(len(ended.shard.names) for ended in told) == len(NAMES), "the bar comes to its end"


def test_workers_that_every_photo_stops_stop_the_run() -> None:
    names = tuple(map(str, range(3 * MOST_POISONOUS)))
    with pytest.raises(UsageError, match="stopped their workers, the last by: killed"):
        work_through(Plan(Listing(names), 5), PoisonedPool(poison=frozenset(names)), lambda _: None)


def test_what_befalls_every_worker_ends_the_run() -> None:
    pool = FailingPool()
    with pytest.raises(StageError, match="disk full"):
        work_through(Plan(Listing(NAMES), 1), pool, lambda _: None)
    assert len(pool.given) == 2


def test_whether_int8_is_calibrated_yet_is_no_difference() -> None:
    ways = {"1of2": {"calibration": ""}, "2of2": {"calibration": "0123"}}
    assert len(work_through(Plan(Listing(NAMES), 5), UnlikePool(options=ways), lambda _: None).done) == 2


def test_machines_that_compute_differently_are_told() -> None:
    ways = {"1of2": {"precision": "fp32", "a": 1}, "2of2": {"precision": "bf16", "a": 1}}
    with pytest.raises(UsageError, match="one and one compute differently: precision"):
        work_through(Plan(Listing(NAMES), 5), UnlikePool(options=ways), lambda _: None)
