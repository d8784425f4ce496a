from __future__ import annotations

import csv
import io
from pathlib import PurePosixPath

import pytest
from sample_records import SHA, annot, poses

from pose_contract.records import ImagePoses
from pose_contract.tables import KEYPOINT_COLUMNS, frame_rows, keypoint_rows
from pose_contract.video_records import FramePose, FramePoses
from stage_kit.export.csv_text import CSV_HEADER, csv_rows


def test_a_frames_rows_say_when_and_a_photos_do_not() -> None:
    box = sample_poses().people[0].box
    line = FramePoses(
        frame=7, t_seconds=0.25, people=(FramePose(index=1, score=0.5, box=box, keypoints=((1, 2.5, 0.75), (3, 4, 0))),)
    )
    assert list(frame_rows(line.model_copy(update={"people": ()}), "a.mp4", ["nose", "neck"])) == []
    assert csv_rows(frame_rows(line, "a.mp4", ["nose", "neck"])).splitlines() == [
        "a.mp4,1,nose,1.0,2.5,0.75,7,0.25",
        "a.mp4,1,neck,3.0,4.0,0.0,7,0.25",
    ]
    assert csv_rows(keypoint_rows(sample_poses(), "a.jpg")).splitlines()[0].endswith(",,")
    assert len(CSV_HEADER.split(",")) == len(KEYPOINT_COLUMNS) == 8


def sample_poses() -> ImagePoses:
    return poses(annot(people=2), SHA)


NAMES = [
    "a.jpg", "sub/é (1).jpg", "=1+1.jpg", "+a.jpg", "-a.jpg", "@a.jpg", "\ta.jpg", "\ra.jpg", "\n=a.jpg", "a\r=b.jpg",
    "a\nb.jpg", 'a"b.jpg', '",=1+1,".jpg', "a;=1+1.jpg", "a\t=1+1.jpg", "a,b.jpg", " =1.jpg", "＝1.jpg", "'a.jpg",
    "-sub/=a.jpg", "%0D=a.jpg", "|a.jpg",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_survives_csv_and_begins_no_formula(name: str) -> None:
    text = csv_rows(keypoint_rows(sample_poses(), name))
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len(rows) == sum(len(person.keypoints) for person in sample_poses().people) > 0
    for row, expected in zip(rows, keypoint_rows(sample_poses(), name), strict=True):
        assert PurePosixPath(row[0]) == PurePosixPath(name)
        assert row[1:] == ["" if value is None else str(value) for value in expected[1:]]
    # Whatever separates the cells of a spreadsheet, none begins as a formula does.
    for separator in ",;\t":
        for row in csv.reader(io.StringIO(text.replace("\r\n", "\n"), newline=""), delimiter=separator):
            assert all(cell[:1] not in ("=", "+", "@", "\t", "\r") for cell in row), row
            assert not row[0].startswith("-")


def test_usual_names_are_not_quoted() -> None:
    assert csv_rows(keypoint_rows(sample_poses(), "sub/IMG_1 (2).jpg")).startswith("sub/IMG_1 (2).jpg,0,")


def test_a_keypoint_of_a_strangers_record_begins_no_formula_either() -> None:
    record = sample_poses()
    (person, *_), point = record.people, record.people[0].keypoints[0]
    person = person.model_copy(update={"keypoints": (point.model_copy(update={"name": '=1+1;"'}),)})
    (row,) = csv.reader(io.StringIO(csv_rows(keypoint_rows(record.model_copy(update={"people": (person,)}), "a.jpg"))))
    assert row[2] == './=1+1;"'
