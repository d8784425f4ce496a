from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from heic_files import TURNED, UPRIGHT
from PIL import Image, UnidentifiedImageError

from pose_contract.errors import DamagedImageError, ImageError
from pose_contract.names import is_image_name
from stage_kit.pictures.formats import MAX_SCANS, count_scans, open_file, open_picture
from stage_kit.pictures.images import Picture, decode_image, read_image

QUARTERS = [(200, 30, 40), (20, 180, 60), (30, 40, 200), (240, 240, 240)]


def quarters(picture: Picture) -> list[list[int]]:
    return [picture[y, x].tolist() for y in (16, 48) for x in (24, 72)]


def quartered() -> Picture:
    return np.repeat(np.repeat(np.array(QUARTERS, np.uint8).reshape(2, 2, 3), 32, axis=0), 48, axis=1)


def saved(kind: str, picture: Picture, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.mark.parametrize("data", [UPRIGHT, TURNED], ids=["upright", "turned"])
def test_heic_is_read_upright(data: bytes) -> None:
    assert np.abs(np.array(quarters(decode_image(data))) - QUARTERS).max() <= 4


@pytest.mark.parametrize("orientation", [1, 6])
def test_avif_is_read_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = quartered() if orientation == 1 else np.ascontiguousarray(np.rot90(quartered(), 1))
    read = decode_image(saved("AVIF", stored, exif=exif))
    assert np.abs(np.array(quarters(read)) - QUARTERS).max() <= 8


def test_of_a_gif_the_first_frame_is_taken() -> None:
    frames = [Image.fromarray(quartered()), Image.new("RGB", (96, 64), "black")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    assert quarters(decode_image(buffer.getvalue())) == [list(color) for color in QUARTERS]


def test_their_names_are_those_of_pictures() -> None:
    assert all(map(is_image_name, ("a.heic", "b.HEIF", "c.hif", "d.avif", "e.GIF")))


@pytest.mark.parametrize("data", [UPRIGHT, saved("AVIF", quartered())], ids=["heic", "avif"])
@pytest.mark.parametrize("kept", [40, 0.5, -5])
def test_what_is_cut_off_is_damaged(data: bytes, kept: float) -> None:
    with pytest.raises(DamagedImageError, match="is damaged"):
        decode_image(data[: int(kept * len(data)) if 0 < kept < 1 else int(kept)])


def test_a_video_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "film.heic").write_bytes(b"\0\0\0\x18ftypisom" + bytes(60))
    with pytest.raises(DamagedImageError, match="not a picture"):
        read_image(tmp_path / "film.heic")
    with pytest.raises(UnidentifiedImageError):
        open_file(io.BytesIO(b""))


def progressive(scans: int) -> bytes:
    """A progressive JPEG whose last scan is there again and again."""
    data = saved("JPEG", np.full((1000, 1000, 3), 128, np.uint8), progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (scans - count_scans(data)) + data[-2:]


def test_scans_are_counted_without_decoding() -> None:
    assert count_scans(b"") == 0
    plain = saved("JPEG", quartered())
    assert count_scans(plain) == 1
    assert 5 <= count_scans(saved("JPEG", quartered(), progressive=True)) <= 20
    assert count_scans(progressive(500)) == 500
    assert count_scans(plain + progressive(500)) == 1, "what follows the picture is none of its scans"
    thumbnail = saved("JPEG", quartered(), comment=b"\xff\xda" * 1000)
    assert count_scans(thumbnail) == 1, "nor is what a comment holds"


def test_a_jpeg_of_hundreds_of_scans_is_refused_before_it_is_decoded() -> None:
    assert decode_image(progressive(MAX_SCANS)).shape == (1000, 1000, 3)
    with pytest.raises(ImageError, match=f"JPEG of {MAX_SCANS + 1} scans") as caught:
        decode_image(progressive(MAX_SCANS + 1))
    assert not isinstance(caught.value, DamagedImageError)


def test_a_large_picture_may_have_fewer_scans() -> None:
    data = progressive(60)
    at = data.index(b"\xff\xc2")  # the frame's header: marker, length, precision, height, width
    huge = data[: at + 5] + (10_000).to_bytes(2, "big") * 2 + data[at + 9 :]
    with pytest.raises(ImageError, match="60 scans at 10000 x 10000"):
        open_picture(huge)


def test_of_a_jpeg_over_the_limit_of_pixels_the_size_is_told_and_not_its_scans() -> None:
    data = saved("JPEG", quartered())
    at = data.index(b"\xff\xc0")
    huge = data[: at + 5] + (65_500).to_bytes(2, "big") * 2 + data[at + 9 :]
    with pytest.raises(ImageError, match="is 65500 x 65500, over the limit of 200 megapixels") as caught:
        decode_image(huge)
    assert caught.value.remedy == "shrink the picture first"
