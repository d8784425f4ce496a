"""A long video's people, looked at by several runs of hrn-stage before one joins what they saw."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import MarkerEstimator, config_with, marked_frame, plan_with
from numpy.typing import NDArray

from hrn_stage.inference import Estimated
from hrn_stage.options import EstimateOptions
from hrn_stage.steps import EstimationRun, estimation_run
from hrn_stage.videos import estimated_bytes
from pose_contract.records import Box, MadeBy, Person
from pose_contract.storage import write_chunks
from pose_contract.video_records import FrameAnnot, VideoAnnot
from pose_contract.workspace import Workspace
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.testing import set_key_frames, workspace_bytes
from stage_kit.videos.record_files import line_of
from stage_kit.videos.writer import write_movie

FRAMES, NAME = 24, "a.mp4"
SECONDS = 0.2
MADE_BY = MadeBy(stage="yolo-stage", results=1, model="fake", weights_sha256="ab" * 32, options={})
Edges = tuple[float, float, float, float]


class CountingEstimator(MarkerEstimator):
    """Remembers how many people it was asked about."""

    asked = 0

    def heatmaps(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        self.asked += len(inputs)
        return super().heatmaps(inputs)


def boxes_of(number: int) -> list[Edges]:
    """Nobody in the second segment, one who moves in the others, and a second one from frame 14 on."""
    moving = (20.0 + 2 * number, 20.0, 100.0 + 2 * number, 180.0)
    return [] if 6 <= number < 12 else [moving, (200.0, 30.0, 290.0, 190.0)] if number >= 14 else [moving]


def annot(workspace: Workspace, frames: int = FRAMES) -> None:
    lines = []
    for number in range(frames):
        people = tuple(
            Person(index=index, score=0.8, box=Box(x1=x1, y1=y1, x2=x2, y2=y2))
            for index, (x1, y1, x2, y2) in enumerate(boxes_of(number))
        )
        lines.append(line_of(FrameAnnot(frame=number, t_seconds=number / 30, people=people)))
    header = VideoAnnot(
        image=f"images/{NAME}",
        image_sha256=hashlib.sha256(workspace.path(f"images/{NAME}").read_bytes()).hexdigest(),
        width=300,
        height=200,
        frames=frames,
        duration_seconds=frames / 30,
        frames_per_second=30,
        most_people=2,
        frames_sha256=hashlib.sha256(b"".join(lines)).hexdigest(),
        made_by=MADE_BY,
    )
    write_chunks(workspace.path(workspace.video_annot_file(NAME)), [line_of(header), *lines])


@pytest.fixture
def film(tmp_path: Path) -> Workspace:
    """Every sixth of its 24 frames is a key frame."""
    workspace = Workspace(tmp_path / "film")
    with write_movie(workspace.path(f"images/{NAME}"), (300, 200), 30) as movie:
        for number in range(FRAMES):
            movie.add(marked_frame(boxes_of(number)), number / 30)
    set_key_frames(workspace.path(f"images/{NAME}"), 6)
    annot(workspace)
    return workspace


def opened(workspace: Workspace, estimator: MarkerEstimator | None = None) -> EstimationRun:
    config = config_with()
    options = EstimateOptions(workspace, config, DrawStyle(min_person_score=0.0), quiet=True)
    return estimation_run(options, plan_with(estimator or CountingEstimator(), config))


def people_of(frames: range) -> int:
    return sum(len(boxes_of(number)) for number in frames)


@pytest.mark.parametrize("lacks", [None, 0, 1, 3])
def test_segments_and_their_join_give_the_bytes_of_one_run(film: Workspace, lacks: int | None) -> None:
    opened(film).whole()
    whole = workspace_bytes(film.root)
    for file in whole:
        if not file.startswith(("images/", "annots/")):
            film.path(file).unlink()
    found = opened(film).cut(NAME, "1of1", SECONDS)
    assert [segment.frames for segment in found] == [6, 6, 6, 6]
    for number, segment in enumerate(found):
        if number != lacks:
            estimator = CountingEstimator()
            opened(film, estimator).segment(NAME, segment, (f"{number + 2}of1", "1of1"))
            assert estimator.asked == people_of(range(segment.first, segment.first + segment.frames))
    estimator = CountingEstimator()
    run = opened(film, estimator)
    report = run.shard([NAME], "1of1")
    assert report.counts.processed == 1
    assert estimator.asked == (0 if lacks is None else people_of(range(6 * lacks, 6 * lacks + 6)))
    run.epilogue(report)
    assert workspace_bytes(film.root) == whole
    assert not film.path("reports/.answers").exists()


def test_other_boxes_take_no_answers(film: Workspace) -> None:
    for number, segment in enumerate(opened(film).cut(NAME, "1of1", SECONDS), 2):
        opened(film).segment(NAME, segment, (f"{number}of1", "1of1"))
    path = film.path(film.video_annot_file(NAME))
    path.write_bytes(path.read_bytes().replace(b'"score":0.8', b'"score":0.7'))
    estimator = CountingEstimator()
    assert opened(film, estimator).shard([NAME], "1of1").counts.processed == 1
    assert estimator.asked == people_of(range(FRAMES))


@pytest.mark.parametrize("frames", [FRAMES - 3, FRAMES + 3])
def test_an_annot_of_other_frames_is_told_by_the_videos_own_run(film: Workspace, frames: int) -> None:
    annot(film, frames)
    for number, segment in enumerate(opened(film).cut(NAME, "1of1", SECONDS), 2):
        assert not opened(film).segment(NAME, segment, (f"{number}of1", "1of1")).failures
    (failure,) = opened(film).shard([NAME], "1of1").failures
    assert "other frames than its annot" in failure.reason


def test_an_answer_on_disk_is_the_answer_without_its_heatmaps() -> None:
    numbers = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
    answer = Estimated(numbers[:, :2], numbers[:, 2], np.ones((16, 4, 4), np.float32))
    as_bytes = estimated_bytes(16)
    read = as_bytes.read(as_bytes.written(answer))
    np.testing.assert_array_equal(read.keypoints_in_heatmap_xy, answer.keypoints_in_heatmap_xy)
    np.testing.assert_array_equal(read.scores, answer.scores)
    assert read.scores.dtype == read.keypoints_in_heatmap_xy.dtype == np.float32
    for data in (b"", as_bytes.written(answer)[:-4], as_bytes.written(replace(answer, scores=answer.scores * np.nan))):
        with pytest.raises(ValueError, match=r"reshape|NaN"):
            as_bytes.read(data)
