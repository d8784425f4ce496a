"""Reads Label Studio's JSON: what was submitted of each task, rectangles and keypoints of people."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pose_contract.errors import ConfigError
from pose_contract.names import printable
from stage_kit.export.annotated import PIXEL_CENTRE, AnnotatedPerson, AnnotatedPhoto, Joint
from stage_kit.export.label_studio import ID, IMAGE, PERSON, PHOTO
from stage_kit.imports.shapes import MAX_NUMBER, TURNED, BoxShape, smallest_around

AGAIN = "export it as JSON (not JSON-MIN) from a project that `pose export label-studio` has filled"


NUMBERED = re.compile(re.escape(ID) + "([0-9]{1,9})")
Side = Annotated[int, Field(ge=0, le=MAX_NUMBER)] | None


class _Lenient(BaseModel):
    """Label Studio adds fields of its own."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Region(_Lenient):
    id: str = ""
    type: str = ""
    parentID: str | None = None  # noqa: N815 - Label Studio's spelling
    original_width: Side = None
    original_height: Side = None
    image_rotation: float | None = None
    value: dict[str, Any] = {}


class _Annotation(_Lenient):
    result: tuple[_Region, ...] = ()
    was_cancelled: bool | None = False


class _Task(_Lenient):
    data: dict[str, Any]
    annotations: tuple[_Annotation, ...]


_TASKS = TypeAdapter(tuple[_Task, ...])


def photos_of_label_studio(data: bytes, file: str) -> tuple[AnnotatedPhoto, ...]:
    """The photos of the tasks that were submitted; of several annotations of one task the last counts.

    Raises:
        ConfigError: no such JSON, with its line or its task.
    """
    try:
        tasks = _TASKS.validate_json(data)
    except ValidationError as error:
        raise _mistake(error, data, file) from None
    photos = []
    for number, task in enumerate(tasks):
        submitted = [each for each in task.annotations if not each.was_cancelled]
        if submitted:
            photos.append(_photo(task.data, submitted[-1].result, f"task {number}", file))
    return tuple(photos)


def _mistake(error: ValidationError, data: bytes, file: str) -> ConfigError:
    first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        try:
            json.loads(data)
        except json.JSONDecodeError as wrong:
            return ConfigError(f"{file}, line {wrong.lineno}, column {wrong.colno}: no JSON: {wrong.msg}", AGAIN)
        except (ValueError, RecursionError):
            pass
        return ConfigError(f"{file}: no JSON: {printable(str(first['ctx']['error']))[:100]}", AGAIN)
    place = ", ".join(printable(str(part))[:40] for part in first["loc"])
    return ConfigError(f"{file}, task {place or 'list'}: {printable(first['msg'])[:100]}", AGAIN)


def _photo(data: Mapping[str, Any], regions: Sequence[_Region], where: str, file: str) -> AnnotatedPhoto:
    name = data.get(PHOTO) or _name_in(str(data.get(IMAGE, "")))
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{file}, {where}: its data names no photo: neither {PHOTO!r} nor a local file", AGAIN)
    boxes: list[BoxShape] = []
    places: dict[str, int] = {}
    for region in regions:
        if region.type == "rectanglelabels" and PERSON in _labels(region):
            places[region.id] = len(boxes)
            boxes.append(_box(region, f"{file}, {where}"))
    joints: list[list[Joint]] = [[] for _ in boxes]
    problem = TURNED if any(box.turned for box in boxes) else ""
    for region in regions:
        if region.type == "keypointlabels":
            joint = _joint(region, f"{file}, {where}")
            place = places.get(region.parentID or "")
            place = smallest_around(boxes, joint) if place is None else place
            if place is None:
                problem = f"has a {printable(joint.name)[:40]} that is in nobody's box"
            elif any(joint.name == other.name for other in joints[place]):
                problem = f"has two of {printable(joint.name)[:40]} in one box"
            else:
                joints[place].append(joint)
    people = tuple(
        AnnotatedPerson(box.index, box.edges_xyxy, tuple(own) or None) for box, own in zip(boxes, joints, strict=True)
    )
    if any(region.image_rotation for region in regions):
        problem = "was turned in Label Studio"
    width, height = next((_size(region) for region in regions if region.original_width), (0, 0))
    return AnnotatedPhoto(name, width, height, people, where, problem)


def _name_in(url: str) -> str:
    """The photo below images/ of a local file's address; empty where it is another kind of address."""
    inside = parse_qs(urlsplit(url).query).get("d", [unquote(urlsplit(url).path)])[0]
    return inside.partition("images/")[2]


def _size(region: _Region) -> tuple[int, int]:
    return region.original_width or 0, region.original_height or 0


def _box(region: _Region, where: str) -> BoxShape:
    width, height = _required_size(region, where)
    x, y, across, down = (_percent(region, name, where) for name in ("x", "y", "width", "height"))
    edges = (x * width / 100, y * height / 100, (x + across) * width / 100, (y + down) * height / 100)
    number = NUMBERED.fullmatch(region.id)
    return BoxShape(edges, index=int(number[1]) if number else None, turned=bool(region.value.get("rotation")))


def _joint(region: _Region, where: str) -> Joint:
    width, height = _required_size(region, where)
    x, y = _percent(region, "x", where) * width / 100, _percent(region, "y", where) * height / 100
    return Joint(str(next(iter(_labels(region)), "")), x - PIXEL_CENTRE, y - PIXEL_CENTRE)


def _labels(region: _Region) -> list[Any]:
    labels = region.value.get(region.type)
    return labels if isinstance(labels, list) else []


def _required_size(region: _Region, where: str) -> tuple[int, int]:
    if not region.original_width or not region.original_height:
        raise ConfigError(f"{where}, region {printable(region.id)[:40]!r} lacks original_width or _height", AGAIN)
    return region.original_width, region.original_height


def _percent(region: _Region, name: str, where: str) -> float:
    value = region.value.get(name)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and -MAX_NUMBER <= value <= MAX_NUMBER:
        return float(value)
    plain = value is None or isinstance(value, (bool, float))
    shown = repr(value) if plain else repr(value[:40]) if isinstance(value, str) else type(value).__name__
    which = f"{where}, region {printable(region.id)[:40]!r}"
    raise ConfigError(f"{which} has {name} {printable(shown)}, expected percent", AGAIN)
