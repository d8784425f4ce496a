"""A run on some of the photos alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose_contract.errors import ImageError, UsageError
from pose_contract.workspace import Workspace
from stage_kit.runs.only import chosen
from stage_kit.runs.steps import Listing

PHOTOS = Workspace(Path("w"))
BROKEN = ImageError("is broken", "mend it")
IMAGES = Listing(("a.jpg", "b.png", "sub/c.JPG"), {"d.jpg": BROKEN}, ignored=("e.txt",), videos=("f.mp4",))
ANNOTS = Listing(("a.json", "b.png.json", "sub/c.json"), videos=("f.mp4",))


@pytest.mark.parametrize("listing", [Listing(()), IMAGES, ANNOTS])
def test_without_a_name_it_is_all(listing: Listing) -> None:
    assert chosen(listing, (), PHOTOS) is listing


@pytest.mark.parametrize(
    ("listing", "only", "names", "videos"),
    [
        (IMAGES, ["a.jpg"], ("a.jpg",), ()),
        (IMAGES, ["sub/c.JPG", "b.png", "f.mp4"], ("b.png", "sub/c.JPG"), ("f.mp4",)),
        (ANNOTS, ["a.jpg"], ("a.json",), ()),
        (ANNOTS, ["sub/c.JPG", "b.png"], ("b.png.json", "sub/c.json"), ()),
        (ANNOTS, ["f.mp4"], (), ("f.mp4",)),
    ],
)
def test_a_photo_is_named_in_the_same_way_for_every_stage(
    listing: Listing, only: list[str], names: tuple[str, ...], videos: tuple[str, ...]
) -> None:
    found = chosen(listing, only, PHOTOS)
    assert (found.names, found.videos, found.failures, found.ignored) == (names, videos, {}, ())


def test_what_fails_at_once_fails_here_too() -> None:
    assert chosen(IMAGES, ["d.jpg"], PHOTOS).failures == {"d.jpg": BROKEN}


@pytest.mark.parametrize("name", ["", "c.jpg", "../a.jpg", "images/a.jpg", "a.json", "a\x1b.jpg"])
def test_a_name_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--only: there is nothing to do for"):
        chosen(IMAGES, ["a.jpg", name], PHOTOS)
