from __future__ import annotations

import hashlib
import os
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import clip, needs_ffmpeg, number_in, remuxed

from pose_contract.errors import DamagedImageError, ImageError, WorkspaceError
from stage_kit.videos.frame_times import FrameTimes
from stage_kit.videos.reader import VideoFrame, open_video
from stage_kit.videos.samples import sampled_frames
from stage_kit.videos.writer import write_movie


@pytest.mark.parametrize(
    ("stamps", "times", "repaired", "variable"),
    [
        ([], [], False, False),
        ([None], [0.0], True, False),
        ([7.0], [0.0], False, False),
        ([1.0, 1.04, 1.08, 1.12], [0.0, 0.04, 0.08, 0.12], False, False),
        ([1.0, 1.04, None, 1.12], [0.0, 0.04, 0.08, 0.12], True, False),
        ([0.0, 0.04, 0.04, 0.02, 0.16], [0.0, 0.04, 0.08, 0.12, 0.16], True, False),
        ([0.0, 0.033, 0.067, 0.1], [0.0, 0.033, 0.067, 0.1], False, False),
        ([0.0, 0.04, 0.08, 0.2], [0.0, 0.04, 0.08, 0.2], False, True),
    ],
)
def test_times_come_from_stamps(stamps: list[float | None], times: list[float], repaired: bool, variable: bool) -> None:
    frame_times = FrameTimes()
    given = [frame_times.next(None if stamp is None else Fraction(str(stamp))) for stamp in stamps]
    assert given == pytest.approx(times, abs=1e-9)
    assert (frame_times.repaired, frame_times.variable) == (repaired, variable)


def test_the_last_frame_lasts_as_long_as_the_others() -> None:
    frame_times = FrameTimes(nominal_step=0.5)
    assert frame_times.duration == 0
    frame_times.next(Fraction(3))
    assert frame_times.duration == 0.5
    for stamp in (Fraction(31, 10), Fraction(32, 10)):
        frame_times.next(stamp)
    assert frame_times.duration == pytest.approx(0.3)


def frames_of(path: Path) -> tuple[list[VideoFrame], tuple[str, ...]]:
    with open_video(path) as video:
        return list(video.frames()), video.flags


def require_numbered(frames: list[VideoFrame], count: int, rate: float = 30, within: float = 0.001) -> None:
    assert [number_in(frame.picture) for frame in frames] == [frame.number for frame in frames] == list(range(count))
    assert [frame.t_seconds for frame in frames] == pytest.approx([n / rate for n in range(count)], abs=within)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", ["-pix_fmt", "yuv420p"]),
        ("a.mov", ["-pix_fmt", "yuv420p", "-bf", "3"]),
        ("a.mkv", ["-pix_fmt", "yuv420p"]),
        ("a.webm", ["-c:v", "libvpx", "-b:v", "1M"]),
        ("a.avi", ["-c:v", "mpeg4", "-q:v", "2", "-bf", "0"]),
        ("a.m4v", ["-c:v", "mpeg4", "-q:v", "2", "-f", "mp4"]),
        ("ten-bit.mp4", ["-pix_fmt", "yuv420p10le"]),
        ("full.mp4", ["-pix_fmt", "yuv444p", "-crf", "0"]),
    ],
)
def test_every_frame_shows_its_number_at_its_time(tmp_path: Path, name: str, options: list[str]) -> None:
    frames, flags = frames_of(clip(tmp_path / name, *options))
    require_numbered(frames, 30)
    assert flags == () and {frame.picture.shape for frame in frames} == {(96, 128, 3)}
    assert frames[0].picture.dtype == np.uint8 and frames[0].picture.flags.c_contiguous


@needs_ffmpeg
def test_odd_sizes(tmp_path: Path) -> None:
    frames, _ = frames_of(clip(tmp_path / "a.mkv", "-c:v", "libx264", "-pix_fmt", "yuv444p", size="127x95"))
    require_numbered(frames, 30)
    assert frames[0].picture.shape == (95, 127, 3)


@needs_ffmpeg
def test_times_are_the_containers_not_the_rates(tmp_path: Path) -> None:
    dropped = "select='not(between(mod(n,10),3,5))'"
    frames, flags = frames_of(clip(tmp_path / "a.mp4", "-vf", dropped, "-fps_mode", "passthrough", frames=28))
    numbers = [number_in(frame.picture) for frame in frames]
    assert numbers == [n for n in range(40) if not 3 <= n % 10 <= 5]
    assert [frame.t_seconds for frame in frames] == pytest.approx([n / 30 for n in numbers], abs=0.001)
    assert flags == ("variable_rate",)


@needs_ffmpeg
def test_times_begin_at_the_first_frame(tmp_path: Path) -> None:
    late = remuxed(clip(tmp_path / "a.mkv"), tmp_path / "late.mkv", "-output_ts_offset", "12.5")
    require_numbered(frames_of(late)[0], 30)


RED, BLUE = "drawbox=x=0:y=0:w=20:h=20:color=red:t=fill", "drawbox=x=108:y=76:w=20:h=20:color=blue:t=fill"


@needs_ffmpeg
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_frames_are_turned_as_ffmpeg_turns_them(tmp_path: Path, turn: int) -> None:
    flat = clip(tmp_path / "flat.mp4", "-vf", f"{RED},{BLUE}", "-pix_fmt", "yuv420p", frames=3)
    turned = remuxed(flat, tmp_path / "turned.mp4", "-metadata:s:v:0", f"rotate={turn}")
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(turned), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
        check=True, capture_output=True, timeout=60,
    ).stdout  # fmt: skip
    frames, _ = frames_of(turned)
    shape = (128, 96, 3) if turn % 180 else (96, 128, 3)
    wanted = np.frombuffer(raw, np.uint8).reshape(3, *shape)
    assert np.abs(np.stack([frame.picture for frame in frames]).astype(int) - wanted).max() <= 2


@needs_ffmpeg
def test_red_is_red(tmp_path: Path) -> None:
    frames, _ = frames_of(clip(tmp_path / "a.mp4", "-vf", RED, "-pix_fmt", "yuv420p", frames=1))
    red, green, blue = frames[0].picture[8, 8].astype(int)
    assert red > 180 and green < 60 and blue < 60


@needs_ffmpeg
def test_pixels_become_square(tmp_path: Path) -> None:
    frames, flags = frames_of(clip(tmp_path / "a.mp4", "-vf", "setsar=4/3", "-pix_fmt", "yuv420p"))
    require_numbered(frames, 30)
    assert frames[0].picture.shape == (96, 171, 3) and flags == ()


@needs_ffmpeg
@pytest.mark.parametrize(("degrees", "what"), [(45, "turned by")])
def test_what_no_quarter_turns_is_refused(tmp_path: Path, degrees: int, what: str) -> None:
    odd = remuxed(clip(tmp_path / "a.mp4"), tmp_path / "odd.mp4", "-metadata:s:v:0", f"rotate={degrees}")
    with pytest.raises(ImageError, match=what), open_video(odd):
        pass


@needs_ffmpeg
@pytest.mark.parametrize("kept", [0.9, 0.6, 0.3])
def test_what_decodes_of_a_cut_file_is_read(tmp_path: Path, kept: float) -> None:
    whole = clip(tmp_path / "a.mp4", "-vf", "noise=alls=90:allf=t", "-movflags", "faststart", "-g", "5", frames=60)
    data = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: int(len(data) * kept)])
    frames, flags = frames_of(cut)
    assert 60 * kept * 0.5 < len(frames) < 60 and "truncated" in flags


@needs_ffmpeg
def test_a_file_without_its_index_is_no_video(tmp_path: Path) -> None:
    whole = clip(tmp_path / "a.mp4")  # its index comes last
    whole.write_bytes(whole.read_bytes()[:-600])
    with pytest.raises(DamagedImageError), open_video(whole):
        pass


def test_what_is_no_video_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("frames, they say\n" * 100)
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, what in (("text", "no video"), ("empty", "no video"), ("folder", "folder"), ("pipe", "pipe")):
        with pytest.raises(ImageError, match=what), open_video(tmp_path / f"{name}.mp4"):
            pass
    with pytest.raises(ImageError, match="gone"), open_video(tmp_path / "gone.mp4"):
        pass


@needs_ffmpeg
def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    words = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=1", str(tmp_path / "a.m4a")]
    subprocess.run(words, check=True, timeout=60)
    sound = (tmp_path / "a.m4a").rename(tmp_path / "a.mp4")
    with pytest.raises(DamagedImageError, match="only sound"), open_video(sound):
        pass


@needs_ffmpeg
def test_a_frame_that_comes_twice_is_marked(tmp_path: Path) -> None:
    still = clip(tmp_path / "a.mkv", "-vf", "fps=60", "-c:v", "ffv1", frames=20)
    frames, _ = frames_of(still)
    assert [frame.duplicate for frame in frames[:8]] == [False, True] * 4


@needs_ffmpeg
def test_a_frame_of_another_size_is_scaled_to_the_first(tmp_path: Path) -> None:
    small, large = clip(tmp_path / "s.ts", size="64x48"), clip(tmp_path / "l.ts")
    both = tmp_path / "both.mkv"
    remuxed(small, tmp_path / "s2.ts")
    (tmp_path / "both.ts").write_bytes(small.read_bytes() + large.read_bytes())
    remuxed(tmp_path / "both.ts", both)
    frames, flags = frames_of(tmp_path / "both.ts")
    assert {frame.picture.shape for frame in frames} == {(48, 64, 3)} and "resized" in flags and len(frames) > 50


def written(path: Path, source: Path) -> list[VideoFrame]:
    with open_video(source) as video, write_movie(path, (video.width, video.height), 30, source) as movie:
        frames = list(video.frames())
        for frame in frames:
            movie.add(frame.picture, frame.t_seconds)
    return frames


def sound_of(path: Path) -> str:
    words = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a", "-c", "copy", "-f", "data", "-"]
    return hashlib.sha256(subprocess.run(words, check=True, capture_output=True, timeout=60).stdout).hexdigest()


def sound_starts(path: Path) -> float:
    """Seconds from the first frame to the first sound."""
    with av.open(str(path)) as container:
        starts = {
            stream.type: float(min(packet.pts * packet.time_base for packet in packets))
            for stream in container.streams
            if (packets := packets_of(path, stream.index))
        }
    return starts["audio"] - starts["video"]


def packets_of(path: Path, index: int) -> list[av.Packet]:
    with av.open(str(path)) as container:
        return [packet for packet in container.demux(container.streams[index]) if packet.pts is not None]


@needs_ffmpeg
@pytest.mark.parametrize("offset", ["0", "5.25"])
def test_a_movie_has_the_sources_times_and_sound(tmp_path: Path, offset: str) -> None:
    dropped = "select='not(between(mod(n,10),3,5))'"
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=1.3", "-c:a", "aac", "-shortest"]
    source = clip(tmp_path / "s.mkv", *tone, "-vf", dropped, "-fps_mode", "passthrough", frames=28, size="126x94")
    source = remuxed(source, tmp_path / "a.mkv", "-output_ts_offset", offset)
    frames = written(tmp_path / "out/final.mp4", source)
    again, _ = frames_of(tmp_path / "out/final.mp4")
    assert [frame.t_seconds for frame in again] == pytest.approx([frame.t_seconds for frame in frames], abs=0.001)
    assert [number_in(frame.picture) for frame in again] == [number_in(frame.picture) for frame in frames]
    assert sound_of(source) == sound_of(tmp_path / "out/final.mp4")
    assert sound_starts(tmp_path / "out/final.mp4") == pytest.approx(sound_starts(source), abs=0.03)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["final.mp4"]


@needs_ffmpeg
def test_a_movie_plays_in_browsers(tmp_path: Path) -> None:
    written(tmp_path / "a-final.mp4", clip(tmp_path / "a.mkv", "-c:v", "ffv1", "-pix_fmt", "yuv444p", size="127x95"))
    with av.open(str(tmp_path / "a-final.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.width, context.height) == ("h264", "yuv420p", 128, 96)
        assert not container.streams.audio
    data = (tmp_path / "a-final.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "a browser starts before the file is there"


@needs_ffmpeg
def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mkv", "-vf", "noise=alls=60:allf=t")
    for name in ("one.mp4", "two.mp4"):
        written(tmp_path / name, source)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_half_a_movie_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(KeyError), write_movie(tmp_path / "a.mp4", (64, 48), 30) as movie:
        movie.add(np.zeros((48, 64, 3), np.uint8), 0.0)
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises((WorkspaceError, ImageError), match="cannot write"),
        write_movie(tmp_path / "file/a.mp4", (64, 48), 30),
    ):
        pass


@needs_ffmpeg
def test_samples_are_every_tenth_frame_of_what_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    clips = [clip(tmp_path / "a.mp4", frames=25), tmp_path / "bad.mp4", clip(tmp_path / "b.mp4", frames=11)]
    assert list(sampled_frames([])) == [] == list(sampled_frames([tmp_path / "bad.mp4"]))
    assert [frame.number for frame in sampled_frames(clips)] == [0, 10, 20, 0, 10]
    assert [number_in(frame.picture) for frame in sampled_frames(clips, 2)] == [0, 10]


@pytest.mark.parametrize("colour", [(200, 30, 40), (30, 200, 40), (30, 40, 200)])
def test_red_stays_red(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    with write_movie(tmp_path / "a.mp4", (64, 48), 30) as movie:
        movie.add(np.full((48, 64, 3), colour, np.uint8), 0)
    with open_video(tmp_path / "a.mp4") as video:
        (frame,) = video.frames()
    assert frame.picture[24, 32] == pytest.approx(colour, abs=6)
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_range) == (6, 1), "a player need not guess: BT.601, limited"
