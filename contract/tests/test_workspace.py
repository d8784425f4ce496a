from __future__ import annotations

import os
from pathlib import Path

import pytest

from pose_contract.errors import UsageError, WorkspaceError
from pose_contract.storage import NumberedFiles
from pose_contract.workspace import Workspace, colliding_names, default_root, is_image_name, list_images, stem_of

NAMES = [
    ("a.jpg", "a"),
    ("b.png", "b.png"),
    ("A.JPG", "A.JPG"),
    ("a.jpeg", "a.jpeg"),
    ("sub/x y.é.jpg", "sub/x y.é"),
    (".jpg.jpg", ".jpg"),
]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"])
def test_a_picture_is_known_by_its_extension_in_any_letter_case(suffix: str) -> None:
    assert all(is_image_name(f"sub.heic/a{case}") for case in (suffix, suffix.upper(), suffix.title()))


@pytest.mark.parametrize("name", ["a.heic", "a.mp4", "a.gif", "jpg", "a.jpg.txt", "a"])
def test_other_files_are_no_pictures(name: str) -> None:
    assert not is_image_name(name)


@pytest.mark.parametrize(("name", "stem"), NAMES)
def test_only_jpg_in_lower_case_is_dropped(name: str, stem: str) -> None:
    assert stem_of(name) == stem


def test_every_output_has_its_name() -> None:
    workspace = Workspace(Path("w"))
    assert workspace.annot_file("sub/a.jpg") == "annots/sub/a.json"
    assert workspace.cut_file("b.png", 2) == "cuts/b.png-2.jpg"
    assert workspace.final_file("b.png") == "final/b.png.jpg"
    assert workspace.poses_file("a.jpg") == "output/poses/a.json"
    assert workspace.inspect_file("a.jpg") == "inspect/a.jpg"
    assert workspace.image_name("images/sub/a.jpg") == "sub/a.jpg"
    assert workspace.image_file("sub/a.jpg") == "images/sub/a.jpg"


def test_names_that_would_share_outputs_are_found() -> None:
    assert colliding_names(()) == {}
    assert colliding_names(("a.jpg", "a.png", "A.JPG")) == {}
    assert colliding_names(("a.png", "a.png.jpg")) == {"a.png.jpg": "a.png"}


def test_listing_is_sorted_recursive_and_tells_other_files_apart(workspace: Workspace) -> None:
    for name in (
        "z.JPG",
        "a b.png",
        "é/ü.TIFF",
        "film.mp4",
        "é/x.heic",
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
    assert listing.ignored == ("film.mp4", "é/x.heic")


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


def test_numbered_files_belong_to_one_image_only(workspace: Workspace) -> None:
    folder = workspace.root / "cuts"
    assert NumberedFiles(folder).of("a.jpg") == {}
    (folder / "sub").mkdir(parents=True)
    names = ("a-0.jpg", "a-12.jpg", "a-0-0.jpg", "a.png-0.jpg", "ba-0.jpg", "a-x.jpg", "a-0.jpg-1.jpg", "axpng-3.jpg")
    for name in (*names, "a\nb-0.jpg", "sub/a-4.jpg"):
        (folder / name).write_bytes(b"x")
    files = NumberedFiles(folder)
    assert files.of("a.jpg") == {0: folder / "a-0.jpg", 12: folder / "a-12.jpg"}
    assert files.of("a.png") == {0: folder / "a.png-0.jpg"}
    assert files.of("a-0.jpg") == {0: folder / "a-0-0.jpg"}
    assert files.of("sub/a.jpg") == {4: folder / "sub/a-4.jpg"}
    assert files.of("a\nb.jpg") == {0: folder / "a\nb-0.jpg"}
    assert files.of("nobody.jpg") == files.of("nowhere/a.jpg") == {}


def test_a_folder_of_numbered_files_is_listed_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[Path] = []
    plain = os.listdir
    monkeypatch.setattr("os.listdir", lambda folder: listed.append(folder) or plain(folder))
    (workspace.root / "cuts").mkdir(parents=True)
    files = NumberedFiles(workspace.root / "cuts")
    for number in range(50):
        files.of(f"{number}.jpg")
    assert listed == [workspace.root / "cuts"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_listed_is_the_workspaces_fault(workspace: Workspace) -> None:
    folder = workspace.root / "cuts"
    folder.mkdir(parents=True, mode=0o300)
    with pytest.raises(WorkspaceError, match="cuts"):
        NumberedFiles(folder).of("a.jpg")


def test_the_default_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSE_WORKSPACE", raising=False)
    assert default_root() == Path("pose-estimation")
    (tmp_path / "custom").mkdir()
    assert default_root() == Path("custom")
    monkeypatch.setitem(os.environ, "POSE_WORKSPACE", "/elsewhere")
    assert default_root() == Path("/elsewhere")


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
