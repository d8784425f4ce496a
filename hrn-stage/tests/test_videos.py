"""hrn-stage on videos, with a fake estimator: people with a marker for every keypoint."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from fakes import MarkerEstimator, config_with, marked_frame, marked_person
from story import HEATMAP_CELL, run

from pose_contract.errors import UsageError
from pose_contract.records import Box, MadeBy, Person
from pose_contract.skeletons import MPII16
from pose_contract.storage import write_chunks
from pose_contract.video_records import FrameAnnot, FramePoses, VideoAnnot, VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.videos.reader import open_video
from stage_kit.videos.record_files import VideoRecord, line_of
from stage_kit.videos.writer import write_movie

FRAMES = 9
MADE_BY = MadeBy(stage="yolo-stage", results=1, model="fake", weights_sha256="ab" * 32, options={})
Edges = tuple[float, float, float, float]


def boxes_of(number: int) -> list[Edges]:
    """One person who moves, a second one from frame 4 on, and nobody in frame 6."""
    moving = (20.0 + 6 * number, 20.0, 100.0 + 6 * number, 180.0)
    return [] if number == 6 else [moving, (200.0, 30.0, 290.0, 190.0)] if number >= 4 else [moving]


def write_annot(workspace: Workspace, frames: int = FRAMES) -> None:
    """As yolo-stage leaves it."""
    lines = []
    for number in range(frames):
        people = tuple(
            Person(index=index, score=0.8, box=Box(x1=x1, y1=y1, x2=x2, y2=y2))
            for index, (x1, y1, x2, y2) in enumerate(boxes_of(number))
        )
        lines.append(line_of(FrameAnnot(frame=number, t_seconds=number / 30, people=people)))
    header = VideoAnnot(
        image="images/a.mp4",
        image_sha256=hashlib.sha256((workspace.root / "images/a.mp4").read_bytes()).hexdigest(),
        width=300,
        height=200,
        frames=frames,
        duration_seconds=frames / 30,
        frames_per_second=30,
        most_people=2,
        frames_sha256=hashlib.sha256(b"".join(lines)).hexdigest(),
        made_by=MADE_BY,
    )
    write_chunks(workspace.path(workspace.video_annot_file("a.mp4")), [line_of(header), *lines])


@pytest.fixture
def film(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "film")
    with write_movie(workspace.root / "images/a.mp4", (300, 200), 30) as movie:
        for number in range(FRAMES):
            movie.add(marked_frame(boxes_of(number)), number / 30)
    write_annot(workspace)
    return workspace


def record_of(workspace: Workspace) -> VideoRecord[VideoPoses, FramePoses]:
    return VideoRecord(workspace.path(workspace.video_poses_file("a.mp4")), VideoPoses, FramePoses)


def test_keypoints_of_every_frame_are_in_its_pixels(film: Workspace) -> None:
    report = run(film)
    assert (report.counts.images, report.counts.processed, report.counts.people) == (1, 1, 2)
    record = record_of(film)
    assert (record.header.frames, record.header.most_people, record.header.skeleton) == (FRAMES, 2, "mpii16")
    assert (
        record.header.made_by.annot_sha256 == hashlib.sha256(film.path("annots/a.mp4.jsonl").read_bytes()).hexdigest()
    )
    for number, line in enumerate(record.frames()):
        assert line.frame == number and len(line.people) == len(boxes_of(number))
        for person, box in zip(line.people, boxes_of(number), strict=True):
            cell = HEATMAP_CELL * 1.25 * max(box[2] - box[0], box[3] - box[1]) / 128
            found = np.array([(x, y) for x, y, _ in person.keypoints])
            error = np.abs(found - marked_person(box)).max(axis=1)
            # H.264 halves the colours' resolution, in which the fake finds a few of its markers elsewhere.
            assert np.median(error) <= 0.75 * cell and (error <= cell).mean() >= 0.6


def test_the_table_says_which_frame_and_when(film: Workspace) -> None:
    run(film)
    with film.keypoints_csv.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 16 * sum(len(boxes_of(number)) for number in range(FRAMES))
    assert {row["image"] for row in rows} == {"a.mp4"} and not [row for row in rows if row["frame"] == "6"]
    assert rows[16]["frame"] == "1" and float(rows[16]["t_seconds"]) == pytest.approx(1 / 30, abs=1e-6)
    assert [row["keypoint"] for row in rows[:16]] == list(MPII16.keypoints)


def test_the_movie_shows_the_skeletons(film: Workspace) -> None:
    run(film, style=DrawStyle(min_person_score=0.0))
    with open_video(film.path("images/a.mp4")) as plain, open_video(film.path("final/a.mp4")) as drawn:
        pairs = list(zip(plain.frames(), drawn.frames(), strict=True))
    assert len(pairs) == FRAMES
    changed = [np.abs(one.picture.astype(int) - other.picture).max() for one, other in pairs]
    assert all((change > 60) == (number != 6) for number, change in enumerate(changed)), changed


def test_a_second_run_asks_nothing_and_another_style_draws_anew(film: Workspace) -> None:
    run(film)
    record, movie = film.path("output/poses/a.mp4.jsonl").read_bytes(), film.path("final/a.mp4").read_bytes()
    estimator = MarkerEstimator()
    assert run(film, estimator).counts.skipped == 1
    report = run(film, estimator, style=DrawStyle(line_thickness=9))
    assert report.counts.redrawn == 1 and estimator.batch_sizes == []
    assert film.path("output/poses/a.mp4.jsonl").read_bytes() == record
    assert film.path("final/a.mp4").read_bytes() != movie
    run(film, estimator, config_with(TEST={"BATCH_SIZE_PER_GPU": 3}))
    assert run(film, estimator, config_with(MODEL={"IMAGE_SIZE": [96, 128], "HEATMAP_SIZE": [24, 32]})).counts.processed


@pytest.mark.parametrize("frames", [FRAMES - 1, FRAMES + 1])
def test_an_annot_of_other_frames_is_refused(film: Workspace, frames: int) -> None:
    write_annot(film, frames)
    (failure,) = run(film).failures
    assert (failure.file, failure.reason) == ("images/a.mp4", "has other frames than its annot")
    assert not film.path("output/poses/a.mp4.jsonl").exists() and not film.path("final/a.mp4").exists()


def test_a_video_that_has_changed_since_is_refused(film: Workspace) -> None:
    with write_movie(film.path("images/a.mp4"), (300, 200), 30) as movie:
        movie.add(marked_frame([]), 0)
    (failure,) = run(film).failures
    assert "changed since" in failure.reason and "yolo-stage" in failure.remedy
    film.path("images/a.mp4").unlink()
    (failure,) = run(film).failures
    assert "gone" in failure.reason


def test_poses_go_with_their_annot(film: Workspace) -> None:
    run(film)
    film.path("annots/a.mp4.jsonl").rename(film.path("annots/b.mp4.jsonl"))
    run(film)
    assert not film.path("output/poses/a.mp4.jsonl").exists() and not film.path("final/a.mp4").exists()
    film.path("annots/b.mp4.jsonl").unlink()
    with pytest.raises(UsageError, match="no annots"):
        run(film)
