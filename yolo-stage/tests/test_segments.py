"""A long video's frames, looked at by several runs of yolo-stage before one joins what they saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import BLUE, RED, ColourDetector, photo, plan_with

from pose_contract.workspace import Workspace
from stage_kit.testing import dies_at_write, set_key_frames, workspace_bytes
from stage_kit.videos.segments import Segment
from stage_kit.videos.writer import write_movie
from yolo_stage.options import DetectOptions
from yolo_stage.people import Selection
from yolo_stage.steps import DetectionRun, detect_people, detection_run
from yolo_stage.videos import candidate_bytes

FRAMES, NAME = 40, "sub/b.mp4"
SECONDS = 0.3


class UnsureDetector(ColourDetector):
    """Is sometimes less sure of blue than a person must be to be seen first."""

    def detect(self, batch: np.ndarray) -> list[np.ndarray]:
        found = super().detect(batch)
        for rows in found:
            rows[1:, 4] = np.where(rows[1:, 0] % 3 < 1.5, 0.3, 0.7)
        return found


@pytest.fixture
def films(tmp_path: Path) -> Workspace:
    """A video in which red moves right, and blue beside it from frame 9 on; every fifth is a key frame."""
    workspace = Workspace(tmp_path / "films")
    path = workspace.root / "images" / NAME
    with write_movie(path, (240, 160), 30) as movie:
        for number in range(FRAMES):
            people = {RED: (20 + 2 * number, 10, 60 + 2 * number, 60)}
            if number >= 9:
                people[BLUE] = (21 + 2 * number, 80, 61 + 2 * number, 150)
            movie.add(photo(people), number / 30)
    set_key_frames(path, 5)
    return workspace


def options_of(workspace: Workspace, **more: object) -> DetectOptions:
    return DetectOptions(workspace, n_cpu=2, quiet=True, inspect_movies=True, **more)  # type: ignore[arg-type]


def opened(workspace: Workspace, detector: ColourDetector | None = None, **more: object) -> DetectionRun:
    return detection_run(options_of(workspace, **more), plan_with(detector or UnsureDetector()))


def whole_of(workspace: Workspace, **more: object) -> dict[str, bytes]:
    """What one run makes of the videos; nothing of it stays."""
    detect_people(options_of(workspace, **more), plan_with(UnsureDetector()))
    made = workspace_bytes(workspace.root)
    for file in made:
        if not file.startswith("images/"):
            workspace.path(file).unlink()
    return made


@pytest.mark.parametrize("more", [{}, {"detect_every": 4}, {"conf_thres": 0.6, "seen_thres": 0.2}, {"seen_thres": 1.0}])
def test_segments_and_their_join_give_the_bytes_of_one_run(films: Workspace, more: dict[str, object]) -> None:
    whole = whole_of(films, **more)
    found = opened(films, **more).cut(NAME, "1of1", SECONDS)
    assert [segment.frames for segment in found] == [10, 10, 10, 10]
    for number, segment in enumerate(reversed(found), 2):
        report = opened(films, **more).segment(NAME, segment, (f"{number}of1", "1of1"))
        assert (report.counts.images, report.device, report.failures) == (0, "cpu", ())
    detector = UnsureDetector()
    run = opened(films, detector, **more)
    report = run.shard([NAME], "1of1")
    assert (report.counts.processed, detector.batch_sizes, report.device) == (1, [], ""), "nothing is asked again"
    run.epilogue(report)
    assert workspace_bytes(films.root) == whole
    assert sorted(path.name for path in films.path("reports").iterdir() if path.is_dir()) == []


def test_a_segment_that_was_killed_or_lost_costs_time_alone(films: Workspace) -> None:
    whole = whole_of(films)
    found = opened(films).cut(NAME, "1of1", SECONDS)
    for point in range(20):
        if not dies_at_write(lambda: ask(films, found[:2]), point, after=bool(point % 2)):
            break
    assert 1 < point < 19, "it has been killed, and has come to its end"
    ask(films, found[:1])
    detector = UnsureDetector()
    opened(films, detector).segment(NAME, found[1], ("3of1", "1of1"))
    assert detector.batch_sizes == [], "what is there is not asked again"
    (films.path("reports/.answers/yolo-stage") / NAME / f"{found[0].name}.answers").write_bytes(b"torn")
    detector = UnsureDetector()
    run = opened(films, detector)
    run.prologue()
    run.shard([NAME], "1of1")
    assert sum(detector.batch_sizes) == 30, "one segment's answers are there"
    assert workspace_bytes(films.root) == whole


def ask(workspace: Workspace, found: tuple[Segment, ...]) -> None:
    run = opened(workspace)
    for segment in found:
        run.segment(NAME, segment, ("2of1", "1of1"))


def test_a_join_that_was_killed_goes_on(films: Workspace) -> None:
    whole = whole_of(films)
    found = opened(films).cut(NAME, "1of1", SECONDS)
    for point in range(30):
        ask(films, found)
        if not dies_at_write(lambda: opened(films).shard([NAME], "1of1"), point, after=bool(point % 2)):
            break
    opened(films).epilogue()
    assert workspace_bytes(films.root) == whole and 1 < point < 29


def test_what_is_done_short_or_broken_is_not_cut(films: Workspace) -> None:
    assert opened(films).cut(NAME, "1of1", 5) == ()
    assert opened(films).cut("gone.mp4", "1of1", SECONDS) == ()
    films.path("images/text.mp4").write_text("frames, they say")
    assert opened(films).cut("text.mp4", "1of1", SECONDS) == ()
    found = opened(films).cut(NAME, "1of1", SECONDS)
    detect_people(options_of(films), plan_with(UnsureDetector()))
    assert opened(films).cut(NAME, "1of1", SECONDS) == (), "it is done"
    detector = UnsureDetector()
    opened(films, detector).segment(NAME, found[0], ("2of1", "1of1"))
    assert not detector.batch_sizes and not films.path("reports/.answers").exists()
    films.path("inspect/sub/b.mp4").unlink()
    assert opened(films).cut(NAME, "1of1", SECONDS) == (), "the movie alone needs no network"


def test_a_video_that_goes_while_segments_are_asked_fails_in_its_own_run(films: Workspace) -> None:
    found = opened(films).cut(NAME, "1of1", SECONDS)
    films.path(f"images/{NAME}").unlink()
    run = opened(films)
    assert not run.segment(NAME, found[0], ("2of1", "1of1")).failures
    assert len(run.shard([NAME], "1of1").failures) == 1


def test_another_threshold_takes_no_answers(films: Workspace) -> None:
    found = opened(films).cut(NAME, "1of1", SECONDS)
    ask(films, found)
    detector = UnsureDetector()
    run = opened(films, detector, conf_thres=0.8)
    report = run.shard([NAME], "1of1")
    assert sum(detector.batch_sizes) == FRAMES and report.counts.processed == 1
    ask(films, found)
    assert detect_people(options_of(films, overwrite=True), plan_with(detector)).counts.processed == 1
    assert not films.path("reports/.answers").exists()


@pytest.mark.parametrize(
    ("selection", "kept"),
    [(Selection(0.5, 0.4), 1), (Selection(0.5, 0.4, 0, 0.2), 2), (Selection(0.5, 0.4, 0, 1.0), 1)],
)
def test_candidates_that_never_count_are_not_kept(selection: Selection, kept: int) -> None:
    candidates = np.array([[1, 2, 3, 4.125, 0.9], [1, 2, 3, 4, 0.3], [1, 2, 3, 4, 0.1]], np.float32)
    as_bytes = candidate_bytes(selection)
    np.testing.assert_array_equal(as_bytes.read(as_bytes.written(candidates)), candidates[:kept])
    assert len(as_bytes.read(as_bytes.written(candidates[:0]))) == 0
    with pytest.raises(ValueError, match="reshape"):
        as_bytes.read(b"1234")
