from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pose_contract.errors import ImageError, UsageError
from stage_kit.pictures.given import GivenPicture, is_single, read_given, require_as_many
from stage_kit.pictures.images import Picture, read_image

ORIENTATION = 0x0112


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A photo that lies on its side: 6 in its EXIF says that its top is at the right."""
    y, x = np.mgrid[0:20, 0:30]
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    picture = Image.fromarray(np.stack([x * 8, y * 12, x * 0 + 90], axis=2).astype(np.uint8))
    picture.save(tmp_path / "a.jpg", exif=exif)
    return tmp_path / "a.jpg"


def test_a_path_a_text_and_a_pillow_image_are_one_upright_picture(path: Path) -> None:
    upright = read_image(path)
    assert upright.shape == (30, 20, 3)
    for given in (path, str(path), Image.open(path), Image.fromarray(upright), upright):
        np.testing.assert_array_equal(read_given(given), upright)


def test_a_pillow_image_of_another_mode_is_converted() -> None:
    grey = Image.new("L", (3, 2), 77)
    np.testing.assert_array_equal(read_given(grey), np.full((2, 3, 3), 77))


def test_an_array_is_taken_as_it_is(path: Path) -> None:
    picture = read_image(path)
    assert read_given(picture) is picture
    mirrored = read_given(picture[:, ::-1])
    assert mirrored.flags.c_contiguous
    np.testing.assert_array_equal(mirrored, picture[:, ::-1])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (np.zeros((4, 5, 3)), r"RGB uint8 \[H, W, 3\], got float64 \[4, 5, 3\]"),
        (np.zeros((4, 5), np.uint8), r"got uint8 \[4, 5\]"),
        (np.zeros((4, 5, 4), np.uint8), r"got uint8 \[4, 5, 4\]"),
        (np.zeros((2, 4, 5, 3), np.uint8), r"got uint8 \[2, 4, 5, 3\]"),
        (np.zeros((0, 5, 3), np.uint8), r"at least one pixel, got uint8 \[0, 5, 3\]"),
        (np.zeros((1, 65_501, 3), np.uint8), r"no side over 65500 pixels"),
        (7, r"expected a path, a Pillow image or an RGB array as picture, got int"),
        ([["a.jpg"]], r"got list"),
    ],
)
def test_what_is_no_picture_is_refused(given: GivenPicture, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_given(given)


def test_an_error_names_the_file(path: Path, tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(path.read_bytes()[:-100])
    (tmp_path / "c.jpg").symlink_to("gone.jpg")
    for name, says in (("b.jpg", "is damaged"), ("c.jpg", "is a link to a file that is gone")):
        with pytest.raises(ImageError, match=f"{name} {says}"):
            read_given(tmp_path / name)
    with pytest.raises(ImageError, match=r"no picture .*d\.jpg"):
        read_given(tmp_path / "d.jpg")
    with pytest.raises(ImageError, match="damaged"):
        read_given(Image.open(tmp_path / "b.jpg"))


def test_lists_and_tuples_are_several_pictures() -> None:
    assert is_single("a.jpg") and is_single(np.zeros((2, 4, 5, 3), np.uint8))
    assert not is_single([]) and not is_single(("a.jpg",))


def test_lists_that_go_with_each_other_are_equally_long() -> None:
    require_as_many([], [], "people")
    with pytest.raises(UsageError, match="expected people for each of 2 pictures, got 1"):
        require_as_many([1, 2], [1], "people")


def test_the_array_is_not_written_to(path: Path) -> None:
    picture: Picture = read_image(path)
    picture.setflags(write=False)
    assert read_given(picture) is picture
