"""What a program reads of a workspace's results."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pose_contract.records import Box, ImagePoses, Keypoint, MadeBy, PersonPose
from pose_contract.storage import write_record
from pose_contract.tables import KEYPOINT_COLUMNS
from pose_contract.video_records import FramePose, FramePoses, VideoPoses
from pose_contract.workspace import Workspace

SHA = "ab" * 32
MADE_BY = MadeBy(stage="hrn-stage", results=1, model="fake", weights_sha256=SHA, options={}, annot_sha256=SHA)
NO_FRAME = {"frame": None, "t_seconds": None}  # of a photo
HAS_PANDAS = importlib.util.find_spec("pandas") is not None
needs_pandas = pytest.mark.skipif(not HAS_PANDAS, reason="pandas is not installed")


def poses_of(image: str, people: int) -> ImagePoses:
    persons = tuple(
        PersonPose(
            index=index,
            score=0.5,
            box=Box(x1=1, y1=2, x2=30, y2=40),
            keypoints=(Keypoint(name="nose", x=3.25, y=index, score=1), Keypoint(name="left_eye", x=0, y=0, score=0.1)),
        )
        for index in range(people)
    )
    return ImagePoses(
        image=image, image_sha256=SHA, width=60, height=40, skeleton="coco17", people=persons, made_by=MADE_BY
    )


@pytest.fixture
def results(tmp_path: Path) -> Workspace:
    """Three photos with two people, nobody and one; and a record that nobody can read."""
    workspace = Workspace(tmp_path)
    for name, people in (("b.jpg", 2), ("a.png", 0), ("é/c d.jpg", 1)):
        write_record(workspace.path(workspace.poses_file(name)), poses_of(f"images/{name}", people))
    workspace.path(workspace.poses_file("damaged.jpg")).write_text("{", encoding="utf-8")
    return workspace


def test_a_text_names_a_workspace_too() -> None:
    assert Workspace("w") == Workspace(Path("w"))  # type: ignore[arg-type]


def test_poses_are_read_one_after_the_other_by_name(results: Workspace) -> None:
    assert [(poses.image, len(poses.people)) for poses in results.poses()] == [
        ("images/a.png", 0),
        ("images/b.jpg", 2),
        ("images/é/c d.jpg", 1),
    ]
    first = next(iter(results.poses()))
    assert first == poses_of("images/a.png", 0)


def test_a_workspace_without_results_has_none(tmp_path: Path) -> None:
    assert list(Workspace(tmp_path).poses()) == []
    assert len(Workspace(tmp_path).keypoints()) == 0


@needs_pandas
def test_the_table_is_pandas(results: Workspace) -> None:
    import pandas

    table = results.keypoints()
    assert isinstance(table, pandas.DataFrame)
    assert tuple(table.columns) == KEYPOINT_COLUMNS
    assert len(table) == 6
    assert table.groupby("image")["person"].nunique().to_dict() == {"b.jpg": 2, "é/c d.jpg": 1}
    assert (
        table.iloc[0].to_dict()
        == {"image": "b.jpg", "person": 0, "keypoint": "nose", "x": 3.25, "y": 0, "score": 1} | NO_FRAME
    )


@needs_pandas
def test_an_empty_table_has_its_columns(tmp_path: Path) -> None:
    assert tuple(Workspace(tmp_path).keypoints().columns) == KEYPOINT_COLUMNS  # type: ignore[union-attr]


def test_without_pandas_the_table_is_its_rows(results: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pose_contract.workspace.find_spec", lambda _name: None)
    rows = results.keypoints()
    assert isinstance(rows, list) and len(rows) == 6
    assert rows[0] == {"image": "b.jpg", "person": 0, "keypoint": "nose", "x": 3.25, "y": 0.0, "score": 1.0} | NO_FRAME


def test_videos_rows_come_after_the_photos(results: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a damaged record up to where it is damaged; a part that a killed run has left is none."""
    monkeypatch.setattr("pose_contract.workspace.find_spec", lambda _name: None)
    photos = results.keypoints()
    header = VideoPoses(
        image="images/sub/d.mp4", image_sha256=SHA, width=60, height=40, frames=2, duration_seconds=0.1,
        frames_per_second=20, frames_sha256=SHA, made_by=MADE_BY, skeleton="coco17",
    )  # fmt: skip
    person = FramePose(index=1, score=0.5, box=Box(x1=1, y1=2, x2=30, y2=40), keypoints=((1, 2, 0.5),) * 17)
    lines = [FramePoses(frame=n, t_seconds=n / 20, people=(person,) * n).model_dump_json() for n in range(3)]
    path = results.path(results.video_poses_file("sub/d.mp4"))
    path.parent.mkdir(parents=True)
    text = "\n".join([header.model_dump_json(), *lines[:2], lines[2][:40]])
    path.write_text(text, encoding="utf-8")
    path.with_name("e.mp4.jsonl.part").write_text(text, encoding="utf-8")
    path.with_name("f.mp4.jsonl").write_text("", encoding="utf-8")
    rows = results.keypoints()
    assert isinstance(rows, list) and rows[: len(photos)] == photos and len(rows) == len(photos) + 17
    first = ("sub/d.mp4", 1, "nose", 1, 2, 0.5, 1, 0.05)
    assert rows[len(photos)] == dict(zip(KEYPOINT_COLUMNS, first, strict=True))
