"""The table of keypoints as CSV and as Parquet: one pass over the records, the same values, bounded memory."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path, PurePosixPath

import pytest

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: make setup PARQUET=1")
import pyarrow.parquet as pq
from sample_stages import FIRST
from test_batch_run import DoublingSteps, Numbers

from pose_contract.errors import ImageError, UsageError, WorkspaceError
from pose_contract.records import Box, ImagePoses, Keypoint, MadeBy, PersonPose
from pose_contract.skeletons import MPII16
from pose_contract.storage import write_bytes, write_record
from pose_contract.tables import KEYPOINT_COLUMNS
from pose_contract.video_records import FramePose, FramePoses, VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.export import parquet_file as module
from stage_kit.export.aggregates import write_tables
from stage_kit.export.asked_tables import AskedTables, asked_tables
from stage_kit.export.parquet_file import SCHEMA, parquet_file
from stage_kit.export.parquet_parts import part_path
from stage_kit.runs.batch_run import BatchRun, RunFacts
from stage_kit.runs.seen import SeenFiles
from stage_kit.runs.steps import Settled
from stage_kit.runs.table_parts import parts_of
from stage_kit.videos.record_files import line_of

SHA = "ab" * 32
MADE_BY = MadeBy(stage="hrn-stage", results=1, model="fake", weights_sha256=SHA, options={}, annot_sha256=SHA)
BOX = Box(x1=1, y1=2, x2=30, y2=40)
BOTH = AskedTables(csv=True, parquet="file")
REPO = Path(__file__).parents[2]


def write_photo(workspace: Workspace, name: str, people: int) -> None:
    persons = tuple(
        PersonPose(
            index=index,
            score=0.5,
            box=BOX,
            keypoints=tuple(
                Keypoint(name=name, x=joint + 0.125, y=-0.0001 * index, score=0.1 * (joint % 9))
                for joint, name in enumerate(MPII16.keypoints)
            ),
        )
        for index in range(people)
    )
    record = ImagePoses(
        image=f"images/{name}", image_sha256=SHA, width=60, height=40, skeleton="mpii16", people=persons,
        made_by=MADE_BY,
    )  # fmt: skip
    write_record(workspace.path(workspace.poses_file(name)), record)


def write_video(workspace: Workspace, name: str) -> None:
    """Two frames, of which the second has somebody."""
    header = VideoPoses(
        image=f"images/{name}", image_sha256=SHA, width=60, height=40, frames=2, duration_seconds=0.1,
        frames_per_second=20, frames_sha256=SHA, made_by=MADE_BY, skeleton="mpii16",
    )  # fmt: skip
    person = FramePose(index=3, score=0.5, box=BOX, keypoints=((1.5, 2, 0.25),) * 16)
    frames = [FramePoses(frame=n, t_seconds=n / 30, people=(person,) * n) for n in range(2)]
    write_bytes(workspace.path(workspace.video_poses_file(name)), b"".join(map(line_of, (header, *frames))))


def table_of(workspace: Workspace) -> list[tuple[object, ...]]:
    """keypoints.parquet, be it a file or a folder."""
    table = pa.parquet.read_table(workspace.keypoints_parquet)
    return [tuple(row[name] for name in KEYPOINT_COLUMNS) for row in table.to_pylist()]


def csv_of(workspace: Workspace) -> list[tuple[object, ...]]:
    """keypoints.csv with the types that the schema tells."""
    with workspace.keypoints_csv.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == SCHEMA.names
    kinds = {"string": str, "int32": int, "int64": int, "double": float}
    return [
        tuple(None if text == "" else kinds[str(field.type)](text) for text, field in zip(row, SCHEMA, strict=True))
        for row in ([str(PurePosixPath(row[0])), *row[1:]] for row in rows)
    ]


def wanted_names(count: int) -> list[str]:
    return ["a.jpg", "z/é ü 漢字.png", "=1.jpg", 'x, "y";.jpg', *(f"more/{index:04}.jpg" for index in range(count))]


@pytest.mark.parametrize(
    ("photos", "videos"),
    [
        ({}, []),
        ({"nobody.jpg": 0}, []),
        (dict.fromkeys(wanted_names(0), 2), []),
        ({"a.jpg": 1, "nobody.jpg": 0}, ["sub/é.mp4"]),
        ({}, ["b.mov"]),
    ],
    ids=["empty", "nobody", "names", "photo and video", "video alone"],
)
def test_parquet_holds_what_csv_holds(tmp_path: Path, photos: dict[str, int], videos: list[str]) -> None:
    workspace = Workspace(tmp_path)
    for name, people in photos.items():
        write_photo(workspace, name, people)
    for name in videos:
        write_video(workspace, name)
    assert write_tables(workspace, MPII16, asked=BOTH) is None
    rows = table_of(workspace)
    assert rows == csv_of(workspace)
    assert len(rows) == 16 * (sum(photos.values()) + len(videos))
    assert {row[0] for row in rows} == {name for name, people in photos.items() if people} | set(videos)
    assert {(row[6], row[7] is None) for row in rows if row[0] in videos} == ({(1, False)} if videos else set())
    file = pq.ParquetFile(workspace.keypoints_parquet)
    assert file.schema_arrow.equals(SCHEMA, check_metadata=True)
    assert not list(tmp_path.rglob(".tmp-*"))


def test_row_groups_bound_the_memory_and_bytes_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROW_GROUP", 100)
    write, held = module.ParquetSink._write, []

    def noted(sink: module.ParquetSink, rows: list[tuple[object, ...]]) -> None:
        held.append(len(rows))
        write(sink, rows)

    monkeypatch.setattr(module.ParquetSink, "_write", noted)
    workspace = Workspace(tmp_path)
    for name in wanted_names(12):
        write_photo(workspace, name, 1)
    assert write_tables(workspace, MPII16, asked=BOTH) is None
    assert held == [100, 100, 16 * 16 - 200]
    file = pq.ParquetFile(workspace.keypoints_parquet)
    groups = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
    assert groups == [100, 100, 16 * 16 - 200] and table_of(workspace) == csv_of(workspace)
    first = workspace.keypoints_parquet.read_bytes()
    assert write_tables(workspace, MPII16, asked=BOTH) is None
    assert workspace.keypoints_parquet.read_bytes() == first


@pytest.mark.parametrize(
    ("asked", "files"),
    [
        (AskedTables(), {"keypoints.csv"}),
        (AskedTables(csv=False, parquet="file"), {"keypoints.parquet"}),
        (BOTH, {"keypoints.csv", "keypoints.parquet"}),
    ],
)
def test_only_what_is_asked_for_is_there(tmp_path: Path, asked: AskedTables, files: set[str]) -> None:
    workspace = Workspace(tmp_path)
    write_photo(workspace, "a.jpg", 1)
    write_bytes(workspace.keypoints_csv, b"of an earlier run")
    write_bytes(workspace.keypoints_parquet / "shard-1.parquet", b"of an earlier run")
    assert write_tables(workspace, MPII16, asked=asked) is None
    found = {path.name for path in (tmp_path / "output").iterdir()} - {"poses"}
    assert found == files | {"keypoints.coco.json", "images.coco.json"}
    assert all((tmp_path / "output" / name).is_file() for name in files)


def test_a_table_that_fails_leaves_the_old_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path)
    write_photo(workspace, "a.jpg", 1)
    write_tables(workspace, MPII16, asked=BOTH)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(_: object, rows: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.ParquetSink, "_write", full)
    write_photo(workspace, "a.jpg", 1)
    with pytest.raises(WorkspaceError, match="No space left"):
        write_tables(workspace, MPII16, asked=BOTH)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_something_else_in_the_table_s_place_is_told(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_bytes(workspace.keypoints_parquet / "notes.txt", b"mine")
    with pytest.raises(ImageError, match=r"cannot write .*keypoints\.parquet"):
        write_tables(workspace, MPII16, asked=BOTH)
    assert (workspace.keypoints_parquet / "notes.txt").read_bytes() == b"mine"


def test_the_documentation_tells_the_schema() -> None:
    """Names, types, nullability and units, in order."""
    page = (REPO / "docs/workspace.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \| (\w+)(, null)? \| (?:(pixels|seconds) )?.*\|$", page, re.MULTILINE)
    wanted = [
        (field.name, str(field.type), ", null" if field.nullable else "", (field.metadata.get(b"unit", b"")).decode())
        for field in SCHEMA
    ]
    assert told == wanted and tuple(SCHEMA.names) == KEYPOINT_COLUMNS


@pytest.mark.parametrize(
    ("choice", "asked"), [("csv", AskedTables()), ("parquet", AskedTables(False, "file")), ("both", BOTH)]
)
def test_what_the_flag_asks_for(choice: str, asked: AskedTables, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_tables(choice) == asked
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    if choice == "csv":
        assert asked_tables(choice) == asked
        return
    with pytest.raises(UsageError, match=f"--tables: {choice} needs pyarrow") as caught:
        asked_tables(choice)
    assert caught.value.remedy == "make setup PARQUET=1, or give --tables csv"


class StepsOfRecords(DoublingSteps):
    """A stage whose records are there already."""

    def examine(self, name: str) -> Settled:
        return Settled(name)

    def examine_video(self, name: str) -> Settled:
        return Settled(name)

    def write_tables(self) -> list[tuple[str, ImageError]]:
        assert write_tables(self.workspace, MPII16, asked=BOTH.in_parts()) is None
        return []


def run_in_parts(workspace: Workspace) -> BatchRun[Numbers, float]:
    facts = RunFacts(FIRST, workspace, {}, "model", "fake", "a test", 1, quiet=True)
    parts = parts_of(workspace, BOTH.in_parts())
    return BatchRun(facts, StepsOfRecords(workspace), SeenFiles(workspace), parts)


@pytest.fixture
def shared(tmp_path: Path) -> Workspace:
    """Seven photos, one without anybody, and a video."""
    workspace = Workspace(tmp_path)
    for index, name in enumerate(["é.jpg", *"abcdef"]):
        write_photo(workspace, name if index == 0 else f"{name}.jpg", index % 3)
    write_video(workspace, "v.mp4")
    return workspace


def parts(workspace: Workspace) -> list[str]:
    return sorted(path.name for path in workspace.keypoints_parquet.iterdir())


def test_every_shard_writes_its_part_and_together_they_are_the_table(shared: Workspace) -> None:
    write_tables(shared, MPII16, asked=BOTH)
    wanted = sorted(map(str, table_of(shared)))
    run = run_in_parts(shared)
    run.prologue()
    assert not shared.keypoints_parquet.exists()
    run.shard(["v.mp4"], "1of12")
    run.shard(["a.jpg", "b.jpg", "c.jpg", "gone.jpg"], "2of12")
    run.shard(["d.json", "e.json", "f.json", "é.json"], "10of12")  # as a stage lists that follows annots
    run.epilogue()
    names = [f"shard-{number:07}of0000012.parquet" for number in (1, 2, 10)]
    assert parts(shared) == names
    assert sorted(map(str, table_of(shared))) == wanted == sorted(map(str, csv_of(shared)))
    before = [(shared.keypoints_parquet / name).read_bytes() for name in names]
    run.shard(["d.json", "e.json", "f.json", "é.json"], "10of12")
    assert [(shared.keypoints_parquet / name).read_bytes() for name in names] == before
    assert write_tables(shared, MPII16, asked=BOTH) is None
    assert shared.keypoints_parquet.is_file(), "one process writes one file, where parts lay too"


def test_what_no_part_holds_is_added_at_the_end_and_nothing_twice(shared: Workspace) -> None:
    write_tables(shared, MPII16)
    run = run_in_parts(shared)
    run.shard(["a.jpg", "b.jpg", "c.jpg", "d.jpg"], "1of2")
    run.shard(["a.jpg", "b.jpg"], "3of2")  # halves of a shard that was given up after it had written its part
    run.shard(["d.jpg"], "4of2")
    write_bytes(part_path(shared.keypoints_parquet, "5of2"), b"PAR1 damaged PAR1")
    run.epilogue()
    assert sorted(map(str, table_of(shared))) == sorted(map(str, csv_of(shared)))
    assert parts(shared) == ["shard-0000001of0000002.parquet", "shard-rest.parquet"]
    run.epilogue()
    assert sorted(map(str, table_of(shared))) == sorted(map(str, csv_of(shared)))


def test_a_table_of_nobody_has_its_columns(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_photo(workspace, "a.jpg", 0)
    run_in_parts(workspace).epilogue()
    assert parts(workspace) == ["shard-rest.parquet"]
    assert pq.read_table(workspace.keypoints_parquet).schema.equals(SCHEMA)


def test_without_parquet_there_are_no_parts(tmp_path: Path) -> None:
    for asked in (AskedTables(), AskedTables().in_parts(), BOTH):
        assert parts_of(Workspace(tmp_path), asked) is None


def test_rows_of_a_file_are_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(KeyError), parquet_file(path) as add:
        add([("a.jpg", 0, "nose", 1.0, 2.0, 0.5, None, None)])
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_coco_ids_that_collide_leave_no_coco_file_and_all_else(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for name in ("7.jpg", "sub/7.jpg", "a.jpg"):
        write_photo(workspace, name, 1)
    refused = write_tables(workspace, MPII16, asked=BOTH)
    assert refused is not None and "7.jpg and sub/7.jpg have the same COCO image id 7 (1 such pairs)" in refused.reason
    assert {path.name for path in (tmp_path / "output").iterdir()} == {"keypoints.csv", "keypoints.parquet", "poses"}
    assert len(csv_of(workspace)) == 3 * 16


def test_ids_with_one_hash_are_two_ids(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    numbers = [0, 2**61 - 1]
    assert len(set(map(hash, numbers))) == 1
    for number in numbers:
        write_photo(workspace, f"{number}.jpg", 1)
    assert write_tables(workspace, MPII16) is None
    images = json.loads(workspace.images_coco.read_text())["images"]
    assert sorted(image["id"] for image in images) == numbers
