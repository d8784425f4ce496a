from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pose_contract.errors import ConfigError
from pose_contract.records import Box, ImageAnnot, MadeBy, Person
from pose_contract.storage import write_record
from yolo_stage.labels import LabelledPicture, read_labels, read_picture, read_sets

ONE = '{"images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}], "annotations": [%s]}'


def save(path: Path, size_wh: tuple[int, int] = (40, 20), orientation: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size_wh, (9, 90, 200)).save(path, exif=exif)
    return path


def coco(folder: Path, boxes: list[dict[str, object]], categories: object = None) -> Path:
    save(folder / "images" / "a b.jpg")
    labels = {
        "images": [{"id": 7, "file_name": "a b.jpg", "width": 40, "height": 20}],
        "annotations": [{"image_id": 7, "category_id": 3, **box} for box in boxes],
        "categories": categories or [{"id": 1, "name": "dog"}, {"id": 3, "name": "person"}],
    }
    path = folder / "labels.json"
    path.write_text(json.dumps(labels), encoding="utf-8")
    return path


def test_coco_nobody(tmp_path: Path) -> None:
    (picture,) = read_labels(coco(tmp_path, []), None, 0)
    assert picture.size_wh == (40, 20)
    assert picture.boxes_xyxy.shape == (0, 4) and picture.crowd.shape == (0,)


@pytest.mark.parametrize(
    ("bbox", "expected"),
    [
        ([50, 2, 5, 5], []),  # out of the picture
        ([3, 2, 0, 5], []),  # no area
        ([-5, 2, 10, 30], [[0, 2, 5, 20]]),  # clipped
        ([1.5, 2, 10, 5], [[1.5, 2, 11.5, 7]]),
    ],
)
def test_coco_boxes(bbox: list[float], expected: list[list[float]], tmp_path: Path) -> None:
    (picture,) = read_labels(coco(tmp_path, [{"bbox": bbox}]), None, 0)
    np.testing.assert_allclose(picture.boxes_xyxy, np.array(expected).reshape(-1, 4))


def test_coco_takes_people_only_and_parts_crowds(tmp_path: Path) -> None:
    rows = [
        {"bbox": [0, 0, 5, 5]},
        {"bbox": [6, 0, 5, 5], "iscrowd": 1},
        {"bbox": [1, 1, 5, 5], "category_id": 1},
    ]
    (picture,) = read_labels(coco(tmp_path, rows), None, 0)
    assert picture.crowd.tolist() == [False, True]
    assert picture.people.tolist() == [[0, 0, 5, 5]]


def test_images_may_lie_elsewhere(tmp_path: Path) -> None:
    source = coco(tmp_path / "labels", [])
    (tmp_path / "labels" / "images" / "a b.jpg").rename(tmp_path / "a b.jpg")
    with pytest.raises(ConfigError, match="not there"):
        read_labels(source, None, 0)
    (picture,) = read_labels(source, tmp_path, 0)
    assert picture.image == tmp_path / "a b.jpg"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not COCO"),
        ("[]", "not COCO"),
        ('{"images": []}', "not COCO"),
        ('{"images": [], "annotations": [], "categories": [{"id": 1, "name": "dog"}]}', "no category 'person'"),
        ('{"images": [], "annotations": []}', "names no pictures"),
        ('{"images": [{"id": 1}], "annotations": []}', "not COCO"),
        (ONE % '{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3]}', "not COCO"),
        (ONE % '{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4, 0.5]}', "not COCO"),
        (ONE % '{"image_id": 2, "category_id": 1, "bbox": [1, 2, 3, 4]}', "not COCO"),
    ],
)
def test_damaged_coco_labels(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_labels(path, None, 0)


@pytest.mark.parametrize("name", ["missing.json", "missing.txt", "missing"])
def test_labels_that_are_not_there(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing"):
        read_labels(tmp_path / name, None, 0)


def test_darknet_labels_beside_the_pictures_and_in_a_folder_of_their_own(tmp_path: Path) -> None:
    save(tmp_path / "beside" / "a.jpg")
    (tmp_path / "beside" / "a.txt").write_text("0 0.5 0.5 0.5 1\n1 0.5 0.5 0.1 0.1\n\n", encoding="utf-8")
    save(tmp_path / "apart" / "images" / "sub" / "b.png")
    labels = tmp_path / "apart" / "labels" / "sub" / "b.txt"
    labels.parent.mkdir(parents=True)
    labels.write_text("0 0.25 0.5 0.5 0.5", encoding="utf-8")
    save(tmp_path / "nobody.jpg")
    a, b, nobody = (
        read_labels(tmp_path, None, 0)[1],
        read_labels(tmp_path, None, 0)[0],
        read_labels(tmp_path, None, 0)[2],
    )
    assert a.boxes_xyxy.tolist() == [[10, 0, 30, 20]]
    assert b.boxes_xyxy.tolist() == [[0, 5, 20, 15]]
    assert nobody.boxes_xyxy.shape == (0, 4)


def test_a_list_of_pictures(tmp_path: Path) -> None:
    save(tmp_path / "p" / "a.jpg")
    (tmp_path / "p" / "a.txt").write_text("3 0.5 0.5 0.5 1", encoding="utf-8")
    listing = tmp_path / "train.txt"
    listing.write_text("p/a.jpg\n\n", encoding="utf-8")
    (picture,) = read_labels(listing, None, 3)
    assert picture.boxes_xyxy.tolist() == [[10, 0, 30, 20]]
    listing.write_text("p/missing.jpg", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"no picture .*missing\.jpg"):
        read_labels(listing, None, 3)


@pytest.mark.parametrize("line", ["0 0.5 0.5 0.5", "0 1.5 0.5 0.5 0.5", "person 0.5 0.5 0.5 0.5"])
def test_a_damaged_darknet_label_names_file_and_line(line: str, tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    (tmp_path / "a.txt").write_text(f"0 0.5 0.5 0.5 1\n{line}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"a\.txt:2: expected"):
        read_labels(tmp_path, None, 0)
    (tmp_path / "a.txt").write_bytes(b"0 0.5 0.5 0.5 1 \xff")
    with pytest.raises(ConfigError, match=r"a\.txt cannot be read"):
        read_labels(tmp_path, None, 0)


def test_a_picture_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(ConfigError, match=r"a\.jpg cannot be read"):
        read_labels(tmp_path, None, 0)


def test_the_size_is_that_of_the_upright_picture(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", (40, 20), orientation=6)
    (picture,) = read_labels(tmp_path, None, 0)
    assert picture.size_wh == (20, 40)
    assert read_picture(picture).shape == (40, 20, 3)


def test_a_picture_of_another_size_than_labelled(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", (40, 20))
    labelled = LabelledPicture(path, (20, 40), np.zeros((0, 4)), np.zeros(0, bool))
    with pytest.raises(ConfigError, match="40 x 20"):
        read_picture(labelled)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ConfigError, match=r"a\.jpg"):
        read_picture(labelled)


def corrected_workspace(root: Path, photos: int) -> Path:
    """Photos 0, 1, …; nobody is on the first, the fourth is not corrected."""
    person = Person(index=0, score=1, box=Box(x1=2, y1=3, x2=30, y2=60))
    made_by = MadeBy(stage="yolo-stage", results=1, model="m", weights_sha256="0" * 64, options={})
    for number in range(photos):
        save(root / f"images/{number}.jpg", (60, 50))
        annot = ImageAnnot(
            image=f"images/{number}.jpg", image_sha256="0" * 64, width=60, height=50, corrected=number != 3,
            people=(person,) if number else (), made_by=made_by,
        )  # fmt: skip
        write_record(root / f"annots/{number}.json", annot)
    return root


def test_corrected_annots_of_a_workspace_are_labels(tmp_path: Path) -> None:
    (tmp_path / "annots").mkdir()
    (tmp_path / "images").mkdir()
    with pytest.raises(ConfigError, match="no corrected annots"):
        read_labels(tmp_path, None, 0)
    nobody, one, *_ = found = read_labels(corrected_workspace(tmp_path, 12), None, 0)
    assert len(found) == 11 and "3.jpg" not in {picture.image.name for picture in found}
    assert nobody.people.shape == (0, 4) and nobody.size_wh == (60, 50)
    assert one.people.tolist() == [[2, 3, 30, 50]], "clipped to the photo"
    assert read_picture(one).shape == (50, 60, 3)


def test_one_workspace_for_both_is_split_by_photo(tmp_path: Path) -> None:
    both = corrected_workspace(tmp_path / "both", 12)
    for valid in (None, both):
        training, testing = read_sets((both, valid), None, 0, seed=1)
        assert len(training) == 8 and len(testing) == 3
        assert not {picture.image for picture in training} & {picture.image for picture in testing}
    other = corrected_workspace(tmp_path / "other", 2)
    assert [len(part) for part in read_sets((both, other), None, 0, seed=1)] == [11, 2]
    with pytest.raises(ConfigError, match="one part has to train"):
        read_sets((corrected_workspace(tmp_path / "one", 1), None), None, 0, seed=1)
