"""movie.mp4 by the command: what it shows, when it is drawn anew, and what happens where it cannot be."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from people import figure, pose, times, write_video
from synthetic import rower

from motion_stage.cli import main
from motion_stage.movie.frames import RAW, SMOOTH
from motion_stage.movie.strip import strip_height
from motion_stage.movie.strip_content import CATCH, DRIVE, RECOVERY
from motion_stage.sequence import Floats
from pose_contract.errors import DONE, INTERRUPTED, WORKSPACE
from pose_contract.records import ImagePoses, MadeBy
from pose_contract.skeletons import COCO17
from pose_contract.storage import write_record
from pose_contract.video_records import FramePose
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import encode_jpeg
from stage_kit.videos.writer import write_movie

SIZE = 320, 240
NAME = "erg.mp4"
HIPS = (160.0, 110.0)
SCALE = 0.5
Picture = NDArray[np.uint8]
DEATHS = """
import sys
import motion_stage.movie.make, motion_stage.run  # once, not in each process that dies
from motion_stage.cli import main
from stage_kit.testing import dies_at_write
words = ["render", "--workspace", sys.argv[1], "--plots", "0", "--quiet"]
point = 0
while dies_at_write(lambda: main(words), point, point % 2 == 0):
    point += 1
print(point)
"""


def run(workspace: Workspace, *words: str) -> int:
    step = words[:1] if words and not words[0].startswith("-") else ()
    return main([*step, "--workspace", str(workspace.root), "--plots", "0", *words[len(step) :]])


def grey_video(workspace: Workspace, t_seconds: Floats, name: str = NAME, size: tuple[int, int] = SIZE) -> Path:
    path = workspace.root / "images" / name
    with write_movie(path, size, 30) as movie:
        for t in t_seconds.tolist():
            movie.add(np.full((size[1], size[0], 3), 90, np.uint8), t)
    return path


def still_person(at: int, t: float) -> list[FramePose]:
    """Who is 3 px to the left of where the filters put it in every other frame: raw and smoothed part."""
    del t
    return [pose(figure((HIPS[0] + 6 * (at % 2), HIPS[1]), SCALE))]


@pytest.fixture
def filmed(workspace: Workspace) -> Workspace:
    """Thirty grey frames with somebody in them."""
    grey_video(workspace, times(30, 1))
    write_video(workspace, NAME, times(30, 1), still_person, size_wh=SIZE)
    return workspace


def movie_path(workspace: Workspace, name: str = NAME) -> Path:
    return workspace.root / "motion" / name / "movie.mp4"


def frames_of(path: Path) -> tuple[list[Picture], list[float]]:
    with av.open(str(path)) as container:
        found = [
            (frame.to_ndarray(format="rgb24"), float(frame.pts * frame.time_base))
            for frame in container.decode(video=0)
        ]
    return [picture for picture, _ in found], [moment for _, moment in found]


def near(picture: Picture, color: tuple[int, int, int], reach: int = 60) -> NDArray[np.bool_]:
    """Where a picture has about that colour, as far as yuv420p keeps it."""
    there: NDArray[np.bool_] = np.abs(picture.astype(int) - color).max(axis=-1) <= reach
    return there


def test_the_movie_has_every_frame_at_its_time_with_people_and_strip(workspace: Workspace) -> None:
    stamps = np.delete(times(30, 1), [4, 5, 11])  # uneven
    grey_video(workspace, stamps)
    write_video(workspace, NAME, stamps, still_person, size_wh=SIZE)
    assert run(workspace) == DONE
    pictures, moments = frames_of(movie_path(workspace))
    assert len(pictures) == 27 and np.abs(np.array(moments) - stamps).max() < 1e-3
    strip = strip_height(*SIZE)
    assert {picture.shape for picture in pictures} == {(SIZE[1] + strip, SIZE[0], 3)} and (SIZE[1] + strip) % 2 == 0
    with av.open(str(movie_path(workspace))) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
    body = pictures[10][: SIZE[1]]
    assert near(body, RAW).sum() > 20 and near(body, SMOOTH).sum() > 100
    y, x = np.nonzero(near(body, SMOOTH))
    assert abs(x.mean() - HIPS[0] - 3) < 4 and 20 < y.min() < 60 and y.max() > 150  # on the person
    assert pictures[10][SIZE[1] :].mean() < 60  # the strip's dark ground


def test_a_rower_s_strip_has_drives_catches_and_a_cursor_that_moves(workspace: Workspace) -> None:
    t_seconds = times(30, 6)
    keypoints = np.tile(figure((600, 300)), (len(t_seconds), 1, 1))
    for point, path in rower(t_seconds).items():
        keypoints[:, COCO17.keypoints.index(point)] = path
    size = (1280, 720)
    grey_video(workspace, t_seconds, size=size)
    write_video(workspace, NAME, t_seconds, lambda at, _: [pose(keypoints[at])])
    assert run(workspace, "--sport", "rowing") == DONE
    pictures, _ = frames_of(movie_path(workspace))
    strips = [picture[size[1] :] for picture in pictures]
    for color in (DRIVE, RECOVERY):
        assert near(strips[20], color, 30).sum() > 1000
    catches = np.flatnonzero(near(strips[20], CATCH, 90).sum(axis=0) > 20)
    assert np.diff(catches[np.diff(catches, prepend=0) > 5]) == pytest.approx(2.4 / 6 * size[0], rel=0.1)
    cursors = [int(np.argmax(near(strip, (235, 235, 235), 40).sum(axis=0))) for strip in strips[10::40]]
    assert np.all(np.diff(cursors) > 150)


@pytest.mark.parametrize("size", [(64, 48), (127, 95), (95, 211)])
def test_small_and_odd_sizes(workspace: Workspace, size: tuple[int, int]) -> None:
    name = "odd.mkv"
    (workspace.root / "images").mkdir()
    with av.open(str(workspace.root / "images" / name), "w") as container:  # H.264 has no odd sizes
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = *size, "bgr0"
        for _ in range(6):
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 90, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    write_video(workspace, name, times(30, 0.2), lambda *_: [pose(figure((40, 30), 0.1))], size_wh=size)
    assert run(workspace) == DONE
    pictures, _ = frames_of(movie_path(workspace, name))
    height, width = pictures[0].shape[:2]
    assert len(pictures) == 6 and width == size[0] + size[0] % 2 and height == size[1] + strip_height(*size)


@pytest.mark.parametrize("people", [lambda *_: [], lambda at, _: still_person(at, 0) if at > 25 else []])
def test_nobody_or_hardly_anybody_is_a_movie_too(workspace: Workspace, people: object) -> None:
    grey_video(workspace, times(30, 1))
    write_video(workspace, NAME, times(30, 1), people, size_wh=SIZE)  # type: ignore[arg-type]
    assert run(workspace) == DONE and len(frames_of(movie_path(workspace))[0]) == 30


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed: apt install ffmpeg")
def test_the_sound_comes_with_it(workspace: Workspace, tmp_path: Path) -> None:
    silent = grey_video(workspace, times(30, 1), "silent.mp4")
    path = workspace.root / "images" / NAME
    sound = ["-f", "lavfi", "-i", "sine=frequency=440:duration=1", "-c:v", "copy", "-c:a", "aac"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(silent), *sound, str(path)], check=True, timeout=60)
    write_video(workspace, NAME, times(30, 1), still_person, size_wh=SIZE)
    assert run(workspace) == DONE
    packets = []
    for file in (path, movie_path(workspace)):
        with av.open(str(file)) as container:
            packets.append([bytes(packet) for packet in container.demux(audio=0) if packet.size])
    assert packets[0] and packets[0] == packets[1]


def test_it_is_drawn_once_and_anew_where_it_must_be(filmed: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    def stamps() -> dict[str, int]:
        folder = filmed.root / "motion" / NAME
        return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}

    def changed(*words: str) -> set[str]:
        before = stamps()
        assert run(filmed, *words) == DONE
        after = stamps()
        return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}

    assert run(filmed) == DONE
    first = movie_path(filmed).read_bytes()
    assert changed() == set() and "1 already done" in capsys.readouterr().err
    assert changed("render") == {"movie.mp4"} and "1 with a new movie" in capsys.readouterr().err
    assert movie_path(filmed).read_bytes() == first  # the same bytes
    assert changed("--blur_faces", "1") == {"movie.mp4"} and movie_path(filmed).read_bytes() != first
    (filmed.root / "pose.toml").write_text("[draw]\nblur_faces = true\nline = false\n")
    assert changed() == set()
    (filmed.root / "pose.toml").unlink()
    assert "movie.mp4" in changed("--filter", "median")
    assert changed("--filter", "median", "--movie", "0") == {"movie.mp4"} and not movie_path(filmed).exists()
    assert changed("--filter", "median") == {"movie.mp4"}
    write_video(filmed, NAME, times(30, 1), lambda *_: [], size_wh=SIZE)
    assert "movie.mp4" in changed("--filter", "median")
    (filmed.root / "output/poses" / f"{NAME}.jsonl").unlink()
    grey_video(filmed, times(30, 0.1), "other.mp4")
    write_video(filmed, "other.mp4", times(30, 0.1), still_person, size_wh=SIZE)
    assert run(filmed) == DONE and not (filmed.root / "motion" / NAME).exists()


@pytest.mark.parametrize("what", ["gone", "changed", "a folder"])
def test_without_its_source_there_is_a_line_and_no_movie(
    filmed: Workspace, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = filmed.root / "images" / NAME
    path.unlink()
    if what == "changed":
        grey_video(filmed, times(30, 2))
    elif what == "a folder":
        path.mkdir()
    assert run(filmed) == DONE
    told = capsys.readouterr().err
    line = {"gone": "is gone", "changed": "has changed since its poses were found", "a folder": "is a folder"}[what]
    assert told.count(f"images/{NAME} {line}") == 1 and "no movie of its motion is drawn" in told, told
    assert (filmed.root / "motion" / NAME / "speeds.csv").is_file() and not movie_path(filmed).exists()


def test_a_movie_of_numbered_photos(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    made_by = MadeBy(stage="hrn-stage", results=1, model="m", weights_sha256="0" * 64, options={})
    import hashlib

    for number in (1, 2, 3, 5, 6, 7, 8):
        photo = workspace.root / f"images/burst/shot-{number}.jpg"
        photo.parent.mkdir(parents=True, exist_ok=True)
        photo.write_bytes(encode_jpeg(np.full((SIZE[1], SIZE[0], 3), 10 * number, np.uint8)))
        person = still_person(number, 0)[0]
        points = [
            {"name": name, "x": x, "y": y, "score": score}
            for name, (x, y, score) in zip(COCO17.keypoints, person.keypoints, strict=True)
        ]
        record = ImagePoses.model_validate(
            {
                "image": f"images/burst/shot-{number}.jpg",
                "image_sha256": hashlib.sha256(photo.read_bytes()).hexdigest(),
                "width": SIZE[0], "height": SIZE[1], "skeleton": "coco17", "made_by": made_by.model_dump(),
                "people": [{"index": 0, "score": 0.9, "box": person.box.model_dump(), "keypoints": points}],
            }
        )  # fmt: skip
        path = workspace.root / f"output/poses/burst/shot-{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_record(path, record)
    assert run(workspace, "--fps", "10") == DONE
    pictures, moments = frames_of(movie_path(workspace, "burst"))
    assert moments == pytest.approx([0, 0.1, 0.2, 0.4, 0.5, 0.6, 0.7], abs=1e-3)
    assert [round(float(picture[5, 5].mean())) for picture in pictures] == pytest.approx(
        [10, 20, 30, 50, 60, 70, 80], abs=3
    )
    (workspace.root / "images/burst/shot-3.jpg").unlink()
    assert run(workspace, "render", "--fps", "10") == DONE
    assert "images/burst holds a photo that is gone: images/burst/shot-3.jpg" in capsys.readouterr().err
    assert len(frames_of(movie_path(workspace, "burst"))[0]) == 7  # the one that was there is kept


def test_a_face_is_covered_by_the_flag(workspace: Workspace) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (SIZE[1] // 4, SIZE[0] // 4, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    with write_movie(workspace.root / "images" / NAME, SIZE, 30) as movie:
        for t in times(30, 0.3).tolist():
            movie.add(noise, t)
    low = np.where(np.arange(17) < 5, 0.1, 0.9)  # the head's score is low, but the person is there
    write_video(workspace, NAME, times(30, 0.3), lambda *_: [pose(figure(HIPS, SCALE), points_score=low)], size_wh=SIZE)
    spread = []
    for flag in ("0", "1"):
        assert run(workspace, "--blur_faces", flag) == DONE
        picture = frames_of(movie_path(workspace))[0][4]
        spread.append(float(picture[30:40, 175:185].astype(float).std()))  # the face beside the skeleton
    assert spread[1] < 0.5 * spread[0], spread


def test_a_death_at_any_moment_of_drawing_is_mended(filmed: Workspace) -> None:
    """In a process of its own, as a fork of one in which OpenCV's threads have begun would wait for them."""
    assert run(filmed) == DONE
    whole, report = movie_path(filmed).read_bytes(), movie_path(filmed).with_name("report.json").read_bytes()
    movie_path(filmed).unlink()
    finished = subprocess.run(
        [sys.executable, "-c", DEATHS, str(filmed.root)], capture_output=True, text=True, check=False, timeout=120
    )
    assert finished.returncode == 0 and int(finished.stdout) >= 3, finished.stderr
    assert movie_path(filmed).with_name("report.json").read_bytes() == report
    assert run(filmed) == DONE and movie_path(filmed).read_bytes() == whole
    assert not [path for path in movie_path(filmed).parent.iterdir() if path.name.startswith(".")]


def test_a_full_disk_ends_the_run_and_the_next_one_draws_the_movie_alone(filmed: Workspace) -> None:
    """A limit of the size of files is to a process what a full disk is: EFBIG in place of ENOSPC."""
    assert run(filmed, "--movie", "0") == DONE
    tables = {path.name: path.stat().st_mtime_ns for path in movie_path(filmed).parent.iterdir()}
    words = [sys.executable, "-m", "motion_stage.cli", "--workspace", str(filmed.root), "--plots", "0"]
    ended = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)),
    )
    assert ended.returncode == WORKSPACE and os.strerror(errno.EFBIG) in ended.stderr, ended.stderr
    assert "Traceback" not in ended.stderr and not movie_path(filmed).exists()
    assert run(filmed) == DONE and movie_path(filmed).is_file()
    assert (
        tables.items() <= {path.name: path.stat().st_mtime_ns for path in movie_path(filmed).parent.iterdir()}.items()
    )


def test_an_interrupt_leaves_no_half_movie(filmed: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    import motion_stage.movie.make as making

    def interrupted(*_: object) -> Iterator[object]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(making.FrameDrawing, "finished", interrupted)
        assert run(filmed) == INTERRUPTED
    assert not movie_path(filmed).exists() and (movie_path(filmed).parent / "report.json").is_file()
    assert [path.name for path in movie_path(filmed).parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("file", ["wide.csv", "speeds.csv"])
def test_a_table_that_somebody_spoilt_is_told(filmed: Workspace, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(filmed, "--movie", "0") == DONE
    path = movie_path(filmed).with_name(file)
    path.write_text(path.read_text().replace(",1,", ",eins,"))
    assert run(filmed) == 3
    assert "has a table that cannot be read" in capsys.readouterr().err
    assert run(filmed, "smooth") == DONE and movie_path(filmed).is_file()
