from __future__ import annotations

import os
from pathlib import Path

import pytest

from pose_contract.errors import UsageError
from pose_contract.workspace import Workspace
from stage_kit.runs.listing import list_images


def test_listing_is_sorted_recursive_and_tells_other_files_apart(workspace: Workspace) -> None:
    for name in (
        "z.JPG",
        "a b.png",
        "é/ü.TIFF",
        "film.wmv",
        "é/x.jxl",
        ".hidden.jpg",
        ".git/a.jpg",
        "c.webp",
        "d.bmp",
    ):
        path = workspace.root / "images" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    listing = list_images(workspace)
    assert listing.names == ("a b.png", "c.webp", "d.bmp", "z.JPG", "é/ü.TIFF")
    assert listing.ignored == ("film.wmv", "é/x.jxl")


def test_a_folder_and_a_dangling_link_named_like_pictures_are_listed(workspace: Workspace) -> None:
    (workspace.root / "images/folder.jpg").mkdir()
    (workspace.root / "images/folder.jpg/inner.jpg").write_bytes(b"x")
    (workspace.root / "images/link.jpg").symlink_to("nowhere.jpg")
    assert list_images(workspace).names == ("folder.jpg", "link.jpg")


def test_a_linked_folder_is_looked_into(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "a.jpg").write_bytes(b"x")
    (workspace.root / "images/linked").symlink_to(elsewhere)
    assert list_images(workspace).names == ("linked/a.jpg",)


@pytest.mark.parametrize("files", [None, [], ["readme.txt"], [".hidden.jpg"]])
def test_nothing_to_do_is_said(tmp_path: Path, files: list[str] | None) -> None:
    if files is not None:
        (tmp_path / "images").mkdir()
        for name in files:
            (tmp_path / "images" / name).write_bytes(b"x")
    with pytest.raises(UsageError) as caught:
        list_images(Workspace(tmp_path))
    assert str(tmp_path / "images") in str(caught.value)
    assert ("mkdir" if files is None else "put photos in") in caught.value.remedy


def test_names_that_are_no_text_are_set_apart(workspace: Workspace) -> None:
    folder = os.fsencode(workspace.root / "images")
    for name in (b"good.jpg", b"bad\xff.jpg", b"bad\xfe.txt", b"line\nbreak.jpg"):
        (Path(os.fsdecode(folder + b"/" + name))).write_bytes(b"x")
    listing = list_images(workspace)
    assert listing.names == ("good.jpg", "line\nbreak.jpg")
    assert listing.unreadable_names == ("bad\\xff.jpg",)
    assert listing.ignored == ("bad\\xfe.txt",)


@pytest.mark.timeout(20)
def test_links_that_lead_back_are_not_followed_and_others_are(workspace: Workspace, tmp_path: Path) -> None:
    images = workspace.root / "images"
    for folder in ("a", "b"):
        (images / folder).mkdir()
        (images / folder / "x.jpg").write_bytes(b"x")
        for link in ("up", "up-again"):
            (images / folder / link).symlink_to("..")
    (images / "linked").symlink_to("a")
    listing = list_images(workspace)
    assert listing.names == ("a/x.jpg", "b/x.jpg", "linked/x.jpg")
    assert listing.ignored == ("a/up-again/", "a/up/", "b/up-again/", "b/up/", "linked/up-again/", "linked/up/")
