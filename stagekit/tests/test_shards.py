"""Shards: the same split on every machine, and what is left of them when a whole run follows."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from test_batch_run import DoublingSteps, run_of

from pose_contract.errors import ImageError, UsageError, WorkspaceError
from pose_contract.storage import read_report
from pose_contract.workspace import Workspace
from stage_kit.runs.lock import locked
from stage_kit.runs.seen import SeenFiles
from stage_kit.runs.shards import Shard, shard_of
from stage_kit.runs.steps import Listing
from stage_kit.testing import dies_at_write, workspace_bytes

NAMES = ("a2", "b0", "c1", "d3", "e1", "f2", "g0")


@pytest.mark.parametrize("text", ["", "2", "0/2", "3/2", "1/0", "-1/2", "1/2/3", "a/b", "1 / 2", "١/٢", "1/99999999"])
def test_a_shard_that_makes_no_sense_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="--shard: expected I/N, from 1/N to N/N, got") as caught:
        shard_of(text)
    assert "\n" not in caught.value.reason + caught.value.remedy


def test_without_the_flag_there_is_no_shard() -> None:
    assert shard_of(None) is None and shard_of("2/3") == Shard(2, 3) and Shard(2, 3).name == "2of3"


@pytest.mark.parametrize(
    ("items", "count", "parts"),
    [
        ((), 2, [(), ()]),
        (("a",), 3, [("a",), (), ()]),
        (("a", "b", "c", "d", "e"), 2, [("a", "c", "e"), ("b", "d")]),
        (("a", "b", "c", "d", "e"), 1, [("a", "b", "c", "d", "e")]),
    ],
)
def test_every_name_is_in_one_shard(items: tuple[str, ...], count: int, parts: list[tuple[str, ...]]) -> None:
    assert [Shard(index + 1, count).of(items) for index in range(count)] == parts


def test_a_part_of_a_listing_has_its_share_of_pictures_videos_and_failures() -> None:
    error = ImageError("is bad", "mend it")
    listing = Listing(("a", "b", "c"), {"z": error, "y": error}, ("ignored",), ("u.mp4", "v.mp4"))
    assert Shard(1, 2).part_of(listing) == Listing(("a", "c"), {"y": error}, videos=("u.mp4",))
    assert Shard(2, 2).part_of(listing) == Listing(("b",), {"z": error}, videos=("v.mp4",))


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
def test_shards_in_any_order_and_a_whole_run_after_them_give_what_one_run_gives(
    workspace: Workspace, tmp_path: Path, order: tuple[int, ...]
) -> None:
    run_of(DoublingSteps(workspace, NAMES)).whole()
    wanted = workspace_bytes(workspace.root)
    other = Workspace(tmp_path / "other")
    steps = DoublingSteps(other, NAMES)
    done = [run_of(steps, part=Shard(index, 3)).whole().counts for index in order]
    assert sum(counts.processed for counts in done) == len(NAMES) and sum(counts.failed for counts in done) == 1
    assert not {"clear_stale", "write_tables"} & set(steps.called)
    counts = run_of(steps).whole().counts
    assert (counts.skipped, counts.processed, counts.failed) == (len(NAMES), 0, 1)
    assert workspace_bytes(other.root) == wanted
    left = {path.name for path in (other.root / "reports").iterdir()}
    assert left == {"first-stage.json", ".first-stage.lock"}, "the shards' reports and locks are past"


def test_a_shard_that_dies_at_any_write_goes_on_to_the_same_bytes(workspace: Workspace, tmp_path: Path) -> None:
    run_of(DoublingSteps(workspace, NAMES)).whole()
    wanted = workspace_bytes(workspace.root)
    for point in itertools.count():
        other = Workspace(tmp_path / f"dies-{point}")
        steps = DoublingSteps(other, NAMES)
        died = dies_at_write(lambda steps=steps: run_of(steps, part=Shard(1, 2)).whole(), point, False)
        for part in (Shard(2, 2), Shard(1, 2), None):
            run_of(steps, part=part).whole()
        assert workspace_bytes(other.root) == wanted, f"after a death at write {point}"
        if not died:
            break
    assert point > 8, "four records and four pictures"


def test_a_whole_run_waits_for_no_shard_and_removes_nothing_under_it(workspace: Workspace) -> None:
    steps = DoublingSteps(workspace, NAMES)
    run_of(steps, part=Shard(1, 2)).whole()
    with locked(workspace, "first-stage", "2of2"), pytest.raises(WorkspaceError, match="already running"):
        run_of(steps).whole()
    assert workspace.report_path("first-stage", "1of2").is_file()


def test_one_run_over_many_shards_loads_its_network_once_and_looks_at_all_names(workspace: Workspace) -> None:
    steps = DoublingSteps(workspace, NAMES)
    run = run_of(steps)
    run.prologue()
    reports = [run.shard(Shard(index, 3).of(NAMES), f"{index}of3", among=NAMES) for index in (1, 2, 3)]
    assert steps.called == ["clear_stale", "load of 7"]
    assert [report.counts.processed for report in reports] == [3, 2, 2]
    assert all(report.device == "cpu" for report in reports)
    assert not run.epilogue().failures


def test_an_epilogue_keeps_one_report_in_place_of_the_shards(workspace: Workspace) -> None:
    run = run_of(DoublingSteps(workspace, NAMES, broken="table"))
    report = run.shard(("a2", "damaged"), "1of1")
    run.epilogue()
    assert workspace.report_path("first-stage", "1of1").is_file()
    kept = run.epilogue(report)
    assert [failure.file for failure in kept.failures] == ["images/damaged", "table.csv"]
    assert read_report(workspace.report_path("first-stage")) == kept
    assert not workspace.report_path("first-stage", "1of1").exists()


def test_an_epilogue_removes_what_a_killed_shard_was_writing(workspace: Workspace) -> None:
    run = run_of(DoublingSteps(workspace, NAMES))
    run.prologue()
    run.shard(NAMES, "1of1")
    stray = workspace.root / "annots/.tmp-0123"
    stray.write_bytes(b"half")
    run.epilogue()
    assert not stray.exists() and (workspace.root / "annots/a2.json").is_file()


def test_an_epilogue_tells_which_table_could_not_be_written(workspace: Workspace) -> None:
    assert [failure.file for failure in run_of(DoublingSteps(workspace, broken="table")).epilogue().failures] == [
        "table.csv"
    ]


def test_a_whole_run_knows_what_shards_have_seen_and_a_shard_its_own_alone(workspace: Workspace) -> None:
    for name, shard in (("a", "1of2"), ("b", "2of2")):
        path = workspace.root / "images" / name
        path.write_bytes(name.encode())
        os.utime(path, (1e9, 1e9))
        seen = SeenFiles(workspace, shard)
        seen.sha256(f"images/{name}", name.encode())
        seen.save()
    whole, first = SeenFiles(workspace), SeenFiles(workspace, "1of2")
    assert whole.known("images/a") and whole.known("images/b")
    assert first.known("images/a") and first.known("images/b") is None
    first.turn_to("2of2")
    assert first.known("images/a") is None and first.known("images/b")
