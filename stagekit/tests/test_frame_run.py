"""Videos frame by frame: every one gets its own answers, whatever stops a run."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from clips import clip, needs_ffmpeg, number_in
from doubling import Doubling, Network

from pose_contract.errors import ImageError, WorkspaceError
from pose_contract.records import MadeBy
from pose_contract.video_records import FrameAnnot, VideoAnnot
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import Picture
from stage_kit.runs.frame_run import FrameRun, VideoDone
from stage_kit.runs.seen import SeenFiles
from stage_kit.runs.steps import Settled
from stage_kit.runs.video_log import video_line
from stage_kit.runs.workers import taken_ahead
from stage_kit.videos.part_file import part_path
from stage_kit.videos.reader import open_video
from stage_kit.videos.record_files import VideoRecord, frame_lines
from stage_kit.videos.saved_pictures import SavedPictures
from stage_kit.videos.standing import Standing, Wanted, remove_stale_videos, standing, video_task
from stage_kit.videos.steps import VideoTask

MADE_BY = MadeBy(stage="fake", results=1, model="m", weights_sha256="0" * 64, options={})
FRAMES = 40
pytestmark = needs_ffmpeg


@pytest.fixture
def task(workspace: Workspace) -> VideoTask:
    clip(workspace.path("images/a.mp4"), "-pix_fmt", "yuv420p", frames=FRAMES)
    return task_of(workspace)


def wanted_of(workspace: Workspace, **changes: Any) -> Wanted:
    whole = Wanted(workspace.video_annot_file("a.mp4"), VideoAnnot, MADE_BY, workspace.movie_file("inspect", "a.mp4"))
    return replace(whole, **changes)


def task_of(workspace: Workspace, **changes: Any) -> VideoTask:
    found = video_task(workspace, SeenFiles(workspace), "a.mp4", wanted_of(workspace, **changes))
    assert isinstance(found, VideoTask)
    return found


def done(workspace: Workspace, work: Doubling, network: Network) -> VideoDone:
    return FrameRun(workspace, network.load, network.answers, workers=2, batches_at_once=2).run(work)


def record_of(workspace: Workspace) -> VideoRecord[VideoAnnot, FrameAnnot]:
    return VideoRecord(workspace.path(workspace.video_annot_file("a.mp4")), VideoAnnot, FrameAnnot)


@pytest.mark.parametrize("fixed_batch", [False, True])
@pytest.mark.parametrize("at_once", [(1, 1), (3, 3), (8, 64), (1, 7)])
def test_every_frame_gets_its_own_answers(
    workspace: Workspace, task: VideoTask, at_once: tuple[int, int], fixed_batch: bool
) -> None:
    network = Network(fixed_batch, at_once)
    assert done(workspace, Doubling(task), network) == VideoDone(FRAMES, 2, ())
    record = record_of(workspace)
    lines = list(record.frames())
    assert [line.frame for line in lines] == list(range(FRAMES))
    assert [line.t_seconds for line in lines] == pytest.approx([number / 30 for number in range(FRAMES)], abs=1e-6)
    assert [len(line.people) for line in lines] == [number % 3 for number in range(FRAMES)]
    header = record.header
    assert (header.frames, header.most_people, header.width, header.height) == (FRAMES, 2, 128, 96)
    assert header.frames_per_second == pytest.approx(30) and record.is_as_written()
    assert network.loads == 1 and max(network.batches) <= at_once[1]
    assert sum(network.batches) == sum(number % 3 for number in range(FRAMES)) or fixed_batch
    assert not part_path(record.path).exists()


def test_where_nobody_is_no_network_is_loaded(workspace: Workspace, task: VideoTask) -> None:
    network = Network()
    assert done(workspace, Doubling(task, lambda _: 0), network) == VideoDone(FRAMES, 0, ())
    assert network.loads == 0 and len(list(record_of(workspace).frames())) == FRAMES


def test_the_movie_has_every_frame_at_its_time(workspace: Workspace, task: VideoTask) -> None:
    done(workspace, Doubling(task), Network())
    with open_video(workspace.path("inspect/a.mp4")) as movie:
        frames = list(movie.frames())
    assert [number_in(frame.picture) for frame in frames] == list(range(FRAMES))
    assert isinstance(video_task(workspace, SeenFiles(workspace), "a.mp4", wanted_of(workspace)), Settled), (
        "a second run has nothing to do"
    )


@pytest.mark.parametrize("asked_every", [1, 6])
@pytest.mark.parametrize("interrupted_at", [0, 1, 2, 3, 5])
def test_an_interrupted_run_goes_on_and_gives_the_same_bytes(
    workspace: Workspace, task: VideoTask, asked_every: int, interrupted_at: int
) -> None:
    work = Doubling(replace(task, asked_every=asked_every), lambda number: 1 + number % 2)
    done(workspace, work, Network(at_once=(2, 2)))
    record, movie = workspace.path(task.record), workspace.path("inspect/a.mp4")
    whole = record.read_bytes(), movie.read_bytes()
    record.unlink(), movie.unlink()
    with pytest.raises(KeyboardInterrupt):
        done(workspace, work, Network(at_once=(2, 2), interrupted_at=min(interrupted_at, 2 if asked_every > 1 else 9)))
    assert not record.exists() and not movie.exists()
    known = len(list(frame_lines(part_path(record), FrameAnnot)))
    network = Network(at_once=(2, 2))
    done(workspace, work, network)
    assert (record.read_bytes(), movie.read_bytes()) == whole
    assert min(network.asked) >= known - asked_every
    assert sorted(path.name for path in record.parent.iterdir()) == [record.name]


@pytest.mark.parametrize(
    ("spoil", "known"),
    [
        (lambda data: data[:-10], 9),
        (lambda data: data + b'{"frame": 10, "t_sec', 10),
        (lambda data: data + b"nonsense\n", 10),
        (lambda data: data.replace(b'"frame":4,', b'"frame":5,'), 4),
        (lambda data: data.replace(b'"results":1', b'"results":2'), 0),
        (lambda _data: b"", 0),
        (lambda _data: b"\n", 0),
    ],
)
def test_what_is_whole_of_a_part_is_taken(
    workspace: Workspace, task: VideoTask, spoil: Callable[[bytes], bytes], known: int
) -> None:
    work = Doubling(task, lambda _: 1)
    done(workspace, work, Network())
    record = workspace.path(task.record)
    whole = record.read_bytes()
    lines = whole.splitlines(keepends=True)
    key = {"image_sha256": task.image_sha256, "made_by": MADE_BY.model_dump(exclude_none=True)}
    sound = json.dumps(key, separators=(",", ":")).encode() + b"\n" + b"".join(lines[1:11])
    record.unlink()
    part_path(record).write_bytes(spoil(sound))
    network = Network()
    done(workspace, work, network)
    assert record.read_bytes() == whole
    assert network.asked == set(range(known, FRAMES))


def test_what_is_torn_after_the_last_frame_is_cut_off(workspace: Workspace, task: VideoTask) -> None:
    work = Doubling(task, lambda _: 1)
    done(workspace, work, Network())
    record = workspace.path(task.record)
    whole = record.read_bytes()
    key = {"image_sha256": task.image_sha256, "made_by": MADE_BY.model_dump(exclude_none=True)}
    _, lines = whole.split(b"\n", 1)
    record.unlink()
    part_path(record).write_bytes(
        json.dumps(key, separators=(",", ":")).encode() + b"\n" + lines + b'{"frame": 40, "t_s'
    )
    network = Network()
    done(workspace, work, network)
    assert record.read_bytes() == whole and not network.asked


def test_a_movie_that_is_gone_is_drawn_anew_and_no_more(workspace: Workspace, task: VideoTask) -> None:
    done(workspace, Doubling(task), Network())
    movie = workspace.path("inspect/a.mp4")
    whole, record = movie.read_bytes(), workspace.path(task.record).read_bytes()
    movie.unlink()
    again, network = task_of(workspace), Network()
    assert again.redrawn
    done(workspace, Doubling(again), network)
    assert movie.read_bytes() == whole and workspace.path(task.record).read_bytes() == record and network.loads == 0
    drawn = task_of(workspace, drawn="another style")
    assert drawn.redrawn and drawn.movie != again.movie


def test_what_a_person_has_edited_stands(workspace: Workspace, task: VideoTask) -> None:
    done(workspace, Doubling(task), Network())
    path = workspace.path(task.record)
    edited = path.read_bytes().replace(b'"x1":2.0', b'"x1":3.0', 1)
    path.write_bytes(edited)
    other = MADE_BY.model_copy(update={"results": 2})
    stands = standing(path, VideoAnnot, task.image_sha256, other, overwrite=True)
    assert isinstance(stands, Standing) and "edited by hand: kept" in stands.note(task.record)
    assert task_of(workspace).redrawn, "the movie shows it"
    assert remove_stale_videos(workspace, "annots", VideoAnnot, ["inspect"], lambda _: "images/gone") == [
        "a.mp4 is gone, its record, edited by hand, is kept"
    ]
    assert path.read_bytes() == edited


def test_a_record_that_cannot_be_read_is_kept_and_fails(workspace: Workspace, task: VideoTask) -> None:
    path = workspace.path(task.record)
    path.parent.mkdir(exist_ok=True)
    for data in (b"", b"{}\n", b"\0\xff\n", b"[" * 100_000):
        path.write_bytes(data)
        with pytest.raises(ImageError, match="line 1"):
            task_of(workspace)
        assert path.read_bytes() == data


def test_other_options_or_another_video_make_it_anew(workspace: Workspace, task: VideoTask) -> None:
    done(workspace, Doubling(task), Network())
    assert not task_of(workspace, made_by=MADE_BY.model_copy(update={"results": 2})).redrawn
    assert not task_of(workspace, overwrite=True).redrawn
    clip(workspace.path("images/a.mp4"), frames=3)
    changed = task_of(workspace)
    assert not changed.redrawn
    assert done(workspace, Doubling(changed), Network()).frames == 3


def test_what_belongs_to_a_video_that_is_gone_is_removed(workspace: Workspace, task: VideoTask) -> None:
    done(workspace, Doubling(task), Network())
    part_path(workspace.path("annots/b.mov.jsonl")).write_bytes(b"half")
    workspace.path("annots/other.json").write_bytes(b"{}")
    assert remove_stale_videos(workspace, "annots", VideoAnnot, ["inspect"], workspace.image_file) == []
    assert workspace.path(task.record).exists() and not workspace.path("annots/b.mov.jsonl.part").exists()
    workspace.path("images/a.mp4").unlink()
    assert remove_stale_videos(workspace, "annots", VideoAnnot, ["inspect"], workspace.image_file) == []
    left = sorted(path.name for path in workspace.root.rglob("*") if path.is_file())
    assert left == ["other.json"]


def test_an_unreadable_frame_ends_the_video_not_the_run(workspace: Workspace, task: VideoTask) -> None:
    def broken(number: int) -> int:
        if number == 7:
            raise ImageError("is broken", "mend it")
        return 1

    with pytest.raises(ImageError, match="is broken"):
        done(workspace, Doubling(task, broken), Network())
    assert threading.active_count() < 20 and not workspace.path(task.record).exists()


@pytest.mark.parametrize("where", ["people_in", "drawn"])
def test_whatever_ends_a_run_nobody_decodes_a_video_that_is_closed(
    workspace: Workspace, task: VideoTask, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that does ends the process without a word."""

    def full(*_: object) -> None:
        raise WorkspaceError("the disk is full", "free some")

    monkeypatch.setattr(Doubling, where, full)
    with pytest.raises(WorkspaceError, match="full"):
        done(workspace, Doubling(task, lambda _: 1), Network(at_once=(1, 1)))
    assert not [thread.name for thread in threading.enumerate() if thread.name == "ahead"]
    assert part_path(workspace.path(task.record)).exists() and not workspace.path("inspect/a.mp4").exists()


def test_a_line_on_a_video() -> None:
    assert video_line("a.mp4", VideoDone(0, 0, ()), 0) == "a.mp4: 0 frames, nobody, 0.0 frames/s"
    assert video_line("a.mp4", VideoDone(90, 1, ()), 3) == "a.mp4: 90 frames, up to 1 person, 30.0 frames/s"
    assert video_line("a.mp4", VideoDone(9, 2, ("truncated",)), 3).endswith("what decodes of it is done")


def test_items_taken_ahead_keep_order_and_raise() -> None:
    assert list(taken_ahead([], 2)) == []
    assert list(taken_ahead(range(50), 3)) == list(range(50))

    def failing() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    items = taken_ahead(failing(), 2)
    assert next(items) == 1
    with pytest.raises(OSError, match="gone"):
        next(items)


def test_nothing_is_taken_when_nobody_wants_more() -> None:
    taken: list[int] = []

    def counted() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    items = taken_ahead(counted(), 3)
    assert next(items) == 0
    items.close()
    assert len(taken) <= 6 and not [thread for thread in threading.enumerate() if thread.name == "ahead"]


def test_pictures_of_frames_are_written_once_and_go_with_their_record(workspace: Workspace, task: VideoTask) -> None:
    written = SavedPictures("cuts/a.mp4.frames", lambda picture, line: [(f"{line.frame:06d}.jpg", picture)])
    folder = workspace.path("cuts/a.mp4.frames")
    first = task_of(workspace, saved=(written, "all"))
    done(workspace, Doubling(first), Network())
    assert len(list(folder.glob("*.jpg"))) == FRAMES
    found = video_task(workspace, SeenFiles(workspace), "a.mp4", wanted_of(workspace, saved=(written, "all")))
    assert isinstance(found, Settled)
    other = task_of(workspace, saved=(written, "others"))
    assert other.redrawn and other.movie is None, "the movie is there, and is not drawn again"
    (folder / "000000.jpg").unlink()
    (folder / "000099.jpg").write_bytes(b"of a longer video")
    done(workspace, Doubling(other), Network(interrupted_at=0))
    assert {path.name for path in folder.glob("*.jpg")} == {f"{number:06d}.jpg" for number in range(FRAMES)}
    workspace.path("images/a.mp4").unlink()
    remove_stale_videos(workspace, "annots", VideoAnnot, ["inspect", "cuts"], workspace.image_file)
    assert not folder.exists()


def test_pictures_of_a_stopped_run_are_not_taken_for_whole(workspace: Workspace, task: VideoTask) -> None:
    def failing(picture: Picture, line: FrameAnnot) -> list[tuple[str, Picture]]:
        if line.frame == 7:
            raise WorkspaceError("cannot write: no space left", "free some")
        return [(f"{line.frame:06d}.jpg", picture)]

    saved = SavedPictures("cuts/a.mp4.frames", failing)
    with pytest.raises(WorkspaceError, match="no space"):
        done(workspace, Doubling(task_of(workspace, saved=(saved, "all"))), Network())
    assert not workspace.path(task.record).exists(), "a rerun goes on"
    again = replace(saved, pictures=lambda picture, line: [(f"{line.frame:06d}.jpg", picture)])
    done(workspace, Doubling(task_of(workspace, saved=(again, "all"))), Network())
    assert len(list(workspace.path("cuts/a.mp4.frames").glob("*.jpg"))) == FRAMES
