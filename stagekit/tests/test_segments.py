"""Long videos in segments: where they are cut, what is kept of a network's answers, and when it is taken."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from clips import clip, needs_ffmpeg, number_in, remuxed
from doubling import Doubling, Network

from pose_contract.errors import ImageError
from pose_contract.records import MadeBy
from pose_contract.video_records import VideoAnnot
from pose_contract.workspace import Workspace
from stage_kit.runs.frame_run import FrameRun
from stage_kit.runs.seen import SeenFiles
from stage_kit.testing import workspace_bytes
from stage_kit.videos.answers import (
    SUFFIX,
    AnswerBytes,
    KeptAnswers,
    answers_folder,
    are_kept,
    digest_of,
    finite_floats,
    remove_answers,
    write_answers,
)
from stage_kit.videos.part_file import PartKey
from stage_kit.videos.reader import open_video
from stage_kit.videos.segments import Segment, Stamps, is_long, read_segments, segment_frames, segments
from stage_kit.videos.standing import Wanted, video_task
from stage_kit.videos.steps import VideoTask

MADE_BY = MadeBy(stage="fake", results=1, model="m", weights_sha256="0" * 64, options={})
KEY = PartKey(image_sha256="1" * 64, made_by=MADE_BY)
FRAMES = 40
AS_JSON: AnswerBytes[tuple[int, int]] = AnswerBytes(
    lambda answer: json.dumps(answer).encode(), lambda data: (json.loads(data)[0], json.loads(data)[1])
)


@pytest.mark.parametrize(
    ("shown", "keys", "frames"),
    [
        ((), (), []),
        (range(5), [0], []),
        (range(40), [0], []),  # one key frame: nowhere to cut
        (range(40), [], []),
        (range(20), [0, 10], [10, 10]),  # exact multiples
        (range(30), [0, 10, 20], [10, 10, 10]),
        (range(16), [0, 10], [10, 6]),
        (range(15), [0, 10], []),  # what is left is too little
        (range(24), [0, 10, 20], [10, 14]),
        (range(40), range(40), [10, 10, 10, 10]),
        (range(40), [0, 9, 18, 27, 36], [18, 22]),
        (range(40), [0, 33], [33, 7]),
        ([0, 1, 2, 10, 11, 13, 29, 30], [0, 10], [3, 5]),  # uneven times
        (range(-5, 25), [-5, 5, 15], [10, 10, 10]),
        ([3, 1, 2, 0, 7, 5, 6, 4, 11, 9, 10, 8], [0, 7], []),  # frames are stored in another order than shown
        ([5, 0, 1, 2, 3, 4, 16, 11, 12, 13, 14, 15], [0, 11], [6, 6]),
        ([5, 6, 7, 20, 30], [6, 20], []),  # some come before the first key frame
        ([0, 1, 1, 12, 20], [0, 12], []),  # two at once
    ],
)  # fmt: skip
def test_where_a_video_is_cut(shown: range | list[int], keys: range | list[int], frames: list[int]) -> None:
    found = segments(Stamps(shown, keys), 10)
    assert [segment.frames for segment in found] == frames
    assert [segment.first for segment in found] == [sum(frames[:index]) for index in range(len(frames))]
    assert [segment.name for segment in found] == [f"{index}of{len(frames)}" for index in range(1, len(frames) + 1)]
    assert all(segment.begin in keys for segment in found)


def row(*numbers: int) -> np.ndarray:
    return np.array(numbers)


def test_answers_are_found_by_what_was_asked(tmp_path: Path) -> None:
    rows = [row(index) for index in range(50)]
    for file, part in (("1of3", rows[:20]), ("2of3", []), ("3of3", rows[20:])):
        answers = {digest_of(one): b"x" * int(one[0]) for one in part}
        write_answers(tmp_path / f"{file}{SUFFIX}", KEY, answers)
        assert are_kept(tmp_path / f"{file}{SUFFIX}", KEY)
    with KeptAnswers(tmp_path, KEY) as kept:
        assert len(kept) == 50
        assert [kept.about(one) for one in rows] == [b"x" * index for index in range(50)]
        assert kept.about(row(50)) is None and kept.about(rows[3][None]) is None, "another shape is another question"
    assert kept.about(rows[3]) is None
    with KeptAnswers(tmp_path / "none", KEY) as kept:
        assert len(kept) == 0 and kept.about(rows[0]) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b'"results":1', b'"results":2'),
        lambda data: data.replace(b"1" * 64, b"2" * 64),
        lambda data: data.replace(b"\n", b"\n\xff\xff\xff\xff\xff\xff\xff\xff", 1),
        lambda data: data.partition(b"\n")[0] + b"\n",
    ],
)
def test_what_is_torn_or_of_another_is_passed_over(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"1of1{SUFFIX}"
    write_answers(path, KEY, {digest_of(row(1)): b"one", digest_of(row(2)): b"two"})
    path.write_bytes(spoil(path.read_bytes()))
    assert not are_kept(path, KEY)
    with KeptAnswers(tmp_path, KEY) as kept:
        assert len(kept) == 0 and kept.about(row(1)) is None


def test_a_link_is_not_followed_and_numbers_are_finite(tmp_path: Path) -> None:
    write_answers(tmp_path / "elsewhere", KEY, {digest_of(row(1)): b"one"})
    (tmp_path / f"1of1{SUFFIX}").symlink_to(tmp_path / "elsewhere")
    assert not are_kept(tmp_path / f"1of1{SUFFIX}", KEY)
    assert finite_floats(np.array([1, 2], "<f4").tobytes()).tolist() == [1, 2]
    for data in (b"123", np.array([1, np.nan], "<f4").tobytes()):
        with pytest.raises(ValueError, match=r"buffer|NaN"):
            finite_floats(data)


@pytest.fixture
def film(workspace: Workspace) -> VideoTask:
    """40 frames with a key frame every fifth; a second stage's record and movie are to be made."""
    words = ("-pix_fmt", "yuv420p", "-g", "5", "-bf", "2", "-sc_threshold", "0")
    clip(workspace.path("images/a.mp4"), *words, frames=FRAMES)
    return task_of(workspace)


def task_of(workspace: Workspace) -> VideoTask:
    movie = workspace.movie_file("inspect", "a.mp4")
    wanted = Wanted(workspace.video_annot_file("a.mp4"), VideoAnnot, MADE_BY, movie, answer_bytes=AS_JSON)
    found = video_task(workspace, SeenFiles(workspace), "a.mp4", wanted)
    assert isinstance(found, VideoTask)
    return found


def frame_run(workspace: Workspace, network: Network) -> FrameRun[tuple[int, int]]:
    return FrameRun(workspace, network.load, network.answers, workers=2, batches_at_once=2)


def keep(workspace: Workspace, task: VideoTask, found: tuple[Segment, ...]) -> None:
    """Asks about all segments, as if several processes had."""
    key = PartKey(image_sha256=task.image_sha256, made_by=task.made_by)
    for segment in found:
        answers = frame_run(workspace, Network()).answers_of(Doubling(task), segment)
        write_answers(answers_folder(workspace, "fake", "a.mp4") / f"{segment.name}{SUFFIX}", key, answers)


@needs_ffmpeg
@pytest.mark.parametrize("container", ["mp4", "mkv", "mov", "avi", "webm"])
def test_a_segments_frames_are_those_of_the_whole_video(tmp_path: Path, container: str) -> None:
    coding = ("-c:v", "libvpx-vp9") if container == "webm" else ("-c:v", "mpeg4") if container == "avi" else ()
    path = clip(tmp_path / f"a.{container}", *coding, "-pix_fmt", "yuv420p", "-g", "5", frames=FRAMES)
    with open_video(path) as video:
        whole = list(video.frames())
    found = read_segments(path, 0.4)
    assert found and sum(segment.frames for segment in found) == FRAMES, found
    for segment in found:
        with open_video(path) as video:
            frames = list(segment_frames(video, segment))
        wanted = whole[segment.first : segment.first + segment.frames]
        assert [(frame.number, number_in(frame.picture)) for frame in frames] == [
            (frame.number, number_in(frame.picture)) for frame in wanted
        ]
        assert all(np.array_equal(one.picture, other.picture) for one, other in zip(frames, wanted, strict=True))
        assert [frame.t_seconds for frame in frames] == pytest.approx([frame.t_seconds for frame in wanted])


@needs_ffmpeg
def test_what_is_short_or_no_video_is_left_whole(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", "-g", "5", frames=FRAMES)
    assert len(read_segments(path, 0.8)) == 2 and read_segments(path, 1) == ()
    assert read_segments(clip(tmp_path / "b.mp4", "-g", "99", frames=FRAMES), 0.2) == (), "one key frame"
    (tmp_path / "text.mp4").write_text("frames, they say")
    os.mkfifo(tmp_path / "pipe.mp4")
    for name in ("text.mp4", "gone.mp4", "pipe.mp4"):
        assert read_segments(tmp_path / name, 0.2) == () and not is_long(tmp_path / name, 0.2)
    sound = remuxed(path, tmp_path / "sound.mp4", "-t", "0.5")
    assert read_segments(sound, 0.4) == ()


@needs_ffmpeg
def test_with_all_segments_nothing_is_asked_and_the_bytes_are_those_of_one_run(
    workspace: Workspace, film: VideoTask
) -> None:
    frame_run(workspace, Network()).run(Doubling(film))
    whole = workspace_bytes(workspace.root)
    workspace.path(film.record).unlink()
    workspace.path("inspect/a.mp4").unlink()
    found = read_segments(film.source, 0.3)
    assert len(found) == 4
    keep(workspace, film, found)
    network = Network()
    frame_run(workspace, network).run(Doubling(film))
    assert network.loads == 0 and not network.batches
    assert workspace_bytes(workspace.root) == whole and len(whole) == 3
    assert not workspace.path("reports/.answers").exists(), "nobody needs them any more"


@needs_ffmpeg
@pytest.mark.parametrize("missing", [0, 2, 3])
def test_of_a_segment_that_lacks_just_its_frames_are_asked(workspace: Workspace, film: VideoTask, missing: int) -> None:
    found = read_segments(film.source, 0.3)
    keep(workspace, film, found[:missing] + found[missing + 1 :])
    network = Network()
    frame_run(workspace, network).run(Doubling(film))
    lacks = range(found[missing].first, found[missing].first + found[missing].frames)
    assert network.asked == {number for number in lacks if number % 3}
    assert workspace.path(film.record).is_file()


@needs_ffmpeg
def test_answers_of_another_network_or_that_are_none_are_not_taken(workspace: Workspace, film: VideoTask) -> None:
    found = read_segments(film.source, 0.3)
    other = replace(film, made_by=MADE_BY.model_copy(update={"results": 2}))
    keep(workspace, other, found)
    network = Network()
    frame_run(workspace, network).run(Doubling(film))
    assert network.asked == {number for number in range(FRAMES) if number % 3}
    workspace.path(film.record).unlink()
    keep(workspace, replace(film, answer_bytes=AnswerBytes(lambda _: b"nonsense", AS_JSON.read)), found)
    network = Network()
    frame_run(workspace, network).run(Doubling(film))
    assert network.asked == {number for number in range(FRAMES) if number % 3}


@needs_ffmpeg
def test_frames_that_are_not_asked_about_are_not_asked_in_segments(workspace: Workspace, film: VideoTask) -> None:
    sparse = replace(film, asked_every=6)
    found = read_segments(film.source, 0.3)
    networks = []
    for segment in found:
        networks.append(Network())
        frame_run(workspace, networks[-1]).answers_of(Doubling(sparse, lambda _: 1), segment)
    assert sorted(number for network in networks for number in network.asked) == list(range(0, FRAMES, 6))


@needs_ffmpeg
def test_a_segment_of_a_file_that_ends_before_it(workspace: Workspace, film: VideoTask) -> None:
    network = Network()
    assert frame_run(workspace, network).answers_of(Doubling(film), Segment("1of1", 10**9, 900, 30)) == {}
    with pytest.raises(ImageError):
        frame_run(workspace, network).answers_of(
            Doubling(replace(film, source=film.source.with_name("gone.mp4"))), Segment("1of1", 0, 0, 30)
        )


def test_answers_are_removed_with_their_folders_and_nothing_else(workspace: Workspace) -> None:
    for stage, name in (("one", "sub/a.mp4"), ("one", "b.mp4"), ("two", "b.mp4")):
        folder = answers_folder(workspace, stage, name)
        write_answers(folder / f"1of1{SUFFIX}", KEY, {})
        (folder / ".tmp-0123").write_bytes(b"of a killed run")
    (answers_folder(workspace, "one", "b.mp4") / "notes.txt").write_text("a person's")
    remove_answers(workspace, "one", "sub/a.mp4")
    assert not answers_folder(workspace, "one", "sub").exists() and answers_folder(workspace, "one", "b.mp4").exists()
    remove_answers(workspace, "one")
    remove_answers(workspace, "gone")
    left = sorted(path.name for path in workspace.path("reports").rglob("*") if path.is_file())
    assert left == [".tmp-0123", f"1of1{SUFFIX}", "notes.txt"]
