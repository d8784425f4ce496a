from __future__ import annotations

import io
import os
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from pose_contract.errors import DamagedImageError, ImageError
from stage_kit.pictures.images import (
    Picture,
    encode_jpeg,
    fitting_into_memory,
    read_image,
    read_jpeg_comment,
    write_jpeg,
)

ORIENTATION = 0x0112


def save(tmp_path: Path, image: Image.Image, name: str, **options: object) -> Path:
    path = tmp_path / name
    image.save(path, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp", "jpg"])
def test_every_kind_is_read_as_rgb(tmp_path: Path, picture: Picture, suffix: str) -> None:
    options = {"lossless": True} if suffix == "webp" else {"quality": 100, "subsampling": 0} if suffix == "jpg" else {}
    read = read_image(save(tmp_path, Image.fromarray(picture), f"a.{suffix}", **options))
    assert read.dtype == np.uint8
    assert read.shape == picture.shape
    assert np.abs(read.astype(int) - picture).max() <= (3 if suffix == "jpg" else 0)


def test_the_contents_count_and_not_the_extension(tmp_path: Path, picture: Picture) -> None:
    path = tmp_path / "really-a-png.jpg"
    Image.fromarray(picture).save(path, "PNG")
    assert np.array_equal(read_image(path), picture)


# The stored pixels of each orientation that show the same upright picture, by the EXIF standard's definition.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", sorted(STORED))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_exif_orientation_is_applied_once(tmp_path: Path, picture: Picture, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](picture)))
    read = read_image(save(tmp_path, stored, f"a.{suffix}", exif=exif))
    assert read.shape == picture.shape
    assert np.abs(read.astype(int) - picture).mean() < 4


@pytest.mark.parametrize(
    ("name", "exif"),
    [("a.jpg", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\0\x03"), ("a.png", b"Exif\0\0MM\0*"), ("b.png", b"no EXIF")],
)
def test_damaged_exif_does_not_lose_the_picture(tmp_path: Path, picture: Picture, name: str, exif: bytes) -> None:
    path = save(tmp_path, Image.fromarray(picture), name, exif=exif)
    assert read_image(path).shape == picture.shape


def test_an_odd_tag_beside_it_does_not_lose_the_orientation(tmp_path: Path, picture: Picture) -> None:
    """A resolution that is no number: Pillow reads the EXIF, but cannot write it anew."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x011A] = 6, 72.0
    odd = exif.tobytes().replace(b"\x01\x1a\x00\x05", b"\x01\x1a\x00\x07")
    stored = Image.fromarray(np.ascontiguousarray(STORED[6](picture)))
    read = read_image(save(tmp_path, stored, "a.jpg", exif=odd))
    assert read.shape == picture.shape and np.abs(read.astype(int) - picture).mean() < 4


def test_colour_spaces_become_rgb(tmp_path: Path) -> None:
    red = (200, 30, 40)
    image = Image.new("RGB", (8, 8), red)
    cases = {
        "grey.png": (image.convert("L"), (82, 82, 82)),
        "bilevel.png": (Image.new("1", (8, 8), 1), (255, 255, 255)),
        "palette.png": (image.convert("P", palette=Image.Palette.ADAPTIVE), red),
        "cmyk.jpg": (image.convert("CMYK"), red),
        "lab.tif": (Image.merge("LAB", [Image.new("L", (8, 8), v) for v in (255, 128, 128)]), (255, 255, 255)),
        "lab-red.tif": (Image.merge("LAB", [Image.new("L", (8, 8), v) for v in (109, 192, 175)]), (196, 22, 27)),
    }
    for name, (stored, expected) in cases.items():
        read = read_image(save(tmp_path, stored, name))
        assert np.abs(read.reshape(-1, 3).mean(0) - expected).max() < 4, name


def test_transparency_lies_over_white(tmp_path: Path) -> None:
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    assert read_image(save(tmp_path, half, "rgba.png"))[0, 0] == pytest.approx([127] * 3, abs=1)
    grey = Image.new("LA", (4, 4), (0, 0))
    assert read_image(save(tmp_path, grey, "la.png"))[0, 0].tolist() == [255] * 3
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    path = save(tmp_path, palette, "palette.png", transparency=0)
    assert read_image(path)[0, 0].tolist() == [255] * 3
    keyed = save(tmp_path, Image.new("RGB", (4, 4), (1, 2, 3)), "keyed.png", transparency=(1, 2, 3))
    assert read_image(keyed)[0, 0].tolist() == [255] * 3


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    for name in ("wide.png", "wide.tif"):
        Image.fromarray(values).save(tmp_path / name)
        assert read_image(tmp_path / name)[0, :, 0].tolist() == [0, 1, 128, 255], name
    Image.fromarray(values.astype(">u2")).save(tmp_path / "big-endian.tif")
    assert read_image(tmp_path / "big-endian.tif")[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 257, 32896, 65535]], np.int32), [0, 1, 128, 255]),
        (np.array([[0, 200]], np.int32), [0, 200]),
        (np.array([[0, 4112]], np.int32), [0, 16]),  # few bits of sixteen: dark, not stretched
        (np.array([[0, 65535, 131070]], np.int32), [0, 128, 255]),
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[np.nan, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[0.5, 1, np.inf, -np.inf]], np.float32), [128, 255, 255, 0]),
    ],
)
def test_32_bits_are_scaled_by_the_range_they_stand_for(
    tmp_path: Path, values: NDArray[np.generic], expected: list[int]
) -> None:
    Image.fromarray(values).save(tmp_path / "wide.tif")
    assert read_image(tmp_path / "wide.tif")[0, :, 0].tolist() == expected


def test_sixteen_bit_colour_is_scaled(tmp_path: Path) -> None:
    row = b"\0" + struct.pack(">6H", 0, 32896, 65535, 257, 514, 65535)
    (tmp_path / "rgb16.png").write_bytes(png(2, 1, 16, 2, row))
    assert read_image(tmp_path / "rgb16.png")[0].tolist() == [[0, 128, 255], [1, 2, 255]]


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png(30_000, 30_000, 8, 0, b""))
    with pytest.raises(ImageError, match=r"30000 x 30000, over the limit of 200 megapixels"):
        read_image(tmp_path / "bomb.png")


@pytest.mark.parametrize(("height", "reason"), [(10_000, "damaged"), (10_001, "over the limit")])
def test_the_limit_is_200_megapixels(tmp_path: Path, height: int, reason: str) -> None:
    (tmp_path / "large.png").write_bytes(png(20_000, height, 8, 0, b""))
    with pytest.raises(ImageError, match=reason):
        read_image(tmp_path / "large.png")


@pytest.fixture
def little_memory() -> Iterator[None]:
    """100 MB more than are in use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + 100_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_a_picture_too_large_for_the_memory_says_so(tmp_path: Path, little_memory: None) -> None:
    (tmp_path / "large.png").write_bytes(png(14_000, 14_000, 8, 2, b""))
    with pytest.raises(ImageError, match="does not fit into memory"):
        read_image(tmp_path / "large.png")


@pytest.mark.parametrize("tool", ["numpy", "opencv"])
def test_work_that_does_not_fit_into_memory_is_the_pictures_failure(tool: str, little_memory: None) -> None:
    row = np.zeros((1, 20_000, 3), np.uint8)
    with pytest.raises(ImageError, match="does not fit into memory"), fitting_into_memory():
        cv2.resize(row, (20_000, 20_000)) if tool == "opencv" else np.repeat(row, 20_000, axis=0)


def test_other_faults_of_opencv_are_no_lack_of_memory() -> None:
    with pytest.raises(cv2.error, match="empty"), fitting_into_memory():
        cv2.cvtColor(np.zeros((0, 0, 3), np.uint8), cv2.COLOR_RGB2BGR)


def test_a_picture_under_the_limit_but_over_pillows_is_no_bomb(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(png(19_000, 10_000, 1, 0, b""))
    with pytest.raises(ImageError, match="damaged"):
        read_image(tmp_path / "large.png")


def broken_bmp(picture: Picture) -> bytes:
    """A header that Pillow's decoder meets with another error than OSError."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "BMP")
    data = bytearray(buffer.getvalue())
    data[30] = 1  # the compression
    return bytes(data)


def bad_files(tmp_path: Path, picture: Picture) -> dict[str, str]:
    jpeg = encode_jpeg(np.tile(picture, (4, 4, 1)))
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "truncated.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "dangling.jpg").symlink_to("nowhere")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "film.jpg").write_bytes(b"\x1aE\xdf\xa3 and more of a film")
    (tmp_path / "broken.bmp").write_bytes(broken_bmp(picture))
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    (tmp_path / "truncated.png").write_bytes(buffer.getvalue()[:-40])
    return {
        "empty.jpg": "empty",
        "truncated.jpg": "damaged",
        "truncated.png": "damaged",
        "text.jpg": "not a picture",
        "folder.jpg": "folder",
        "dangling.jpg": "link",
        "loop.jpg": "cannot be read: Too many levels",
        "film.jpg": "not a picture",
        "broken.bmp": "damaged: unknown raw mode",
        "gone.jpg": "gone",
    }


def test_each_bad_file_gets_a_reason_and_a_remedy(tmp_path: Path, picture: Picture) -> None:
    for name, reason in bad_files(tmp_path, picture).items():
        with pytest.raises(ImageError, match=reason) as caught:
            read_image(tmp_path / name)
        assert caught.value.remedy, name


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything; tests/ tries it as another user")
def test_a_forbidden_file_is_named(tmp_path: Path, picture: Picture) -> None:
    path = save(tmp_path, Image.fromarray(picture), "a.jpg")
    path.chmod(0)
    with pytest.raises(ImageError, match="may not be read"):
        read_image(path)


def test_jpegs_are_written_alike_with_full_colour_and_comment(tmp_path: Path, picture: Picture) -> None:
    for name in ("a.jpg", "b.jpg"):
        write_jpeg(tmp_path / "deep" / name, picture, "drawn by me")
    first, second = ((tmp_path / "deep" / name).read_bytes() for name in ("a.jpg", "b.jpg"))
    assert first == second
    reference = io.BytesIO()
    Image.fromarray(picture).save(reference, "JPEG", quality=95)
    with Image.open(tmp_path / "deep/a.jpg") as written, Image.open(reference) as best:
        assert isinstance(written, JpegImagePlugin.JpegImageFile) and isinstance(best, JpegImagePlugin.JpegImageFile)
        assert written.quantization == best.quantization
        assert JpegImagePlugin.get_sampling(written) == 0  # 4:4:4
    assert read_jpeg_comment(tmp_path / "deep/a.jpg") == "drawn by me"
    assert np.abs(read_image(tmp_path / "deep/a.jpg").astype(int) - picture).max() < 8
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["a.jpg", "b.jpg"]


def test_no_comment_is_none(tmp_path: Path, picture: Picture) -> None:
    write_jpeg(tmp_path / "a.jpg", picture)
    assert not read_jpeg_comment(tmp_path / "a.jpg")
    assert read_jpeg_comment(tmp_path / "gone.jpg") is None


@pytest.mark.parametrize("wh", [(1, 70_000), (70_000, 2)])
def test_a_side_that_no_jpeg_can_have_is_refused(tmp_path: Path, wh: tuple[int, int]) -> None:
    path = save(tmp_path, Image.new("L", wh), "long.png")
    with pytest.raises(ImageError, match="no side may be over 65500 pixels"):
        read_image(path)
    longest = read_image(save(tmp_path, Image.new("L", (65_500, 1)), "just.png"))
    write_jpeg(tmp_path / "just.jpg", longest)


@pytest.mark.timeout(20)
def test_a_pipe_is_not_waited_for_and_a_device_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    for name in ("pipe.jpg", "zero.jpg"):
        with pytest.raises(ImageError, match="pipe, a socket or a device"):
            read_image(tmp_path / name)


def test_a_part_of_a_picture_gives_the_bytes_of_pillow() -> None:
    picture = np.random.default_rng(3).integers(0, 256, (60, 80, 3), np.uint8)
    for comment in ("it", ""):
        expected = io.BytesIO()
        part = Image.fromarray(picture[5:50, 7:70].copy())
        part.save(expected, "JPEG", quality=95, subsampling=0, **({"comment": comment.encode()} if comment else {}))
        assert encode_jpeg(picture[5:50, 7:70], comment) == expected.getvalue(), comment


def test_floats_none_of_which_is_a_number_are_not_silently_black(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 2), np.inf, np.float32)).save(tmp_path / "wide.tif")
    with pytest.raises(ImageError, match="no number in any pixel"):
        read_image(tmp_path / "wide.tif")


def test_a_file_over_the_limit_is_not_read(tmp_path: Path, picture: Picture) -> None:
    path = save(tmp_path, Image.fromarray(picture), "a.png")
    with path.open("ab") as file:
        file.truncate(2_000_000)
    assert read_image(path, max_file_mb=2).shape == picture.shape
    with pytest.raises(ImageError, match="has 2 MB, over the limit of 1 MB") as caught:
        read_image(path, max_file_mb=1)
    assert "--max_file_mb" in caught.value.remedy and not isinstance(caught.value, DamagedImageError)
    with path.open("ab") as file:
        file.truncate(2**40)  # a file of holes
    with pytest.raises(ImageError, match="over the limit of 256 MB"):
        read_image(path)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_picture_of_16_bits_takes_less_than_12_bytes_a_pixel(tmp_path: Path, kind: str) -> None:
    """More than the file itself and what Python has; measured in a process of its own."""
    side = 4000
    values = np.arange(side * side, dtype=np.uint32).reshape(side, side).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "wide", kind)
    file_bytes = (tmp_path / "wide").stat().st_size
    program = """
import resource, sys
from pathlib import Path
from stage_kit.pictures.images import read_image
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_image(Path(sys.argv[1]))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "wide")]
    grown = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert (grown - file_bytes) / side**2 < 12


def test_too_little_memory_is_no_damage(tmp_path: Path, little_memory: None) -> None:
    """Pillow says of a progressive JPEG whose coefficients found no room that the stream is broken."""
    for name, colours in (("a.jpg", 1), ("b.jpg", 3)):
        data = (tmp_path / name, (14_000, 14_000))
        write_progressive(data[0], data[1], colours)
        with pytest.raises(ImageError, match="does not fit into memory") as caught:
            read_image(data[0])
        assert not isinstance(caught.value, DamagedImageError)


def write_progressive(path: Path, size_wh: tuple[int, int], colours: int) -> None:
    """A small progressive JPEG that says it is larger."""
    buffer = io.BytesIO()
    Image.new("L" if colours == 1 else "RGB", (64, 64)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    at = data.index(b"\xff\xc2")
    path.write_bytes(data[: at + 5] + struct.pack(">HH", *size_wh[::-1]) + data[at + 9 :])
