"""`--blur_faces` in pictures and movies, and `--explain_frames` of videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import TIMES, SquareNetwork, picture_of, run, write_photo
from PIL import Image

from openpose_stage.options import DecodeOptions, OpenposeOptions, frames_in, own_folders
from openpose_stage.results import SHEETS
from pose_contract.errors import UsageError
from pose_contract.workspace import Workspace
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.images import Picture, read_image, write_jpeg
from stage_kit.testing import workspace_bytes
from stage_kit.videos.reader import open_video
from stage_kit.videos.writer import write_movie

SQUARE = (150, 150, 40)
SIDE = TIMES * SQUARE[2]
FACE = 150, 150 - round(0.43 * SIDE)  # x, y of its middle
BLURRED = DrawStyle(line=False, circle=False, blur_faces=True)
PLAIN = DrawStyle(line=False, circle=False)


def chequered(squares: list[tuple[int, int, int]]) -> Picture:
    """Light cells of 4 pixels, so that what is blurred is seen; the network takes dark squares for people."""
    picture = picture_of(squares)
    cells = 90 * ((np.indices(picture.shape[:2]) // 4).sum(axis=0) % 2).astype(np.uint8)[..., None]
    return np.where(picture > 100, picture - cells, picture).astype(np.uint8)


def contrast(picture: Picture, at: tuple[int, int] = FACE, reach: int = 6) -> float:
    return float(picture[at[1] - reach : at[1] + reach, at[0] - reach : at[0] + reach].std())


def film(workspace: Workspace, name: str = "a.mp4", frames: int = 8, gone: tuple[int, ...] = ()) -> Path:
    path = workspace.path(workspace.image_file(name))
    with write_movie(path, (480, 300), 25) as movie:
        for number in range(frames):
            movie.add(chequered([] if number in gone else [SQUARE]), number / 25)
    return path


def frames_of(path: Path) -> list[Picture]:
    with open_video(path) as video:
        return [frame.picture for frame in video.frames()]


def test_faces_are_blurred_in_final_pictures_and_bodies_are_not(workspace: Workspace) -> None:
    write_jpeg(workspace.path("images/a.jpg"), chequered([SQUARE]))
    run(workspace, style=PLAIN)
    final = workspace.root / "openpose/final/a.jpg"
    before, record = read_image(final), (workspace.root / "openpose/poses/a.json").read_bytes()
    report = run(workspace, network := SquareNetwork(), style=BLURRED)
    after = read_image(final)
    assert report.counts.redrawn == 1 and not network.asked, "the network is not asked again"
    assert contrast(before) > 30 and contrast(after) < contrast(before) / 4
    body = 150, 150 + round(0.3 * SIDE)
    assert contrast(after, body) > 0.9 * contrast(before, body)
    assert (workspace.root / "openpose/poses/a.json").read_bytes() == record


def test_a_movies_faces_stay_covered_while_they_are_lost(workspace: Workspace) -> None:
    film(workspace, gone=(4,))
    run(workspace, style=BLURRED)
    blurred = [contrast(frame) for frame in frames_of(workspace.root / "openpose/final/a.mp4")]
    run(workspace, style=PLAIN)
    plain = [contrast(frame) for frame in frames_of(workspace.root / "openpose/final/a.mp4")]
    assert min(plain) > 25 and max(blurred) < min(plain) / 3, (plain, blurred)


@pytest.mark.parametrize("blurred", [False, True])
def test_sheets_show_no_faces_either(workspace: Workspace, blurred: bool) -> None:
    write_jpeg(workspace.path("images/a.jpg"), chequered([SQUARE]))
    run(workspace, SquareNetwork(), style=BLURRED if blurred else PLAIN, explain=True)
    sheet = read_image(workspace.root / "openpose/maps/a/3-points.jpg")
    corner = contrast(sheet[: round(300 * 1400 / 480)], (round(60 * 1400 / 480), round(20 * 1400 / 480)))
    zoom = 1400 / 480
    beside_points = round((FACE[0] - 0.02 * SIDE) * zoom), round((FACE[1] + 0.055 * SIDE) * zoom)
    assert corner > 20 and (contrast(sheet, beside_points, 5) < 12) == blurred


def test_what_was_drawn_of_a_photo_as_it_was_goes_when_it_changes(workspace: Workspace) -> None:
    write_photo(workspace, "a.jpg", [SQUARE])
    run(workspace, explain=True)
    write_photo(workspace, "a.jpg", [])
    run(workspace)
    assert not (workspace.root / "openpose/maps").exists() or not list((workspace.root / "openpose/maps").rglob("*.*"))
    assert run(workspace, explain=True).counts.processed == 1


def sheets_of(workspace: Workspace, name: str = "a.mp4") -> dict[str, set[str]]:
    folder = workspace.root / "openpose/maps" / name
    return {path.name: {sheet.name for sheet in path.iterdir()} for path in folder.iterdir()} if folder.is_dir() else {}


def test_chosen_frames_of_a_video_are_explained(workspace: Workspace) -> None:
    film(workspace, gone=(4,))
    report = run(workspace, explain_frames=(2, 4))
    assert report.counts.processed == 1 and sheets_of(workspace) == {"2": set(SHEETS), "4": set(SHEETS)}
    rows = [(workspace.root / f"openpose/maps/a.mp4/{number}/5-links.csv").read_text() for number in (2, 4)]
    assert [text.count("linked") for text in rows] == [19, 0], "each is its own frame"
    assert min(Image.open(workspace.root / "openpose/maps/a.mp4/2/6-persons.jpg").size) > 400
    network = SquareNetwork()
    assert run(workspace, network, explain_frames=(2, 4)).counts.skipped == 1 and not network.asked
    records = workspace_bytes(workspace.root / "openpose/poses")
    assert run(workspace, explain_frames=(2, 5)).counts.processed == 1
    assert workspace_bytes(workspace.root / "openpose/poses") == records and set(sheets_of(workspace)) == {"2", "5"}


def test_other_options_take_the_sheets_along_and_so_does_a_video_that_is_gone(workspace: Workspace) -> None:
    path = film(workspace, "sub/a.mp4")
    write_photo(workspace, "b.jpg", [])
    run(workspace, explain_frames=(1,))
    assert set(sheets_of(workspace, "sub/a.mp4")) == {"1"}
    run(workspace, decode=DecodeOptions(threshold=0.3))
    assert not sheets_of(workspace, "sub/a.mp4")
    run(workspace, explain_frames=(1,))
    path.unlink()
    run(workspace)
    assert not (workspace.root / "openpose/maps/sub").exists()


def test_a_frame_that_a_video_does_not_have_is_told_and_costs_nothing_again(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    film(workspace)
    run(workspace, explain_frames=(1, 500), told=True)
    assert "a.mp4: --explain_frames 500: its 8 frames count from 0" in capsys.readouterr().err
    network = SquareNetwork()
    assert run(workspace, network, explain_frames=(1, 500)).counts.skipped == 1 and not network.asked


def test_explain_alone_says_that_it_is_about_photos(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    film(workspace)
    film(workspace, "b.mp4")
    run(workspace, explain=True, told=True)
    assert capsys.readouterr().err.count("of videos, the frames that --explain_frames names") == 1
    run(workspace, explain=True, explain_frames=(0,), told=True)
    assert "--explain_frames names" not in capsys.readouterr().err


def test_a_killed_run_that_explained_nothing_does_not_keep_a_later_one_from_it(workspace: Workspace) -> None:
    from fakes import CrashingNetwork

    film(workspace)
    with pytest.raises(RuntimeError, match="the device is gone"):
        run(workspace, CrashingNetwork(at_once=(1, 1)))
    assert (workspace.root / "openpose/poses/a.mp4.jsonl.part").exists()
    run(workspace, explain_frames=(0, 6))
    assert sheets_of(workspace) == {"0": set(SHEETS), "6": set(SHEETS)}


@pytest.mark.parametrize("text", ["a", "-1", "1.5", "9999999999"])
def test_what_is_no_list_of_frames_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no list of frames"):
        frames_in(text)


def test_lists_of_frames() -> None:
    assert frames_in("") == () and frames_in("50, 0,50") == (0, 50)
    with pytest.raises(UsageError, match="at most 100 frames"):
        OpenposeOptions(own_folders(Workspace(Path())), explain_frames=tuple(range(101)))
