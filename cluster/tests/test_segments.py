"""Long videos, whose segments several workers look at before one joins them; without Ray."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import STAGE, CuttingPool, WorkersHere, done

from pose_cluster.dispatch import Lost, work_through
from pose_cluster.merged_report import merged, stage_share
from pose_cluster.plan import Plan, segment_seconds
from pose_cluster.worker import Done, Job
from pose_contract.workspace import Workspace
from stage_kit.runs.steps import Listing
from stage_kit.stages import installed_stages
from stage_kit.testing import set_key_frames, workspace_bytes
from stage_kit.videos.writer import write_movie

LISTING = Listing(("a", "b", "c"), videos=("short.mp4", "v.mp4", "w.mp4"))
LONG = {"v.mp4": 3, "w.mp4": 2}
YOLO = [stage for stage in installed_stages() if stage.name == "yolo-stage"]


def worked(pool: CuttingPool, listing: Listing = LISTING) -> list[Done | Lost]:
    told: list[Done | Lost] = []
    work_through(Plan(listing, 2, 60), pool, told.append)
    return told


def order_of(pool: CuttingPool) -> list[tuple[str, str, bool]]:
    return [
        (shard.names[0], shard.segment.name if shard.segment else "", bool(shard.cut_seconds)) for shard in pool.given
    ]


@pytest.mark.parametrize("workers", [1, 2, 3, 9])
def test_a_video_is_joined_after_all_its_segments_and_told_once(workers: int) -> None:
    pool = CuttingPool(workers, segments=LONG)
    told = worked(pool)
    given = order_of(pool)
    for video, count in LONG.items():
        segments = [given.index((video, f"{index}of{count}", False)) for index in range(count)]
        assert given.index((video, "", True)) < min(segments) and max(segments) < given.index((video, "", False))
    assert ("short.mp4", "", True) in given and ("short.mp4", "", False) not in given
    assert len(given) == len(set(given)) == 3 + 2 + 5 + 2
    assert sorted(name for ended in told for name in ended.shard.names) == sorted((*LISTING.names, *LISTING.videos))
    names = [shard.name for shard in pool.given if not shard.segment and not shard.cut_seconds]
    assert len({shard.name for shard in pool.given}) == 5 + 5, "a segment has a lock of its own, a join its video's"
    assert {shard.of_video for shard in pool.given if shard.segment} <= set(names)
    assert not pool.dismissed_before_cut, "who is idle may get a segment"
    assert pool.dismissed == workers - 1


@pytest.mark.parametrize(
    ("videos", "workers", "seconds"), [(0, 1, 60), (1, 1, 0), (1, 2, 60), (2, 2, 0), (3, 2, 0), (3, 4, 60)]
)
def test_videos_are_cut_where_workers_would_be_idle(videos: int, workers: int, seconds: float) -> None:
    assert segment_seconds(60, videos, workers) == seconds
    assert segment_seconds(0, videos, workers) == 0


def test_without_seconds_or_videos_nothing_is_cut() -> None:
    assert Plan(LISTING, 2).most_at_once == 5 and Plan(Listing(("a",)), 2, 60).most_at_once == 1
    assert Plan(LISTING, 2, 60).most_at_once is None
    pool = CuttingPool(2, segments=LONG)
    work_through(Plan(LISTING, 2), pool, lambda _: None)
    assert len(pool.given) == 5 and not any(shard.segment for shard in pool.given)


def test_a_lost_segment_costs_time_and_a_lost_join_the_video() -> None:
    pool = CuttingPool(2, segments=LONG, lost=frozenset({("v.mp4", "0of3"), ("v.mp4", "2of3"), ("w.mp4", "")}))
    told: list[Done | Lost] = []
    outcome = work_through(Plan(LISTING, 2, 60), pool, told.append)
    assert outcome.lost == 3 and outcome.poisonous == {"w.mp4": "killed"}
    assert [ended.shard.names for ended in told if isinstance(ended, Lost)] == [("w.mp4",)]
    assert any(ended.shard.names == ("v.mp4",) for ended in told if isinstance(ended, Done))


def test_segments_count_as_no_images() -> None:
    pool = CuttingPool(2, segments=LONG)
    outcome = work_through(Plan(LISTING, 2, 60), pool, lambda _: None)
    segments = [ended for ended in outcome.done if ended.shard.segment]
    assert len(segments) == 5
    counted = [done(ended.shard, counts={"images": 0}) if ended.shard.segment else ended for ended in outcome.done]
    outcome.done[:] = counted
    report = merged(STAGE, Workspace(Path()), LISTING, outcome, ("", 1.0))
    assert report.counts.images == 6
    share = stage_share(report, outcome)
    assert share.shards == 10 and sum(node.images for node in share.nodes) == 6


@pytest.fixture
def film(tmp_path: Path) -> Workspace:
    """A film of two seconds, of nobody but noise, with a key frame every half of one."""
    workspace = Workspace(tmp_path / "film")
    pictures = np.random.default_rng(0).integers(0, 255, (4, 16, 20, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    with write_movie(workspace.path("images/long.mp4"), (160, 128), 30) as movie:
        for number in range(60):
            movie.add(np.roll(pictures[number // 15], number, 1), number / 30)
    set_key_frames(workspace.path("images/long.mp4"), 15)
    with write_movie(workspace.path("images/short.mp4"), (160, 128), 30) as movie:
        movie.add(pictures[0], 0)
    return workspace


@pytest.mark.skipif(not YOLO, reason="yolo-stage is not installed: make setup")
def test_workers_make_the_bytes_of_one(film: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pose_cluster.worker.prepare_process", lambda: None)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(film.root, tmp_path / "cut")
    for root, workers, seconds in ((film.root, 1, 0.0), (tmp_path / "cut", 2, 0.5)):
        words = ("--workspace", str(root), "--quiet", "--weights", "lite", "--inspect_movies")
        pool = WorkersHere(workers, job=Job("yolo-stage", words, str(tmp_path)))
        listing = pool.begin()
        outcome = work_through(Plan(listing, 5, seconds), pool, lambda _: None)
        report = merged(YOLO[0], Workspace(root), listing, outcome, ("", 1.0))
        assert (report.counts.images, report.counts.processed) == (2, 2)
        if seconds:
            assert sorted(name for name, _ in pool.devices) == ["", "", "1of4", "2of4", "3of4", "4of4"]
            assert ("", "") in pool.devices, "the join loads no network"
        pool.end(report)
    made = workspace_bytes(film.root)
    assert workspace_bytes(tmp_path / "cut") == made and {"inspect/long.mp4", "annots/long.mp4.jsonl"} <= set(made)
    assert not (tmp_path / "cut/reports/.answers").exists()
