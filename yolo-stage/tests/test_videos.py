"""yolo-stage on videos, with a fake detector: a red and a blue rectangle that move."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import BLUE, RED, ColourDetector, photo, plan_with, save
from numpy.typing import NDArray

from pose_contract.errors import UsageError
from pose_contract.records import Box, Person, RunReport
from pose_contract.storage import write_bytes
from pose_contract.video_records import FrameAnnot, VideoAnnot
from pose_contract.workspace import Workspace
from stage_kit.pictures.cuts import cut_around
from stage_kit.pictures.images import read_image
from stage_kit.videos.part_file import PartKey, part_path
from stage_kit.videos.reader import open_video
from stage_kit.videos.record_files import VideoRecord, line_of
from stage_kit.videos.writer import write_movie
from yolo_stage.frames_between import frames_between, matched
from yolo_stage.options import DetectOptions
from yolo_stage.steps import detect_people

FRAMES = 13


def red_box(number: int) -> tuple[int, int, int, int]:
    return 20 + 8 * number, 30, 60 + 8 * number, 120


@pytest.fixture
def films(tmp_path: Path) -> Workspace:
    """A video in which red moves right and blue comes at frame 7, and a photo."""
    workspace = Workspace(tmp_path / "films")
    save(workspace.root / "images/a.jpg", photo({RED: (150, 40, 200, 140)}))
    with write_movie(workspace.root / "images/sub/b.mp4", (240, 160), 30) as movie:
        for number in range(FRAMES):
            people = {RED: red_box(number)} | ({BLUE: (180, 20, 220, 150)} if number >= 7 else {})
            movie.add(photo(people), number / 30)
    return workspace


def run(workspace: Workspace, detector: ColourDetector | None = None, **options: object) -> RunReport:
    plan = plan_with(detector or ColourDetector())
    return detect_people(DetectOptions(workspace, n_cpu=2, quiet=True, **options), plan)  # type: ignore[arg-type]


def record_of(workspace: Workspace, name: str = "sub/b.mp4") -> VideoRecord[VideoAnnot, FrameAnnot]:
    return VideoRecord(workspace.path(workspace.video_annot_file(name)), VideoAnnot, FrameAnnot)


def test_a_video_is_an_image_with_many_frames(films: Workspace) -> None:
    report = run(films)
    assert (report.counts.images, report.counts.processed, report.counts.failed) == (2, 2, 0)
    record = record_of(films)
    assert (record.header.image, record.header.frames, record.header.most_people) == ("images/sub/b.mp4", FRAMES, 2)
    for number, line in enumerate(record.frames()):
        assert line.frame == number and line.t_seconds == pytest.approx(number / 30, abs=1e-6)
        red = max(line.people, key=lambda person: person.score)
        assert red.box.xyxy == pytest.approx(red_box(number), abs=2.5)
        assert len(line.people) == (2 if number >= 7 else 1)
        assert [person.index for person in line.people] == list(range(len(line.people)))
        assert all(person.cut is None for person in line.people), "cuts are taken from the frame in memory"
    assert not (films.root / "inspect/sub/b.mp4").exists(), "drawn on request only"


def test_a_second_run_asks_nothing_and_another_threshold_all(films: Workspace) -> None:
    run(films)
    before, detector = films.path("annots/sub/b.mp4.jsonl").read_bytes(), ColourDetector()
    report = run(films, detector)
    assert report.counts.skipped == 2 and detector.batch_sizes == []
    assert films.path("annots/sub/b.mp4.jsonl").read_bytes() == before
    run(films, conf_thres=0.85)
    assert record_of(films).header.most_people == 1


def test_boxes_are_drawn_on_request(films: Workspace) -> None:
    run(films, inspect_movies=True)
    with open_video(films.root / "inspect/sub/b.mp4") as movie:
        drawn = list(movie.frames())
    with open_video(films.root / "images/sub/b.mp4") as movie:
        plain = list(movie.frames())
    assert len(drawn) == FRAMES
    for one, other in zip(drawn, plain, strict=True):
        assert np.abs(one.picture.astype(int) - other.picture).max() > 60


@pytest.mark.parametrize("every", [2, 5, 6, 30])
def test_between_frames_that_are_looked_at_boxes_move_evenly(films: Workspace, every: int) -> None:
    detector = ColourDetector()
    run(films, detector, detect_every=every)
    assert sum(detector.batch_sizes) == 1 + len(range(0, FRAMES, every))
    lines = list(record_of(films).frames())
    assert [line.frame for line in lines] == list(range(FRAMES))
    last = (FRAMES - 1) // every * every
    for number, line in enumerate(lines):
        red = max(line.people, key=lambda person: person.score)
        assert red.box.xyxy == pytest.approx(red_box(min(number, last)), abs=2.5)
    assert record_of(films).header.made_by.options["detect_every"] == every


@pytest.mark.parametrize("known", range(1, FRAMES, 2))
def test_a_killed_run_goes_on_between_frames_that_are_looked_at(films: Workspace, known: int) -> None:
    """What lies between is reckoned from both, so the frame before is looked at once more."""
    run(films, detect_every=5)
    path = films.path("annots/sub/b.mp4.jsonl")
    whole = path.read_bytes()
    header = record_of(films).header
    key = PartKey(image_sha256=header.image_sha256, made_by=header.made_by)
    path.unlink()
    part_path(path).write_bytes(b"".join([line_of(key), *whole.splitlines(keepends=True)[1 : known + 1]]))
    run(films, detect_every=5)
    assert path.read_bytes() == whole


class FadingDetector(ColourDetector):
    """Is the less sure the further right somebody is, 0.95 to 0.35; boxes are wide, so that they overlap in time."""

    def detect(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        found = super().detect(batch)
        return [
            np.concatenate([rows[:, :4] + [-30, 0, 30, 0], 0.95 - 0.6 * (rows[:, :1] - 13) / (78 - 13)], axis=1).astype(
                np.float32
            )
            for rows in found
        ]


@pytest.mark.parametrize("every", [1, 3])
def test_who_fades_is_followed_and_a_killed_run_follows_him_too(films: Workspace, every: int) -> None:
    run(films, FadingDetector(), seen_thres=1.0, detect_every=every)
    lost = [len(line.people) for line in record_of(films).frames()]
    run(films, FadingDetector(), detect_every=every)
    followed = list(record_of(films).frames())
    scores = [line.people[0].score for line in followed if line.people]
    assert sum(lost) < sum(len(line.people) for line in followed) and min(scores) < 0.5
    path = films.path("annots/sub/b.mp4.jsonl")
    whole, header = path.read_bytes(), record_of(films).header
    assert header.made_by.options["seen_thres"] == 0.25
    key = PartKey(image_sha256=header.image_sha256, made_by=header.made_by)
    for known in range(1, FRAMES):
        path.unlink()
        part_path(path).write_bytes(b"".join([line_of(key), *whole.splitlines(keepends=True)[1 : known + 1]]))
        run(films, FadingDetector(), detect_every=every)
        assert path.read_bytes() == whole, known


def test_one_bad_video_stops_no_other(films: Workspace) -> None:
    write_bytes(films.root / "images/a.mp4", b"no video")
    (films.root / "images/c.mkv").mkdir()
    report = run(films)
    assert (report.counts.processed, report.counts.failed) == (2, 2)
    assert [failure.file for failure in report.failures] == ["images/a.mp4", "images/c.mkv"]
    assert all(failure.remedy for failure in report.failures)


def test_what_a_video_left_goes_with_it(films: Workspace) -> None:
    run(films, inspect_movies=True)
    films.path("images/sub/b.mp4").unlink()
    run(films)
    assert not films.path("annots/sub").exists() and not films.path("inspect/sub").exists()


def test_videos_alone_are_enough_and_nothing_is_not(films: Workspace) -> None:
    films.path("images/a.jpg").unlink()
    assert run(films).counts.processed == 1
    films.path("images/sub/b.mp4").unlink()
    with pytest.raises(UsageError, match="no picture"):
        run(films)


def test_a_wrong_number_of_frames_is_refused(films: Workspace) -> None:
    for every in (0, -1, 31):
        with pytest.raises(UsageError, match="detect_every"):
            run(films, detect_every=every)


class At:
    def __init__(self, t_seconds: float) -> None:
        self.t_seconds = t_seconds


def person(x: float, score: float = 1, index: int = 0) -> Person:
    return Person(index=index, score=score, box=Box(x1=x, y1=0, x2=x + 20, y2=50))


def lefts(found: list[tuple[At, list[Person]]]) -> list[list[float]]:
    return [[one.box.x1 for one in people] for _, people in found]


def test_nobody_between() -> None:
    assert list(frames_between([])) == []
    assert lefts(list(frames_between([(At(0), None), (At(1), None)]))) == []
    assert lefts(list(frames_between([(At(0), []), (At(1), None), (At(2), [])]))) == [[], [], []]


def test_between_by_time_not_by_number() -> None:
    found = list(frames_between([(At(0), [person(0)]), (At(1), None), (At(3), None), (At(4), [person(8, 0.5)])]))
    assert lefts(found) == [[0], [2], [6], [8]]
    assert [people[0].score for _, people in found] == [1, 0.875, 0.625, 0.5]


def test_who_is_in_one_of_the_two_is_there_in_the_nearer_half() -> None:
    ends = [person(0), person(100, index=1)], [person(4), person(300, index=1)]
    found = [(At(0), ends[0]), *((At(second), None) for second in (1, 2, 3)), (At(4), ends[1])]
    assert lefts(list(frames_between(found))) == [[0, 100], [1, 100], [2, 300], [3, 300], [4, 300]]


def test_each_person_is_matched_once() -> None:
    assert matched([], [person(0)]) == [] == matched([person(0)], [])
    assert matched([person(0), person(5)], [person(4)]) == [(1, 0)]
    assert matched([person(0), person(200)], [person(198), person(2)]) == [(0, 1), (1, 0)]


def saved(workspace: Workspace) -> dict[str, bytes]:
    folder = workspace.root / "cuts/sub/b.mp4.frames"
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))} if folder.exists() else {}


def test_frames_and_cuts_are_written_for_who_wants_to_look(films: Workspace) -> None:
    run(films)
    assert saved(films) == {} == saved(films), "unasked nothing is written"
    detector = ColourDetector()
    run(films, detector, save_frames=True, save_cuts=True)
    assert detector.batch_sizes == [], "the record stands"
    names = [f"{number:06d}.jpg" for number in range(FRAMES)]
    cuts = [f"{number:06d}_{index}.jpg" for number in range(FRAMES) for index in range(2 if number >= 7 else 1)]
    assert set(saved(films)) == {*names, *cuts, "made-of.txt"}
    with open_video(films.root / "images/sub/b.mp4") as movie:
        for frame in movie.frames():
            written = read_image(films.root / f"cuts/sub/b.mp4.frames/{frame.number:06d}.jpg")
            assert np.abs(written.astype(int) - frame.picture).mean() < 3
    cut = read_image(films.root / "cuts/sub/b.mp4.frames/000000_0.jpg")
    rule = cut_around(next(iter(record_of(films).frames())).people[0].box, (240, 160), 1.25)
    assert cut.shape[:2] == (rule.height, rule.width)
    assert cut[cut.shape[0] // 2, cut.shape[1] // 2] == pytest.approx(RED, abs=30)


def test_saved_pictures_follow_what_they_show(films: Workspace) -> None:
    run(films, save_cuts=True)
    whole = saved(films)
    (films.root / "cuts/sub/b.mp4.frames/made-of.txt").unlink()
    (films.root / "cuts/sub/b.mp4.frames/000003_0.jpg").unlink()
    run(films, save_cuts=True)
    assert saved(films) == whole, "a stopped run's are made anew"
    run(films, ColourDetector(), save_cuts=True, cut_scale=2.0)
    assert saved(films).keys() == whole.keys() and saved(films) != whole
    (films.root / "cuts/sub/b.mp4.frames/mine.txt").write_text("a person's own")
    run(films, conf_thres=0.85)
    assert set(saved(films)) == {"mine.txt"}, "nobody asked for the new record's"
    run(films, save_frames=True)
    films.path("images/sub/b.mp4").unlink()
    run(films)
    assert set(saved(films)) == {"mine.txt"}
