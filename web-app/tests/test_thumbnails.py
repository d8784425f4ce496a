"""Small pictures, and whole ones as browsers show them."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from workspaces import movie

from pose_contract.errors import ImageError
from stage_kit.pictures.images import decode_image
from web_app.look.thumbnails import Thumbnails, fitted, for_browsers


def encoded(kind: str, orientation: int = 1, size: tuple[int, int] = (800, 400), mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[274] = orientation
    Image.new(mode, size, 90).save(file, kind, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [((1, 1), 320, (1, 1)), ((800, 400), 320, (320, 160)), ((400, 800), 320, (160, 320)), ((9000, 1), 320, (320, 1))],
)
def test_a_picture_is_shrunk_to_its_longer_side(size: tuple[int, int], side: int, expected: tuple[int, int]) -> None:
    picture = fitted(np.zeros((size[1], size[0], 3), np.uint8), side)
    assert picture.shape == (expected[1], expected[0], 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_thumbnail_is_upright(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(kind, orientation=6))
    small = decode_image(Thumbnails(tmp_path / "cache").jpeg(path, 320))
    assert small.shape[:2] == (320, 160)


def test_it_is_made_once_and_anew_when_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, thumbnails = tmp_path / "a.jpg", Thumbnails(tmp_path / "cache")
    path.write_bytes(encoded("JPEG"))
    first = thumbnails.jpeg(path, 320)
    monkeypatch.setattr("web_app.look.thumbnails._shrunk", lambda *_: b"made anew")
    assert thumbnails.jpeg(path, 320) == first
    assert thumbnails.jpeg(path, 100) == b"made anew"
    path.write_bytes(encoded("JPEG", size=(30, 30)))
    assert thumbnails.jpeg(path, 320) == b"made anew"
    assert not list(tmp_path.glob("*cache*/.tmp*"))


def test_the_cache_does_not_grow_for_ever(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path / "cache", most_bytes=3_000)
    for number in range(8):
        (tmp_path / "cache").mkdir(exist_ok=True)
        old = tmp_path / f"cache/old{number}.jpg"
        old.write_bytes(b"x" * 1_000)
        os.utime(old, (number, number))
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded("JPEG"))
    thumbnails.jpeg(path, 320)
    left = list((tmp_path / "cache").iterdir())
    assert sum(file.stat().st_size for file in left) <= 3_000 and tmp_path / "cache/old0.jpg" not in left


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded("JPEG"))
    assert Thumbnails(tmp_path / "cache").jpeg(path, 320)


@pytest.mark.parametrize("data", [b"", b"no picture", b"<svg onload='alert(1)'/>", encoded("JPEG")[:200]])
def test_what_is_no_picture_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError):
        Thumbnails(tmp_path / "cache").jpeg(path, 320)


def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(ImageError, match="a pipe"):
        Thumbnails(tmp_path / "cache").jpeg(tmp_path / "a.jpg", 320)


def test_of_a_video_it_is_the_first_frame(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(movie(3))
    assert decode_image(Thumbnails(tmp_path / "cache").jpeg(tmp_path / "a.mp4", 80)).shape == (60, 80, 3)


@pytest.mark.parametrize(
    ("kind", "orientation", "mode", "media_type", "as_it_is"),
    [
        ("JPEG", 1, "RGB", "image/jpeg", True),
        ("JPEG", 6, "RGB", "image/jpeg", True),  # every browser turns it
        ("JPEG", 1, "CMYK", "image/jpeg", False),
        ("PNG", 1, "RGB", "image/png", True),
        ("PNG", 6, "RGB", "image/jpeg", False),
        ("PNG", 1, "RGBA", "image/jpeg", False),  # our stages lay it over white
        ("WEBP", 1, "RGB", "image/webp", True),
        ("TIFF", 1, "RGB", "image/jpeg", False),
    ],
)
def test_a_whole_picture_is_one_that_browsers_show(
    kind: str, orientation: int, mode: str, media_type: str, as_it_is: bool
) -> None:
    data = encoded(kind, orientation, mode=mode)
    shown, told = for_browsers(data)
    assert told == media_type and (shown == data) is as_it_is
    assert decode_image(shown).shape == decode_image(data).shape
