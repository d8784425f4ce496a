"""One report of many shards."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import STAGE, done, failed

from pose_cluster.dispatch import Outcome
from pose_cluster.merged_report import file_of, merged, stage_share, stragglers
from pose_cluster.plan import Shard
from pose_contract.errors import ImageError
from pose_contract.records import Counts
from pose_contract.workspace import Workspace
from stage_kit.runs.steps import Listing
from stage_kit.stages import StatusFacts

HERE = Workspace(Path("w"))
BEGAN = ("2026-11-26T12:00:00+00:00", 4.0)


def test_no_shards_give_an_empty_report() -> None:
    report = merged(STAGE, HERE, Listing(()), Outcome(), BEGAN)
    assert (report.counts, report.failures, report.images_per_second) == (Counts(), (), 0.0)
    share = stage_share(report, Outcome())
    assert share.nodes == () and share.stragglers == ()


def test_counts_are_added_up_and_failures_of_all_kinds_sorted() -> None:
    first = done(
        Shard("1of2", ("a", "b")), failures=(failed("images/b"),), counts=Counts(images=2, failed=1, processed=1)
    )
    second = done(Shard("2of2", ("c", "d")), device="")
    listing = Listing(("a", "b", "c", "d"), {"z": ImageError("has a bad name", "rename it")}, ("notes.txt",))
    report = merged(STAGE, HERE, listing, Outcome([first, second], {"0": "killed"}, 1), BEGAN)
    assert report.counts == Counts(images=6, processed=3, failed=3, people=2)
    assert [failure.file for failure in report.failures] == ["images/0", "images/b", "images/z"]
    assert report.failures[0].reason == "stopped every worker that worked on it: killed"
    assert (report.device, report.engine, report.model, report.ignored_files) == ("cpu", "fake", "m", ("notes.txt",))
    assert (report.images_per_second, report.seconds, report.started) == (0.75, 4.0, BEGAN[0])


@pytest.mark.parametrize(
    ("of", "name", "file"),
    [
        ("images", "a.jpg", "images/a.jpg"),
        ("annots", "a.json", "annots/a.json"),
        ("annots", "a.mp4", "images/a.mp4"),
        (None, "a.json", "images/a.json"),
    ],
)
def test_a_name_is_told_as_the_file_that_it_is(of: str | None, name: str, file: str) -> None:
    status = StatusFacts.model_validate({"of": of, "record": "poses", "picture": "final"}) if of else None
    assert file_of(STAGE.model_copy(update={"status": status}), HERE, name) == file


def test_a_node_s_rate_is_from_its_first_shard_to_its_last() -> None:
    shards = [Shard(f"{index}of3", ("a", "b")) for index in (1, 2, 3)]
    outcome = Outcome([done(shards[0], "x", 10, 1), done(shards[1], "x", 13, 1), done(shards[2], "y", 10, 4)])
    share = stage_share(merged(STAGE, HERE, Listing(()), outcome, BEGAN), outcome)
    assert [(node.node, node.shards, node.images_per_second) for node in share.nodes] == [("x", 2, 1.0), ("y", 1, 0.5)]


def test_stragglers_are_over_three_times_as_slow_as_the_median_per_image() -> None:
    assert stragglers([]) == []
    usual = [done(Shard(f"{index}of9", ("a", "b")), seconds=2) for index in range(5)]
    long = done(Shard("8of9", tuple("abcdefgh")), seconds=8)
    slow = done(Shard("9of9", ("é",)), "far", seconds=4)
    skipped = done(Shard("7of9", ("s",)), seconds=90, counts=Counts(images=1, skipped=1))
    (found,) = stragglers([*usual, long, slow, skipped])
    assert (found.shard, found.node, found.first, found.images, found.seconds) == ("9of9", "far", "é", 1, 4)
