"""Reads CVAT's XML, "CVAT for images 1.1": rectangles and skeletons of people, picture by picture.

The file is a stranger's: what declares a document type, and with it entities, is refused; so is what nests deeply.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from pose_contract.errors import ConfigError
from pose_contract.names import printable
from stage_kit.export.annotated import PIXEL_CENTRE, AnnotatedPhoto, Joint
from stage_kit.export.cvat import BOX, INDEX, PERSON
from stage_kit.imports.shapes import MAX_NUMBER, TURNED, BoxShape, FigureShape, people_of_shapes

MAX_DEPTH = 16
AGAIN = "export it as CVAT for images 1.1"
Attributes = Mapping[str, str]


@dataclass
class _Picture:
    """The `<image>` that is being read, and the shape in it."""

    attributes: Attributes
    where: str
    boxes: list[BoxShape] = field(default_factory=list)
    figures: list[FigureShape] = field(default_factory=list)
    shape: BoxShape | FigureShape | None = None


class _Reading:
    """Expat's handlers and what they have gathered so far."""

    def __init__(self, file: str) -> None:
        self.photos: list[AnnotatedPhoto] = []
        self._file = file
        self._tags: list[str] = []
        self._picture: _Picture | None = None
        self._number: list[str] | None = None
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self, data: bytes) -> None:
        """Raises ConfigError with file and line."""
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            raise self._mistake(f"no XML: {expat.ErrorString(error.code)}", error.lineno) from None
        except (UnicodeError, LookupError, ValueError) as error:  # of an odd encoding
            raise self._mistake(f"no XML: {error}") from None

    def _mistake(self, what: str, line: int | None = None) -> ConfigError:
        return ConfigError(f"{self._file}, line {line or self._parser.CurrentLineNumber}: {printable(what)}", AGAIN)

    def _doctype(self, *_: object) -> None:
        raise self._mistake("it declares a document type, as CVAT's exports never do")

    def _start(self, tag: str, attributes: Attributes) -> None:
        self._tags.append(tag)
        if len(self._tags) > MAX_DEPTH:
            raise self._mistake(f"over {MAX_DEPTH} elements in each other")
        if len(self._tags) == 1 and tag != "annotations":
            raise self._mistake(f"<{tag[:40]}>, expected <annotations>")
        if tag == "track":
            raise self._mistake("<track>: it is a video's")
        picture, parent = self._picture, self._tags[-2] if len(self._tags) > 1 else ""
        if tag == "image" and parent == "annotations":
            self._picture = _Picture(attributes, f"line {self._parser.CurrentLineNumber}")
        elif picture is None:
            return
        elif parent == "image":
            picture.shape = self._shape(tag, attributes)
        elif tag == "points" and parent == "skeleton" and isinstance(picture.shape, FigureShape):
            self._add_joint(picture.shape, attributes)
        elif tag == "attribute" and picture.shape is not None and attributes.get("name") == INDEX:
            self._number = []

    def _shape(self, tag: str, attributes: Attributes) -> BoxShape | FigureShape | None:
        """A person's rectangle or skeleton; a task may hold other things, which are none of ours."""
        label, group = attributes.get("label"), attributes.get("group_id", "0")
        if tag == "box" and label in (BOX, PERSON):
            x1, y1, x2, y2 = (self._number_of(attributes, edge, tag) for edge in ("xtl", "ytl", "xbr", "ybr"))
            turned = "rotation" in attributes and self._number_of(attributes, "rotation", tag) != 0
            return BoxShape((x1, y1, x2, y2), "" if group == "0" else group, turned=turned)
        return FigureShape("" if group == "0" else group) if tag == "skeleton" and label == PERSON else None

    def _add_joint(self, figure: FigureShape, attributes: Attributes) -> None:
        places = attributes.get("points", "").split(",")
        if attributes.get("outside") == "1":
            return
        if len(places) != 2:
            raise self._mistake(f"<points> with points {attributes.get('points', '')[:40]!r}, expected X,Y")
        x, y = (self._number_of({"points": place}, "points", "points") - PIXEL_CENTRE for place in places)
        figure.joints.append(Joint(attributes.get("label", ""), x, y, attributes.get("occluded") == "1"))

    def _number_of(self, attributes: Attributes, name: str, tag: str) -> float:
        if name not in attributes:
            raise self._mistake(f"<{tag}> lacks {name}")
        try:
            number = float(attributes[name])
        except ValueError:
            number = math.nan
        if not -MAX_NUMBER <= number <= MAX_NUMBER:  # nor is it one that is not a number
            raise self._mistake(f"<{tag}> with {name} {attributes[name][:40]!r}, expected a number")
        return number

    def _text(self, text: str) -> None:
        if self._number is not None:
            self._number.append(text)

    def _end(self, tag: str) -> None:
        self._tags.pop()
        picture = self._picture
        if picture is None:
            return
        if tag == "attribute" and self._number is not None and picture.shape is not None:
            text = "".join(self._number)[:10].strip()
            picture.shape.index = int(text) if text.isascii() and text.isdigit() else None
            self._number = None
        elif self._tags[-1] == "image" and picture.shape is not None:
            gathered: list[BoxShape] | list[FigureShape] = (
                picture.boxes if isinstance(picture.shape, BoxShape) else picture.figures
            )
            gathered.append(picture.shape)  # type: ignore[arg-type] # it is of the list's kind
            picture.shape = None
        elif tag == "image" and self._tags[-1] == "annotations":
            self.photos.append(self._photo(picture))
            self._picture = None

    def _photo(self, picture: _Picture) -> AnnotatedPhoto:
        width, height = (int(self._number_of(picture.attributes, side, "image")) for side in ("width", "height"))
        people = people_of_shapes(picture.boxes, picture.figures)
        problem = TURNED if any(box.turned for box in picture.boxes) else ""
        return AnnotatedPhoto(picture.attributes.get("name", ""), width, height, people, picture.where, problem)


def photos_of_cvat(data: bytes, file: str) -> tuple[AnnotatedPhoto, ...]:
    """The photos of an export with these bytes.

    Raises:
        ConfigError: no such XML, with its line.
    """
    reading = _Reading(file)
    reading.read(data)
    return tuple(reading.photos)
