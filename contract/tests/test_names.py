from __future__ import annotations

import pytest

from pose_contract.names import colliding_names, is_image_name, stem_of

NAMES = [
    ("a.jpg", "a"),
    ("b.png", "b.png"),
    ("A.JPG", "A"),
    ("IMG.Jpg", "IMG"),
    ("a.jpeg", "a.jpeg"),
    ("sub/x y.é.jpg", "sub/x y.é"),
    (".jpg.jpg", ".jpg"),
]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"])
def test_a_picture_is_known_by_its_extension_in_any_letter_case(suffix: str) -> None:
    assert all(is_image_name(f"sub.heic/a{case}") for case in (suffix, suffix.upper(), suffix.title()))


@pytest.mark.parametrize("name", ["a.cr2", "a.mp4", "a.svg", "jpg", "a.jpg.txt", "a"])
def test_other_files_are_no_pictures(name: str) -> None:
    assert not is_image_name(name)


@pytest.mark.parametrize(("name", "stem"), NAMES)
def test_only_jpg_is_dropped_in_any_letter_case(name: str, stem: str) -> None:
    assert stem_of(name) == stem


def test_names_that_would_share_outputs_are_found() -> None:
    assert colliding_names(()) == {}
    assert colliding_names(("a.jpg", "a.png", "A.JPG", "b.JPG", "c.Jpg")) == {}
    assert colliding_names(("a.png", "a.png.jpg")) == {"a.png.jpg": "a.png"}


def test_two_spellings_of_one_extension_collide() -> None:
    assert colliding_names(("a.JPG", "a.jpg")) == {"a.jpg": "a.JPG"}
