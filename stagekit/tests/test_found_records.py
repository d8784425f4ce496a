"""Whose work a record is, what is wrong with one that cannot be read, and what its picture allows."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from sample_records import annot, poses

from pose_contract.errors import ImageError
from pose_contract.records import Box, ImageAnnot, ImagePoses, Keypoint, Person
from pose_contract.storage import read_annot, read_poses, record_bytes, write_bytes
from pose_contract.workspace import Workspace
from stage_kit.runs.found_records import FoundRecord, found_record, picture_of, sealed_bytes
from stage_kit.runs.outputs import write_outputs
from stage_kit.runs.record_bounds import cut_scale_of, require_fits, require_image, require_paths
from stage_kit.runs.steps import Outputs

FILE = "annots/a.json"


def found(workspace: Workspace, data: bytes) -> FoundRecord[ImageAnnot]:
    write_bytes(workspace.root / FILE, data)
    result = found_record(workspace, FILE, ImageAnnot)
    assert result is not None
    return result


def test_no_record_is_none_and_a_folder_in_its_place_too(workspace: Workspace) -> None:
    assert found_record(workspace, FILE, ImageAnnot) is None
    (workspace.root / FILE).mkdir(parents=True)
    assert found_record(workspace, FILE, ImageAnnot) is None
    assert found_record(workspace, f"{FILE}/b.json", ImageAnnot) is None


def test_what_a_stage_sealed_is_its_own_until_a_byte_changes(workspace: Workspace) -> None:
    data = sealed_bytes(annot(image=f"images/{'0' * 64}.jpg", sha="0" * 64))
    assert data == sealed_bytes(annot(image=f"images/{'0' * 64}.jpg", sha="0" * 64))
    assert not found(workspace, data).edited
    for typed, meant in ((b'"x1": 1.0', b'"x1": 1.5'), (b'"x1": 1.0', b'"x1": 1.00'), (b"}\n", b"}\n\n")):
        assert found(workspace, data.replace(typed, meant)).edited
    edited = found(workspace, data.replace(b'"x1": 1.0', b'"x1": 1.5'))
    assert edited.note == "annots/a.json: edited by hand: kept; delete it to have it made anew"
    assert found(workspace, record_bytes(edited.record)).edited, "a seal that is written again does not fit either"


def test_a_program_that_writes_with_the_contract_breaks_the_seal_too(workspace: Workspace) -> None:
    record = found(workspace, sealed_bytes(annot())).record
    assert found(workspace, record_bytes(record.model_copy(update={"people": ()}))).edited


def test_a_record_marked_corrected_is_a_persons_and_says_so_itself(workspace: Workspace) -> None:
    marked = found(workspace, sealed_bytes(annot(corrected=True)))
    assert marked.edited and not marked.note


def test_records_of_earlier_releases_are_the_stages_own(workspace: Workspace) -> None:
    unsealed = record_bytes(annot())
    assert not found(workspace, unsealed).edited
    assert found(workspace, json.dumps(json.loads(unsealed), indent=4).encode()).edited
    first = json.loads(unsealed)
    first["made_by"]["version"] = "0.1.0"
    del first["made_by"]["results"]
    assert not found(workspace, json.dumps(first, indent=2).encode()).edited


@pytest.mark.parametrize(
    ("typed", "meant", "reason", "remedy"),
    [
        ('"corrected": false', '"corrected": True', "line 8, column 15: expected value", "small letters"),
        ('"width": 60,', '"width": 60,,', "line 5, column 14: key must be a string", "mend it"),
        ('"width": 60,\n', "", "it lacks width", "add that"),
        ('"image": "images/a.jpg"', '"image": 3', "it has image 3, expected a text", "mend it"),
        ('"box": {', '"boxx": {', "person 0 has a field 'boxx' that nobody knows", "did you mean box?"),
        ('"x1": 1.0,', "", "person 0's box lacks x1", "add that"),
        ('"x1": 1.0', '"x1": "left"', "person 0's box has x1 'left', expected a finite number", "mend it"),
        ('"x1": 1.0', '"x1": NaN', "person 0's box has x1 nan, expected a finite number", "mend it"),
        ('"x1": 1.0', '"x1": 1e999', "person 0's box has x1 inf, expected a finite number", "mend it"),
        ('"x1": 1.0', f'"x1": 1{"0" * 400}', "expected a finite number", "mend it"),
        ('"x1": 1.0', f'"x1": 1{"0" * 5000}', "number out of range", "mend it"),
        ('"score": 0.98', '"score": 7.98', "expected at most 1", "mend it"),
        ('"people": [', '"people": [3,', "person 0 is 3, expected an object", "mend it"),
        ('"schema_version": 1', '"schema_version": 9', "it has schema_version 9, expected 1", "mend it"),
        ('"options": {', f'"options": {{"a": {"[" * 5000}', "recursion limit exceeded", "mend it"),
        ('"images/a.jpg"', '"\\ud800"', "line 3, column", "mend it"),
    ],
)
def test_a_record_that_cannot_be_read_says_where_and_is_kept(
    workspace: Workspace, typed: str, meant: str, reason: str, remedy: str
) -> None:
    text = sealed_bytes(annot()).decode()
    assert typed in text
    with pytest.raises(ImageError) as caught:
        found(workspace, text.replace(typed, meant, 1).encode())
    assert f"has a record with a mistake: {FILE}, " in caught.value.reason and reason in caught.value.reason
    assert remedy in caught.value.remedy and f"delete {FILE}" in caught.value.remedy
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("data", [b"", b"\xff\xfe{\x00", b"\x00" * 100, b"null", b"[]", b"\xef\xbb\xbf{}", b"caf\xe9"])
def test_what_is_no_record_at_all_is_kept_too(workspace: Workspace, data: bytes) -> None:
    with pytest.raises(ImageError, match="has a record with a mistake"):
        found(workspace, data)


def test_records_that_are_huge_or_no_files_are_not_read(workspace: Workspace) -> None:
    path = workspace.root / FILE
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(ImageError, match="has a record of 100 MB"):
        found_record(workspace, FILE, ImageAnnot)
    assert read_annot(path) is None
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ImageError, match="a pipe or a device"):
        found_record(workspace, FILE, ImageAnnot)
    assert read_annot(path) is None


def test_somebody_added_by_hand_may_lack_index_and_score(workspace: Workspace) -> None:
    data = json.loads(sealed_bytes(annot(people=2)))
    data["people"][0]["index"] = 4
    data["people"].insert(0, {"box": {"x1": 1, "y1": 1, "x2": 9, "y2": 9}})
    record = found(workspace, json.dumps(data).encode()).record
    assert [(person.index, person.score) for person in record.people] == [(5, 1), (4, 0.9877), (1, 0.9877)]
    posed = json.loads(sealed_bytes(poses(annot(), "ab" * 32)))
    posed["people"].append({key: posed["people"][0][key] for key in ("box", "keypoints")})
    path = workspace.root / "output/poses/a.json"
    write_bytes(path, json.dumps(posed).encode())
    read = read_poses(path)
    assert read is not None and [(person.index, person.score) for person in read.people] == [(0, 0.5), (1, 1)]


def edited_annot(**changes: object) -> FoundRecord[ImageAnnot]:
    return FoundRecord(FILE, annot().model_copy(update=changes), b"", True)


def person(**changes: object) -> Person:
    return annot().people[0].model_copy(update=changes)


def test_nobody_fits_any_picture() -> None:
    require_fits(edited_annot(people=()), (60, 40))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"width": 61}, "of 61 x 40, the picture is 60 x 40"),
        ({"people": (person(), person(box=Box(x1=1, y1=1, x2=181, y2=9)))}, "person 1 has a box outside three picture"),
        ({"people": (person(box=Box(x1=-1e300, y1=1, x2=18, y2=9)),)}, "person 0 has a box outside three picture"),
        ({"people": (person(box=Box(x1=70, y1=1, x2=80, y2=9)),)}, "person 0 has a box without area"),
        ({"people": (person(index=10**30),)}, "person 0 has an index over 100000"),
        ({"people": (person(),) * 10_001}, "more than 10000 people"),
        *(
            ({"made_by": annot().made_by.model_copy(update={"options": {"cut_scale": scale}})}, "cut_scale is not from")
            for scale in (0.5, 11, True, "2", None, float("nan"), 10**400, [2])
        ),
    ],
)  # fmt: skip
def test_an_edited_annot_is_bounded_by_its_picture(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        require_fits(edited_annot(**changes), (60, 40))


def test_a_record_of_a_picture_that_is_no_more_is_bounded_by_itself() -> None:
    require_fits(edited_annot(), None)
    with pytest.raises(ImageError, match="a side is over 65500"):
        require_fits(edited_annot(width=10**30), None)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ([("nose", 181, 3)], "person 0 has a keypoint nose outside three picture sizes"),
        ([("nose", 1, -1e9)], "person 0 has a keypoint nose outside three picture sizes"),
        ([("noes", 1, 3)], "person 0 has a keypoint 'noes'"),
        ([("nose", 1, 3), ("nose", 2, 3)], "person 0 has 2 keypoints nose"),
    ],
)
def test_edited_poses_are_bounded_by_their_picture(points: list[tuple[str, float, float]], reason: str) -> None:
    record = poses(annot(), "ab" * 32)
    keypoints = tuple(Keypoint(name=name, x=x, y=y, score=1) for name, x, y in points)
    people = (record.people[0].model_copy(update={"keypoints": keypoints}),)
    require_fits(FoundRecord[ImagePoses](FILE, record, b"", True), (60, 40))
    with pytest.raises(ImageError, match=reason):
        require_fits(FoundRecord[ImagePoses](FILE, record.model_copy(update={"people": people}), b"", True), (60, 40))


@pytest.mark.parametrize("file", ["/etc/a.jpg", "../a.jpg", "cuts/../../a.jpg", "", "a\0.jpg", "a\n.jpg", "a" * 1000])
def test_a_cut_lies_below_the_workspace(workspace: Workspace, file: str) -> None:
    cut = annot().people[0].cut
    assert cut is not None
    require_paths(workspace, "a.jpg", annot())
    record = annot().model_copy(update={"people": (person(cut=cut.model_copy(update={"file": file})),)})
    with pytest.raises(ImageError, match="person 0 has a cut that is no file below the workspace"):
        require_paths(workspace, "a.jpg", record)


def test_a_record_belongs_to_one_picture() -> None:
    require_image(annot(), FILE, "images/a.jpg")
    with pytest.raises(ImageError, match="names another picture"):
        require_image(annot(), FILE, "images/b.jpg")


def test_the_cut_scale_of_a_record_without_one() -> None:
    assert cut_scale_of(annot(), 1.5) == 1.5


def test_a_record_that_is_edited_during_a_run_is_kept(workspace: Workspace) -> None:
    path, examined = workspace.root / FILE, sealed_bytes(annot())
    write_bytes(path, examined)
    outputs = Outputs("a.jpg", 0, {}, (FILE, b"new"), replaces=examined)
    write_outputs(workspace, outputs)
    assert path.read_bytes() == b"new"
    with pytest.raises(ImageError, match="edited during the run, and is kept"):
        write_outputs(workspace, outputs)
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("there", "stem", "name"),
    [([], "a", "a.jpg"), (["a.JPG"], "a", "a.JPG"), (["b.png"], "b.png", "b.png"), (["a.jpg"], "a.jpg", "a.jpg.jpg")],
)
def test_a_record_tells_its_picture(workspace: Workspace, there: list[str], stem: str, name: str) -> None:
    for file in there:
        write_bytes(Path(workspace.root, "images", file), b"")
    assert picture_of(workspace, stem) == name
