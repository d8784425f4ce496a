"""The scheduler with a stage made for the test: an image is a list of numbers, and the network doubles each."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sample_stages import FIRST

from pose_contract.errors import ImageError, UsageError, WorkspaceError
from pose_contract.storage import read_report
from pose_contract.workspace import Workspace
from stage_kit.runs.batch_run import BatchRun, RunFacts
from stage_kit.runs.lock import locked
from stage_kit.runs.seen import SeenFiles
from stage_kit.runs.shards import Shard
from stage_kit.runs.steps import Listing, Loaded, Outputs, Settled
from stage_kit.testing import dies_at_write, workspace_bytes


@dataclass(frozen=True)
class Numbers:
    """An image that is a list of numbers."""

    name: str
    values: tuple[int, ...]
    pixels: int = 0

    @property
    def rows(self) -> int:
        return len(self.values)


@dataclass
class DoublingSteps:
    """`3` has the rows 3.0, 3.1, 3.2; `0` has none; what is on disk with the right content is settled."""

    workspace: Workspace
    names: tuple[str, ...] = ("a2", "b0", "c1", "d3")
    fixed_batch: bool = False
    at_once: tuple[int, int] = (2, 2)
    pixels: int = 0
    batches: list[int] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    broken: str = ""
    forgotten: bool = False
    widths: dict[str, int] = field(default_factory=dict)  # of an image's rows; 1 where none is given
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def listing(self) -> Listing:
        if not self.names:
            raise UsageError("nothing to do", "bring something")
        return Listing(self.names, {"bad": ImageError("has a bad name", "rename it")}, ("film.mp4",))

    def clear_stale(self) -> Sequence[str]:
        self.called.append("clear_stale")
        return ["one is kept"]

    def examine(self, name: str) -> Numbers | Settled:
        if name == "damaged":
            return Settled(name, ImageError("is damaged", "copy it again"))
        if self.workspace.path(self.workspace.annot_file(name)).is_file():
            return Settled(name, people=int(name[-1]))
        return Numbers(name, tuple(range(int(name[-1]))), self.pixels)

    def forget_listings(self) -> None:
        self.forgotten = True

    def load(self, names: Sequence[str]) -> Loaded:
        self.called.append(f"load of {len(names)}")
        return Loaded("cpu", self.fixed_batch, *self.at_once)

    def inputs(self, image: Numbers) -> NDArray[Any]:
        width = self.widths.get(image.name, 1)
        return np.array([[ord(image.name[0]) + value / 10] * width for value in image.values])

    def answers(self, inputs: NDArray[Any]) -> Sequence[float]:
        with self._lock:
            self.batches.append(len(inputs))
        return [2 * float(row[0]) for row in inputs]

    def outputs(self, image: Numbers, answers: Sequence[float]) -> Outputs:
        if image.name == self.broken:
            raise MemoryError
        expected = [2 * (ord(image.name[0]) + value / 10) for value in image.values]
        assert list(answers) == expected, "every image gets its own answers, in order"
        record = (self.workspace.annot_file(image.name), json.dumps(answers).encode())
        return Outputs(image.name, image.rows, {f"inspect/{image.name}.jpg": b"picture"}, record)

    def write_tables(self) -> Sequence[tuple[str, ImageError]]:
        self.called.append("write_tables")
        return [("table.csv", ImageError("cannot be", "rename one"))] if self.broken == "table" else []


def run_of(steps: DoublingSteps, shard: str = "", part: Shard | None = None) -> BatchRun[Numbers, float]:
    facts = RunFacts(FIRST, steps.workspace, {"option": 1}, "model", "fake", "a test", 2, quiet=True, shard=part)
    return BatchRun(facts, steps, SeenFiles(steps.workspace, shard))


def test_nothing_to_do_touches_nothing(workspace: Workspace) -> None:
    with pytest.raises(UsageError):
        run_of(DoublingSteps(workspace, names=())).whole()
    assert [path.name for path in workspace.root.rglob("*")] == ["images"]


def test_what_is_not_done_is_told_without_the_network(workspace: Workspace) -> None:
    steps = DoublingSteps(workspace, names=("a2", "b0"))
    run_of(steps).whole()
    steps.called.clear()
    run = run_of(steps)
    assert run.unsettled((), "1of2") == ()
    assert run.unsettled(("a2", "damaged", "b0", "c1"), "1of2") == ("damaged", "c1")
    assert steps.forgotten and not steps.called
    assert not workspace.report_path("first-stage", "1of2").exists()


def test_a_run_without_work_never_loads_the_network(workspace: Workspace) -> None:
    steps = DoublingSteps(workspace, names=("b0", "c0"))
    report = run_of(steps).whole()
    assert steps.called == ["clear_stale", "write_tables"] and not steps.batches
    assert (report.counts.processed, report.counts.nobody) == (2, 2)


def test_rows_of_many_images_share_batches_and_come_back_to_their_own(workspace: Workspace) -> None:
    steps = DoublingSteps(workspace)
    report = run_of(steps).whole()
    assert sorted(steps.batches) == [2, 2, 2], "2 + 0 + 1 + 3 rows, two at a time"
    assert steps.called == ["clear_stale", "load of 4", "write_tables"]
    counts = report.counts
    assert (counts.images, counts.processed, counts.failed, counts.people, counts.nobody) == (5, 4, 1, 6, 1)
    assert [failure.file for failure in report.failures] == ["images/bad"] and report.ignored_files == ("film.mp4",)
    assert read_report(workspace.report_path("first-stage")) is not None


@pytest.mark.parametrize(("fixed", "sizes"), [(False, [1, 4]), (True, [4, 4])])
def test_only_a_batch_that_must_not_change_its_size_is_padded(
    workspace: Workspace, fixed: bool, sizes: list[int]
) -> None:
    steps = DoublingSteps(workspace, names=("a2", "d3"), fixed_batch=fixed, at_once=(4, 4))
    run_of(steps).whole()
    assert sorted(steps.batches) == sizes


@pytest.mark.parametrize(("fixed", "sizes"), [(False, [1, 1, 2, 2]), (True, [2, 2, 2, 2])])
def test_a_batch_has_rows_of_one_shape(workspace: Workspace, fixed: bool, sizes: list[int]) -> None:
    names, widths = ("a1", "b1", "c1", "d2", "e1"), {"b1": 2, "d2": 2}
    steps = DoublingSteps(workspace, names=names, widths=widths, fixed_batch=fixed)
    report = run_of(steps).whole()
    assert report.counts.processed == 5 and sorted(steps.batches) == sizes


def test_large_pictures_do_not_wait_for_each_other(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stage_kit.runs.batch_flow.PIXELS_AT_ONCE", 100)
    steps = DoublingSteps(workspace, names=("a1", "b1", "c1"), at_once=(3, 3), pixels=100)
    run_of(steps).whole()
    assert steps.batches == [1, 1, 1]


def test_one_failure_leaves_the_others(workspace: Workspace) -> None:
    steps = DoublingSteps(workspace, names=("a2", "damaged", "d3"), broken="d3")
    report = run_of(steps).whole()
    assert report.counts.processed == 1 and report.counts.failed == 3
    assert {failure.file: failure.reason for failure in report.failures} == {
        "images/bad": "has a bad name",
        "images/damaged": "is damaged",
        "images/d3": "does not fit into memory",
    }


def test_a_table_that_cannot_be_written_is_told(workspace: Workspace) -> None:
    report = run_of(DoublingSteps(workspace, broken="table")).whole()
    assert "table.csv" in [failure.file for failure in report.failures]


def test_shards_with_prologue_and_epilogue_give_what_one_run_gives(workspace: Workspace, tmp_path: Path) -> None:
    run_of(DoublingSteps(workspace)).whole()
    wanted = workspace_bytes(workspace.root)
    other = Workspace(tmp_path / "other")
    steps = DoublingSteps(other)
    run_of(steps).prologue()
    shards = {"1of2": ("a2", "d3"), "2of2": ("c1", "b0")}
    reports = [run_of(steps, shard).shard(names, shard) for shard, names in shards.items()]
    run_of(steps).epilogue()
    assert workspace_bytes(other.root) == wanted
    assert [report.counts.processed for report in reports] == [2, 2]
    assert steps.called == ["clear_stale", "load of 2", "load of 2", "write_tables"]
    names = {path.name for path in (other.root / "reports").iterdir()}
    assert {"first-stage.1of2.json", "first-stage.2of2.json"} <= names and "first-stage.json" not in names


def test_a_whole_run_and_a_shard_exclude_each_other_and_two_shards_do_not(workspace: Workspace) -> None:
    steps = DoublingSteps(workspace)
    with locked(workspace, "first-stage", "1of2"):
        with pytest.raises(WorkspaceError, match="already running"):
            run_of(steps).whole()
        with pytest.raises(WorkspaceError, match="already running"):
            run_of(steps, "1of2").shard(("a2",), "1of2")
        assert run_of(steps, "2of2").shard(("c1",), "2of2").counts.processed == 1
    with locked(workspace, "first-stage"), pytest.raises(WorkspaceError, match="already running"):
        run_of(steps, "1of2").shard(("a2",), "1of2")


@pytest.mark.parametrize("after", [False, True])
def test_a_run_that_dies_at_any_write_goes_on_to_the_same_bytes(
    workspace: Workspace, tmp_path: Path, after: bool
) -> None:
    run_of(DoublingSteps(workspace)).whole()
    wanted = workspace_bytes(workspace.root)

    def dies(point: int) -> bool:
        root = tmp_path / f"dies-{point}-{after}"
        story: Callable[[], object] = lambda: run_of(DoublingSteps(Workspace(root))).whole()  # noqa: E731
        died = dies_at_write(story, point, after)
        run_of(DoublingSteps(Workspace(root))).whole()
        assert workspace_bytes(root) == wanted, f"after a death at write {point}"
        return died

    point = 0
    while dies(point):
        point += 1
    assert point > 8, "four records and four pictures"
