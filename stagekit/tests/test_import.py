"""The way out to CVAT and Label Studio and back: nothing is lost, corrections arrive, strangers' files do no harm."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from annotation_tools import (
    HEIGHT,
    WIDTH,
    through_cvat,
    through_label_studio,
    write_json,
    write_records,
    write_xml,
)

from pose_contract.errors import ConfigError
from pose_contract.records import SURE_SCORE, Box, ImageAnnot, ImagePoses
from pose_contract.skeletons import MPII16, SKELETONS
from pose_contract.storage import read_annot, read_poses, write_record
from pose_contract.workspace import Workspace
from stage_kit.command.pose import main
from stage_kit.export.annotated import AnnotatedPerson, Joint
from stage_kit.export.command import export_to_tool
from stage_kit.export.cvat import cvat_labels
from stage_kit.imports.command import ImportOptions, import_annotations
from stage_kit.imports.shapes import BoxShape, FigureShape, people_of_shapes
from stage_kit.pictures.images import write_jpeg
from stage_kit.runs.lock import locked
from stage_kit.stages import installed_stages
from stage_kit.testing import dies_at_write

CHECKED, OVERWRITE = ImportOptions(checked=True), ImportOptions(overwrite=True)
TOOLS = ("cvat", "label-studio")
PHOTOS = {"a.jpg": (0, 0), "b c.png.jpg": (1, 0), "é/&\n<d>.jpg": (3, 2), "é/e.png": (2, 0)}


@pytest.fixture
def photos(workspace: Workspace) -> Workspace:
    for name, (people, missing) in PHOTOS.items():
        write_records(workspace, name, people, missing)
    return workspace


def records(workspace: Workspace) -> dict[str, tuple[ImageAnnot, ImagePoses]]:
    found = {}
    for name in PHOTOS:
        annot = read_annot(workspace.path(workspace.annot_file(name)))
        poses = read_poses(workspace.path(workspace.poses_file(name)))
        assert annot is not None and poses is not None
        found[name] = annot, poses
    return found


def record_files(workspace: Workspace) -> dict[str, bytes]:
    files = [*workspace.path("annots").rglob("*"), *workspace.path("output").rglob("*")]
    return {str(path): path.read_bytes() for path in files if path.is_file()}


def returned(workspace: Workspace, tool: str, folder: Path) -> Path:
    """The tool's own export, of photos that nobody touched."""
    export_to_tool(workspace, tool, folder)
    if tool == "cvat":
        return write_xml(folder / "back.xml", through_cvat(folder))
    return write_json(folder / "back.json", through_label_studio(folder))


@pytest.mark.parametrize("tool", TOOLS)
def test_what_nobody_touched_comes_back_the_same(tool: str, photos: Workspace, tmp_path: Path) -> None:
    before, files = records(photos), record_files(photos)
    back = returned(photos, tool, tmp_path / "out")
    imported = import_annotations(photos, back, ImportOptions())
    assert (imported.corrected, imported.unchanged, imported.notes) == (0, 4, ())
    assert record_files(photos) == files
    imported = import_annotations(photos, back, CHECKED)
    assert (imported.corrected, imported.unchanged, imported.notes) == (4, 0, ())
    for name, pair in records(photos).items():
        for record, old in zip(pair, before[name], strict=True):
            assert record == old.model_copy(update={"corrected": True, "seal": None}), "but for the mark"
    assert import_annotations(photos, back, CHECKED).unchanged == 4


Change = Callable[[ElementTree.Element], object]


def change_cvat(workspace: Workspace, folder: Path, change: Change, name: str = "é/e.png") -> Path:
    """CVAT's export after somebody has changed one `<image>`."""
    export_to_tool(workspace, "cvat", folder)
    root = through_cvat(folder)
    change(next(image for image in root.iter("image") if image.attrib["name"] == name))
    return write_xml(folder / "back.xml", root)


def change_tasks(workspace: Workspace, folder: Path, change: Callable[[list[Any]], object]) -> Path:
    """Label Studio's export after somebody has changed the regions of é/e.png."""
    export_to_tool(workspace, "label-studio", folder)
    tasks = through_label_studio(folder)
    change(next(task for task in tasks if task["data"]["photo"] == "é/e.png")["annotations"][0]["result"])
    return write_json(folder / "back.json", tasks)


def point(image: ElementTree.Element, person: int, name: str) -> ElementTree.Element:
    return next(p for p in list(image.iter("skeleton"))[person].iter("points") if p.attrib["label"] == name)


def pair_of(workspace: Workspace) -> tuple[ImageAnnot, ImagePoses]:
    return records(workspace)["é/e.png"]


def test_moved_hidden_and_removed_joints_arrive_from_cvat(photos: Workspace, tmp_path: Path) -> None:
    (_, before), files = pair_of(photos), record_files(photos)

    def change(image: ElementTree.Element) -> None:
        point(image, 1, "right_knee").attrib["points"] = "50.50,40.50"
        point(image, 1, "pelvis").attrib["occluded"] = "1"
        point(image, 1, "thorax").attrib["outside"] = "1"

    imported = import_annotations(photos, change_cvat(photos, tmp_path / "out", change), ImportOptions())
    assert (imported.corrected, imported.unchanged, imported.failures) == (1, 3, 0)
    _, poses = pair_of(photos)
    assert poses.corrected and poses.people[0] == before.people[0]
    was = {joint.name: joint for joint in before.people[1].keypoints}
    now = {joint.name: joint for joint in poses.people[1].keypoints}
    assert (now["right_knee"].x, now["right_knee"].y, now["right_knee"].score) == (50, 40, 1)
    assert now["pelvis"] == was["pelvis"].model_copy(update={"score": SURE_SCORE})
    assert "thorax" not in now and len(now) == len(was) - 1
    changed = {path for path, data in record_files(photos).items() if files[path] != data}
    assert changed == {str(photos.path(photos.poses_file("é/e.png")))}, "the boxes stayed, so the annot does"
    assert [joint.name for joint in poses.people[1].keypoints] == [n for n in MPII16.keypoints if n != "thorax"]
    # A hidden joint is one on the way out again.
    export_to_tool(photos, "cvat", tmp_path / "again")
    image = next(i for i in through_cvat(tmp_path / "again").iter("image") if i.attrib["name"] == "é/e.png")
    assert point(image, 1, "pelvis").attrib["occluded"] == "1" and point(image, 1, "thorax").attrib["outside"] == "1"


def test_moved_and_removed_joints_arrive_from_label_studio(photos: Workspace, tmp_path: Path) -> None:
    _, before = pair_of(photos)

    def change(regions: list[Any]) -> None:
        moved = next(region for region in regions if region["id"] == "person-1-right_knee")
        moved["value"] |= {"x": 100 * 50.5 / WIDTH, "y": 100 * 40.5 / HEIGHT}
        regions.remove(next(region for region in regions if region["id"] == "person-1-thorax"))
        lonely = next(region for region in regions if region["id"] == "person-0-pelvis")
        del lonely["parentID"]

    imported = import_annotations(photos, change_tasks(photos, tmp_path / "out", change), ImportOptions())
    assert (imported.corrected, imported.unchanged, imported.notes) == (1, 3, ())
    _, poses = pair_of(photos)
    now = {joint.name: joint for joint in poses.people[1].keypoints}
    assert (now["right_knee"].x, now["right_knee"].y, now["right_knee"].score) == (50, 40, 1)
    assert "thorax" not in now and poses.people[0] == before.people[0]


def test_a_moved_box_leaves_the_poses_to_the_stage(photos: Workspace, tmp_path: Path) -> None:
    before = pair_of(photos)
    path = change_cvat(photos, tmp_path / "out", lambda image: image[2].attrib.update(xtl="40.25", ybr="80"))
    assert import_annotations(photos, path, ImportOptions()).corrected == 1
    annot, poses = pair_of(photos)
    assert annot.corrected and annot.people[0] == before[0].people[0]
    assert annot.people[1].box == Box(x1=40.25, y1=4.5, x2=61.46, y2=80) and annot.people[1].score == 0.8
    assert poses == before[1]


@pytest.mark.parametrize("tool", TOOLS)
def test_people_are_added_and_deleted_in_both_records_alike(tool: str, photos: Workspace, tmp_path: Path) -> None:
    before = pair_of(photos)

    def in_cvat(image: ElementTree.Element) -> None:
        for shape in list(image)[:2]:
            image.remove(shape)
        # Copied from person 1, attributes and all, without a box.
        copied = ElementTree.fromstring(ElementTree.tostring(image[1]))
        copied.attrib.pop("group_id")
        for number, each in enumerate(copied.iter("points")):
            each.attrib |= {"points": f"{80.5 + number},{30.5 + number}", "occluded": "0", "outside": "0"}
        image.append(copied)

    def in_label_studio(regions: list[Any]) -> None:
        regions[:] = [region for region in regions if not region["id"].startswith("person-0")]
        common = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0, "to_name": "image"}
        box = {"x": 65.0, "y": 30.0, "width": 30.0, "height": 30.0, "rectanglelabels": ["person"]}
        regions.append(common | {"id": "Xy_1", "type": "rectanglelabels", "from_name": "box", "value": box})
        for number, name in enumerate(MPII16.keypoints):
            at = {"x": 100 * (80.5 + number) / WIDTH, "y": 100 * (30.5 + number) / HEIGHT, "keypointlabels": [name]}
            regions.append(common | {"id": f"k{number}", "type": "keypointlabels", "from_name": "joint", "value": at})

    change: Any = in_cvat if tool == "cvat" else in_label_studio
    path = (change_cvat if tool == "cvat" else change_tasks)(photos, tmp_path / "out", change)
    imported = import_annotations(photos, path, ImportOptions())
    assert (imported.corrected, imported.notes) == (1, ())
    annot, poses = pair_of(photos)
    for record, old in zip((annot, poses), before, strict=True):
        assert record.corrected and [person.index for person in record.people] == [0, 1]
        assert record.people[0].box == old.people[1].box, "who was 1 is 0"
    assert poses.people[0].keypoints == before[1].people[1].keypoints
    assert [(p.x, p.y, p.score) for p in poses.people[1].keypoints] == [(80 + n, 30 + n, 1) for n in range(16)]
    assert annot.people[1].box == poses.people[1].box
    x1, y1, x2, y2 = annot.people[1].box.xyxy
    assert x1 < 80 and y1 < 30 and x2 > 95 and y2 > 45
    assert import_annotations(photos, path, ImportOptions()).unchanged == 4, "the same file again changes nothing"


def test_somebody_with_a_box_alone_is_estimated_or_said_to_be_without_joints(photos: Workspace, tmp_path: Path) -> None:
    before = pair_of(photos)

    def added(image: ElementTree.Element) -> None:
        edges = {"xtl": "70", "ytl": "10", "xbr": "100", "ybr": "80"}
        ElementTree.SubElement(image, "box", {"label": "person_box", "occluded": "0", **edges})

    path = change_cvat(photos, tmp_path / "out", added)
    assert import_annotations(photos, path, ImportOptions()).corrected == 1
    annot, poses = pair_of(photos)
    assert [person.index for person in annot.people] == [0, 1, 2] and poses == before[1], "hrn-stage does the rest"
    write_records(photos, "é/e.png", 2)
    imported = import_annotations(photos, path, CHECKED)
    assert [note for note in imported.notes if "person 2 has a box and no joints" in note]
    assert pair_of(photos)[1].people[2].keypoints == ()


def test_a_box_without_a_skeleton_says_nothing_of_the_joints(photos: Workspace, tmp_path: Path) -> None:
    before = pair_of(photos)
    path = change_cvat(photos, tmp_path / "out", lambda image: image.remove(image[1]))
    assert import_annotations(photos, path, CHECKED).corrected == 4
    assert pair_of(photos)[1].people == before[1].people


def test_who_is_deleted_leaves_poses_that_were_edited_before_too(photos: Workspace, tmp_path: Path) -> None:
    annot, poses = pair_of(photos)
    file = photos.path(photos.poses_file("é/e.png"))
    write_record(file, poses.model_copy(update={"corrected": True}))

    def change(image: ElementTree.Element) -> None:
        image[:] = image[2:]

    path = change_cvat(photos, tmp_path / "out", change)
    assert import_annotations(photos, path, ImportOptions()).failures == 1
    assert pair_of(photos)[0] == annot
    assert import_annotations(photos, path, OVERWRITE).corrected == 1
    for record, old in zip(pair_of(photos), (annot, poses), strict=True):
        (left,) = record.people
        assert (left.index, left.box) == (0, old.people[1].box)


@pytest.mark.parametrize("record", ["annot", "poses"])
def test_an_earlier_edit_is_kept_unless_it_is_said_otherwise(
    record: str, photos: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(image: ElementTree.Element) -> None:
        image[2].attrib["xtl"] = "40.25"
        point(image, 1, "right_knee").attrib["points"] = "50.50,40.50"

    path = change_cvat(photos, tmp_path / "out", change)
    annot, poses = pair_of(photos)
    edited: ImageAnnot | ImagePoses = annot if record == "annot" else poses
    first = edited.people[0].model_copy(update={"box": Box(x1=1, y1=1, x2=50, y2=60)})
    file = photos.annot_file("é/e.png") if record == "annot" else photos.poses_file("é/e.png")
    people = (first, *edited.people[1:])
    write_record(photos.path(file), edited.model_copy(update={"people": people, "seal": "1" * 64}))
    if record == "annot":  # the stage has followed since
        write_record(photos.path(photos.poses_file("é/e.png")), poses.model_copy(update={"corrected": True}))
    files = record_files(photos)
    assert main(["import", str(path), str(photos.root)]) == 3
    said = capsys.readouterr()
    assert f"{file}: kept" in said.err and "--overwrite" in said.err
    assert "0 photos corrected, 3 unchanged, 1 not taken over" in said.out
    assert record_files(photos) == files, "neither record is touched"
    assert main(["import", str(path), str(photos.root), "--overwrite"]) == 0
    assert pair_of(photos)[0].people[1].box.x1 == 40.25 and pair_of(photos)[1].people[1].box.x1 == 40.25
    assert "1 photos corrected" in capsys.readouterr().out


@pytest.mark.parametrize("after", [False, True])
def test_death_at_any_write_leaves_records_that_the_next_import_can_tell_apart(
    after: bool, photos: Workspace, tmp_path: Path
) -> None:
    def change(image: ElementTree.Element) -> None:
        image[:] = image[2:]
        point(image, 0, "right_knee").attrib["points"] = "50.50,40.50"

    path, point_of_death, halves = change_cvat(photos, tmp_path / "out", change), 0, 0
    while dies_at_write(lambda: import_annotations(photos, path, ImportOptions()), point_of_death, after):
        annot, poses = pair_of(photos)
        imported = import_annotations(photos, path, ImportOptions())
        if annot.corrected and not poses.corrected:
            halves += 1
            assert "older than its annot" in imported.notes[0], "never one person's joints in another's box"
        else:
            assert (imported.corrected, imported.unchanged) in ((1, 3), (0, 4)) and not imported.notes
            assert len(pair_of(photos)[0].people) == len(pair_of(photos)[1].people) == 1
        write_records(photos, "é/e.png", 2)
        point_of_death += 1
    assert point_of_death == 2 and halves == 1


def xml(body: str, head: str = "") -> bytes:
    return f"<?xml version='1.0'?>\n{head}<annotations>\n{body}\n</annotations>".encode()


def picture(body: str, name: str = "b c.png.jpg") -> bytes:
    return xml(f"<image id='0' name='{name}' width='{WIDTH}' height='{HEIGHT}'>\n{body}</image>")


LAUGHS = "<!DOCTYPE a [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]>\n"
OUTSIDE = "<!DOCTYPE a SYSTEM 'file:///etc/passwd'>\n"
BOX = "<box label='person_box' xtl='1' ytl='2' xbr='{}' ybr='4'/>"
RECTANGLE = {"id": "r", "type": "rectanglelabels", "value": {"rectanglelabels": ["person"], "x": "a"}}

KEYPOINT = {"id": "k", "type": "keypointlabels", "original_width": 9, "original_height": 9}


def task(*regions: Any, data: Any = None) -> bytes:
    return json.dumps([{"data": data or {"photo": "a.jpg"}, "annotations": [{"result": regions}]}]).encode()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "neither XML nor JSON"),
        (b"\0" * 100, "neither XML nor JSON"),
        (b"PK\x03\x04", "cannot be read"),
        (b"<html>\n<body></body></html>", "line 1: <html>, expected <annotations>"),
        (xml("<image>"), "line 4: no XML: mismatched tag"),
        (xml("&b;", LAUGHS), "line 2: it declares a document type"),
        (xml("", OUTSIDE), "line 2: it declares a document type"),
        (xml("<a>" * 100_000), "line 3: over 16 elements"),
        (xml("<track id='0'></track>"), "line 3: <track>"),
        (xml("<image id='0' name='a.jpg' width='9'>\n</image>"), "line 4: <image> lacks height"),
        (picture(BOX.format("nan")), "line 4: <box> with xbr 'nan', expected a number"),
        (picture(BOX.format("9" * 400)), "line 4: <box> with xbr '9999"),
        (picture("<box label='person_box' xtl='1'/>"), "line 4: <box> lacks ytl"),
        (picture("<skeleton label='person'><points label='pelvis' points='1'/></skeleton>"), "expected X,Y"),
        (b"<?xml version='1.0' encoding='nothing'?><annotations/>", "line 1: no XML"),
        (b"{}", "task list"),
        (b"[\n{", "line 2, column 2: no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[1]", "task 0"),
        (b'[{"data": {}, "annotations": [{"result": []}]}]', "names no photo"),
        (b'[{"image": "a.jpg", "box": []}]', "task 0, data"),
        (b'[{"data": {"photo": "a.jpg"}, "annotations": [{"result": [{"original_width": 1e999}]}]}]', "task 0"),
        (task(RECTANGLE), "region 'r' lacks original_width"),
        (task(RECTANGLE | {"original_width": 9, "original_height": 9}), "region 'r' has x 'a', expected percent"),
        (task(RECTANGLE | {"original_width": 10**30, "original_height": 9}), "original_width"),
        (task(KEYPOINT | {"value": {"x": 5, "y": 10**400}}), "has y int"),
        (b'[{"data": {"photo": "a.jpg"}, "annotations": [{"result": [{"value": {"x": 1' + b"0" * 5000, "no JSON"),
        (task(KEYPOINT | {"value": {"x": True, "y": 5}}), "has x True"),
        (picture(BOX.format("1e308")), "with xbr '1e308', expected a number"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_with_its_line(
    data: bytes, says: str, photos: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files, path = record_files(photos), tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as refused:
        import_annotations(photos, path, CHECKED)
    assert str(path) in refused.value.reason and says in refused.value.reason, refused.value.reason
    assert main(["import", str(path), str(photos.root)]) == 4
    assert record_files(photos) == files


def test_files_that_are_not_there_or_never_end_are_refused(
    photos: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations.xml", b"<" * 3_000_000)
    monkeypatch.setattr("stage_kit.imports.file.MAX_MB", 2)
    for name, says in (("gone", "No such file"), ("pipe", "pipe"), ("odd.zip", "no annotations.xml"),
                       ("bomb.zip", "more than 2 MB")):  # fmt: skip
        with pytest.raises(ConfigError, match=says):
            import_annotations(photos, tmp_path / name, CHECKED)


def test_cvat_s_archive_is_read(photos: Workspace, tmp_path: Path) -> None:
    back = returned(photos, "cvat", tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "job_1.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(back, "annotations.xml")
        archive.writestr("images/a.jpg", b"a picture")
    assert import_annotations(photos, tmp_path / "job_1.zip", CHECKED).corrected == 4


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda image: image.attrib.update(name="other.png"), "is no photo of this workspace"),
        (lambda image: image.attrib.update(name="../../etc/passwd"), "is no photo of this workspace"),
        (lambda image: image.attrib.update(name="b c.png.jpg"), "stands twice in the file"),
        (lambda image: image.attrib.update(width="90", height="120"), "is another picture: 90 x 120"),
        (lambda image: image[0].attrib.update(rotation="12"), "has a box that is turned"),
        (lambda image: image[0].attrib.update(xtl="5000"), "has a box outside three picture sizes"),
        (lambda image: image[0].attrib.update(xbr="3.12"), "has a box without area"),
        (lambda image: image[1][0].attrib.update(label="left_kne"), "has a keypoint 'left_kne'"),
        (lambda image: image[1][0].attrib.update(label="left_knee"), "has 2 keypoints left_knee"),
        (lambda image: image.extend([image[0]] * 1001), "has more than 1,000 people"),
    ],
)  # fmt: skip
def test_a_photo_that_cannot_be_taken_over_stays_and_the_others_are_done(
    change: Change, says: str, photos: Workspace, tmp_path: Path
) -> None:
    files = record_files(photos)
    imported = import_annotations(photos, change_cvat(photos, tmp_path / "out", change), CHECKED)
    (note,) = imported.notes
    assert says in note and "(line " in note, note
    assert (imported.corrected, imported.failures) == (3, 1)
    for file in (photos.annot_file("é/e.png"), photos.poses_file("é/e.png")):
        assert photos.path(file).read_bytes() == files[str(photos.path(file))]


def test_a_photo_or_record_that_is_another_now_is_not_taken_over(photos: Workspace, tmp_path: Path) -> None:
    back = returned(photos, "cvat", tmp_path / "out")
    write_jpeg(photos.path("images/é/e.png"), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    annot = records(photos)["b c.png.jpg"][0]
    write_record(photos.path(photos.annot_file("b c.png.jpg")), annot.model_copy(update={"people": ()}))
    photos.path(photos.annot_file("a.jpg")).unlink()
    imported = import_annotations(photos, back, CHECKED)
    assert imported.failures == 3 and imported.corrected == 1
    said = "\n".join(imported.notes)
    assert "has changed since its record" in said and "older than its annot" in said and "has no record yet" in said


def test_photos_are_found_without_their_folders_too(photos: Workspace, tmp_path: Path) -> None:
    for name in ("e.png", "images/é/e.png"):
        path = change_cvat(photos, tmp_path / "out", lambda image, name=name: image.attrib.update(name=name))
        assert import_annotations(photos, path, ImportOptions()).unchanged == 4
    write_records(photos, "other/e.png", 1)
    path = change_cvat(photos, tmp_path / "out", lambda image: image.attrib.update(name="e.png"))
    assert "several photos" in import_annotations(photos, path, ImportOptions()).notes[0]


JOINT = Joint("pelvis", 5, 5, False)
FAR = Joint("pelvis", 95, 95, False)
INNER, OUTER = (0.0, 0.0, 10.0, 10.0), (0.0, 0.0, 50.0, 50.0)


@pytest.mark.parametrize(
    ("boxes", "figures", "people"),
    [
        ([], [], []),
        ([BoxShape(INNER)], [], [(None, INNER, None)]),
        ([], [FigureShape(joints=[JOINT])], [(None, None, (JOINT,))]),
        ([BoxShape(INNER)], [FigureShape()], [(None, INNER, ())]),
        ([BoxShape(OUTER), BoxShape(INNER)], [FigureShape(joints=[JOINT])],
         [(None, OUTER, None), (None, INNER, (JOINT,))]),
        ([BoxShape(INNER)], [FigureShape(joints=[FAR])], [(None, INNER, None), (None, None, (FAR,))]),
        ([BoxShape(INNER, "2", 4), BoxShape(INNER, "1")], [FigureShape("1", 4, [FAR])],
         [(4, INNER, None), (4, INNER, (FAR,))]),
        ([BoxShape(INNER, index=3), BoxShape(INNER)], [FigureShape(index=3, joints=[JOINT])],
         [(3, INNER, (JOINT,)), (None, INNER, None)]),
        ([BoxShape(INNER, "1")], [FigureShape("1", joints=[JOINT]), FigureShape("1", joints=[FAR])],
         [(None, INNER, (JOINT,)), (None, None, (FAR,))]),
    ],
)  # fmt: skip
def test_whose_box_and_whose_joints(boxes: list[Any], figures: list[Any], people: list[Any]) -> None:
    assert people_of_shapes(boxes, figures) == tuple(AnnotatedPerson(*person) for person in people)


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_cvat_s_labels_name_every_node_and_edge(skeleton: Any) -> None:
    figure, box = cvat_labels(skeleton)
    assert [sub["name"] for sub in figure["sublabels"]] == list(skeleton.keypoints) and box["type"] == "rectangle"
    svg = ElementTree.fromstring(f"<svg>{figure['svg']}</svg>")
    nodes = {node.attrib["data-node-id"]: node.attrib["data-label-name"] for node in svg.iter("circle")}
    assert nodes == {str(number): name for number, name in enumerate(skeleton.keypoints, 1)}
    edges = [(nodes[e.attrib["data-node-from"]], nodes[e.attrib["data-node-to"]]) for e in svg.iter("line")]
    assert edges == [(limb.a, limb.b) for limb in skeleton.limbs]
    places = {(node.attrib["cx"], node.attrib["cy"]) for node in svg.iter("circle")}
    assert len(places) == len(nodes), "no two on one spot"


def test_nothing_to_export_and_what_is_left_out(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_records(workspace, "a.jpg", 1)
    path = workspace.path(workspace.annot_file("a.jpg"))
    whole = path.read_bytes()
    path.unlink()
    for tool in TOOLS:
        assert main(["export", tool, str(tmp_path / "out"), str(workspace.root)]) == 4
        assert "no records to export" in capsys.readouterr().err
    path.write_bytes(whole[:-9])
    write_records(workspace, "b\x01.jpg", 1)
    write_records(workspace, "c.jpg", 2)
    assert main(["export", "cvat", str(tmp_path / "out"), str(workspace.root)]) == 3
    said = capsys.readouterr()
    assert "1 photos with 2 people" in said.out
    assert "a.jpg has a record with a mistake" in said.err and "a name that XML cannot hold" in said.err
    assert main(["export", "label-studio", str(tmp_path / "out"), str(workspace.root)]) == 3
    assert "2 photos with 3 people" in capsys.readouterr().out


def test_a_running_stage_and_links_out_of_the_workspace_are_in_the_way(photos: Workspace, tmp_path: Path) -> None:
    back = returned(photos, "cvat", tmp_path / "out")
    for stage in installed_stages():
        assert import_annotations(photos, back, ImportOptions()).unchanged == 4
        with locked(photos, stage.name):
            assert main(["import", str(back), str(photos.root)]) == 5
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    photos.path("annots").rename(elsewhere)
    photos.path("annots").symlink_to(elsewhere)
    assert main(["import", str(back), str(photos.root)]) == 5
    assert main(["import", str(back), str(photos.root), "--follow_links"]) == 0
