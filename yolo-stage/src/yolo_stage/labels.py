"""Reads labelled pictures: COCO's JSON, or Darknet's text files beside the pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_contract.errors import ConfigError, ImageError
from pose_contract.names import is_image_name
from stage_kit.pictures.boxes import valid_boxes
from stage_kit.pictures.formats import open_file
from stage_kit.pictures.images import decode_image
from stage_kit.training.split import measured_photos
from yolo_stage.corrected import is_workspace, read_corrected
from yolo_stage.outlines import limb_points, skeleton_of

PERSON = "person"
LABELS_HELP = (
    "COCO's .json, a .txt list or a folder of pictures with Darknet's labels, or a workspace (corrected annots)"
)


@dataclass(frozen=True)
class LabelledPicture:
    """A picture and the people in it.

    Attributes:
        image: the picture file.
        size_wh: its width and height, upright.
        boxes_xyxy: float64 [K, 4], image pixels, edges continuous.
        crowd: bool [K]: boxes of many people or of unclear ones. Left open when trained, not counted when measured.
        outlines: points [P, 2] along the limbs of some of the people, by their index in `people`.
    """

    image: Path
    size_wh: tuple[int, int]
    boxes_xyxy: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    outlines: Mapping[int, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def people(self) -> NDArray[np.float64]:
        """The boxes that are not a crowd's."""
        return self.boxes_xyxy[~self.crowd]


def read_labels(source: Path, images: Path | None, person_class: int) -> list[LabelledPicture]:
    """The labelled pictures that `source` names.

    Args:
        source: a .json in COCO's format; or a .txt with one picture path a line, or a folder of pictures, both with
            Darknet's labels: `class x y w h` a line, relative to the picture, in a .txt of the picture's name beside
            it or in `labels/` where the picture lies in `images/`. A picture without a .txt has nobody in it.
            Or a workspace, whose corrected annots count.
        images: where COCO's pictures lie (default: `images/` beside the JSON, else beside it).
        person_class: the class that is a person in Darknet's labels; COCO's is found by its name.

    Raises:
        ConfigError: nothing there, labels that are damaged, or no pictures.
    """
    if is_workspace(source):
        corrected = read_corrected(source)
        pictures = [_labelled(path, size, boxes, np.zeros(len(boxes), bool)) for path, size, boxes in corrected]
        if not pictures:
            raise ConfigError(f"{source} has no corrected annots", "correct boxes in annots/, and say corrected: true")
    elif source.is_dir() or source.suffix.lower() == ".txt":
        pictures = list(_read_darknet(source, person_class))
    elif source.suffix.lower() == ".json":
        pictures = list(_read_coco(source, images))
    else:
        raise ConfigError(f"no labels {source}", "give COCO's .json, a .txt list of pictures, or a folder of pictures")
    if not pictures:
        raise ConfigError(f"{source} names no pictures", "check the labels")
    return pictures


def read_sets(
    sources: tuple[Path, Path | None], images: Path | None, person_class: int, seed: int
) -> tuple[list[LabelledPicture], list[LabelledPicture]]:
    """The pictures that train and those that measure; one workspace for both is split by photo, by the seed.

    Raises:
        ConfigError: as `read_labels`; a workspace with one corrected picture.
    """
    train, valid = sources
    training = read_labels(train, images, person_class)
    if valid is not None and valid.resolve() != train.resolve():
        return training, read_labels(valid, images, person_class)
    if not is_workspace(train):
        return training, training
    held = measured_photos((picture.image.as_posix() for picture in training), seed)
    parts: tuple[list[LabelledPicture], list[LabelledPicture]] = ([], [])
    for picture in training:
        parts[picture.image.as_posix() in held].append(picture)
    return parts


def _read_coco(source: Path, images: Path | None) -> Iterator[LabelledPicture]:
    try:
        labels: dict[str, Any] = json.loads(source.read_bytes())
        people = {row["id"] for row in labels.get("categories", [{"id": 1, "name": PERSON}]) if row["name"] == PERSON}
        pictures = {row["id"]: (row["file_name"], int(row["width"]), int(row["height"])) for row in labels["images"]}
        skeleton = skeleton_of(labels.get("categories", []))
        rows: dict[Any, list[tuple[float, ...]]] = {number: [] for number in pictures}
        limbs: dict[Any, list[NDArray[np.float64] | None]] = {number: [] for number in pictures}
        for row in labels["annotations"]:
            if row["category_id"] in people:
                x, y, width, height = (float(edge) for edge in row["bbox"])
                rows[row["image_id"]].append((x, y, x + width, y + height, bool(row.get("iscrowd", 0))))
                limbs[row["image_id"]].append(limb_points(row.get("keypoints", []), skeleton))
    except FileNotFoundError:
        raise ConfigError(f"no labels {source}", "check the path") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ConfigError(f"{source} is not COCO's JSON: {error!r}", "export the labels again") from None
    if not people:
        raise ConfigError(f"{source} has no category 'person'", "only people are trained")
    folder = images or (source.parent / "images" if (source.parent / "images").is_dir() else source.parent)
    for number, (name, width, height) in pictures.items():
        found = np.array(rows[number], np.float64).reshape(-1, 5)
        if not (folder / name).is_file():
            raise ConfigError(f"{source} names {folder / name}, which is not there", "say where they are by --images")
        yield _labelled(folder / name, (width, height), found[:, :4], found[:, 4] > 0, limbs[number])


def _read_darknet(source: Path, person_class: int) -> Iterator[LabelledPicture]:
    if source.is_dir():
        paths = sorted(path for path in source.rglob("*") if is_image_name(path.name))
    else:
        try:
            lines = source.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{source} cannot be read: {error}", "check the path") from None
        paths = [source.parent / line.strip() for line in lines if line.strip()]
    for path in paths:
        width, height = _upright_size(path)
        rows = [row[1:] for row in _darknet_rows(_label_file(path)) if row[0] == person_class]
        x, y, w, h = np.array(rows, np.float64).reshape(-1, 4).T * [[width], [height], [width], [height]]
        boxes = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)
        yield _labelled(path, (width, height), boxes, np.zeros(len(boxes), bool))


def _label_file(image: Path) -> Path:
    beside = image.with_suffix(".txt")
    parts = list(image.parts)
    if beside.is_file() or "images" not in parts[:-1]:
        return beside
    last = len(parts) - 2 - parts[-2::-1].index("images")
    return Path(*parts[:last], "labels", *parts[last + 1 :]).with_suffix(".txt")


def _darknet_rows(path: Path) -> Iterator[tuple[float, ...]]:
    if not path.is_file():
        return
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", "correct the label") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = tuple(float(part) for part in line.split())
            fits = len(row) == 5 and all(0 <= part <= 1 for part in row[1:])
        except ValueError:
            fits = False
        if not fits:
            reason = f"{path}:{number}: expected 'class x y w h' with x, y, w, h from 0 to 1, got '{line[:60]}'"
            raise ConfigError(reason, "correct the label")
        yield row


def _upright_size(path: Path) -> tuple[int, int]:
    try:
        with path.open("rb") as file, open_file(file) as picture:
            turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            return (picture.height, picture.width) if turned else (picture.width, picture.height)
    except FileNotFoundError:
        raise ConfigError(f"no picture {path}", "check the list of pictures") from None
    except Exception as error:  # Pillow's parsers raise nearly anything at damaged bytes
        raise ConfigError(f"{path} cannot be read: {error}", "take it out of the training pictures") from None


def _labelled(
    path: Path,
    size_wh: tuple[int, int],
    boxes: NDArray[np.float64],
    crowd: NDArray[np.bool_],
    limbs: Sequence[NDArray[np.float64] | None] = (),
) -> LabelledPicture:
    """Boxes are clipped to the picture; those without area in it are left out."""
    boxes = np.clip(boxes, 0, [*size_wh, *size_wh])
    valid = valid_boxes(boxes)
    people = [points for points, kept in zip(limbs, valid & ~crowd, strict=True) if kept] if limbs else []
    outlines = {index: points for index, points in enumerate(people) if points is not None}
    return LabelledPicture(path, size_wh, boxes[valid], crowd[valid], outlines)


def read_picture(labelled: LabelledPicture) -> NDArray[np.uint8]:
    """The picture's pixels. Raises ConfigError where they cannot be read or are not of the labelled size."""
    try:
        picture = decode_image(labelled.image.read_bytes())
    except (OSError, ImageError) as error:
        raise ConfigError(f"{labelled.image} {error}", "take it out of the training pictures") from None
    if (picture.shape[1], picture.shape[0]) != labelled.size_wh:
        reason = f"{labelled.image} has {picture.shape[1]} x {picture.shape[0]} px, its labels {labelled.size_wh}"
        raise ConfigError(reason, "label the picture as it is shown upright")
    return picture
