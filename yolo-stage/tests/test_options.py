from __future__ import annotations

from pathlib import Path

import pytest

from pose_contract.errors import UsageError
from yolo_stage.options import DetectOptions, ModelOptions, workspace_from_folders


def folders(**given: str) -> dict[str, str | None]:
    return {"images": None, "annots": None, "inspect": None, "cuts": None, **given}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSE_WORKSPACE", raising=False)


def test_without_flags_it_is_the_default() -> None:
    assert workspace_from_folders(None, folders()).root == Path("pose-estimation")
    Path("custom").mkdir()
    assert workspace_from_folders(None, folders()).root == Path("custom")


def test_the_originals_four_folders() -> None:
    workspace = workspace_from_folders(
        None, folders(images="custom/images", annots="custom/annots", inspect="custom/inspect", cuts="custom/cuts")
    )
    assert workspace.root == Path("custom")
    assert (workspace.images, workspace.annots, workspace.inspect, workspace.cuts, workspace.final) == (
        "images", "annots", "inspect", "cuts", "final",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "root", "field", "value"),
    [
        ({"images": "w/images"}, "w", "images", "images"),
        ({"images": "w/photos", "cuts": "w/people/cuts"}, "w", "cuts", "people/cuts"),
        ({"images": "images", "annots": "./annots/"}, ".", "annots", "annots"),
        ({"images": "w/in/images", "annots": "w/out/annots"}, "w", "images", "in/images"),
        ({"images": "w/../v/images"}, "v", "images", "images"),
    ],
)
def test_the_common_parent_is_the_workspace(given: dict[str, str], root: str, field: str, value: str) -> None:
    workspace = workspace_from_folders(None, folders(**given))
    assert workspace.root == Path(root)
    assert getattr(workspace, field) == value


@pytest.mark.parametrize(
    ("root", "given", "message"),
    [
        (None, {"images": "/one/images", "annots": "/two/annots"}, "no common parent"),
        (None, {"images": "/images"}, "no common parent"),
        (None, {"images": "w", "annots": "w/annots"}, "--annot_folder lies in --image_folder"),
        (None, {"images": "w/all", "cuts": "w/all"}, "lies in"),
        (None, {"images": "w/annots"}, "lies in"),
        ("w", {"images": "w/images"}, "cannot go with it"),
    ],
)
def test_folders_that_make_no_workspace(root: str | None, given: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        workspace_from_folders(root, folders(**given))


@pytest.mark.parametrize("size", [0, 31, 100])
def test_the_network_input_is_a_multiple_of_32(size: int) -> None:
    with pytest.raises(UsageError, match="multiple of 32"):
        DetectOptions(workspace=workspace_from_folders("w", folders()), model=ModelOptions(img_size=size))
