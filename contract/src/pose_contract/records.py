"""The records that the stages exchange: frozen, validated, and equal work gives equal bytes.

Frames: every coordinate is in pixels of the full image after EXIF orientation, origin top-left, x right, y down.
Keypoints have pixel centres at integers; box edges are continuous, 0 to width and 0 to height, as COCO and Darknet give
them (docs/adr/0002).
"""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

FIRST_RELEASE = "0.1.0"

SURE_SCORE = 0.2
"""Keypoints from this score on count in a person's score, as in HRNet's COCO evaluation."""

Coordinate = Annotated[float, Field(allow_inf_nan=False), AfterValidator(lambda value: round(value, 3) + 0.0)]
Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), AfterValidator(lambda value: round(value, 4))]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Record(BaseModel):
    """Base of all records: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Box(Record):
    """A person's box: left, top, right, bottom edge in image pixels."""

    x1: Coordinate
    y1: Coordinate
    x2: Coordinate
    y2: Coordinate

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """The four edges in the order of the field's tools."""
        return self.x1, self.y1, self.x2, self.y2


class Cut(Record):
    """The picture part that the next stage works from: pixel (x, y) of the image is pixel (0, 0) of `file`."""

    file: str
    x: int = Field(ge=0)
    y: int = Field(ge=0)
    width: int = Field(gt=0)
    height: int = Field(gt=0)


class Person(Record):
    """One detected person; `score` is objectness times class probability.

    A person whom somebody adds by hand needs no `cut`: yolo-stage makes it.
    """

    index: int = Field(ge=0)
    score: Score
    box: Box
    cut: Cut | None = None


class MadeBy(Record):
    """What a record depends on besides its image. Whatever changes results stands here, and nothing else.

    `results` is a number that a stage raises by hand when the same inputs give other results: a release alone makes
    nobody's records old. Records of the first release had its version instead.
    """

    stage: str
    results: int = Field(ge=1)
    model: str
    weights_sha256: Sha256
    options: dict[str, JsonValue]
    annot_sha256: Sha256 | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_the_first_release(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("version") == FIRST_RELEASE and "results" not in data:
            return {name: value for name, value in data.items() if name != "version"} | {"results": 1}
        return data


class ImageRecord(Record):
    """What annots and poses have in common: one image, and whether a person has corrected the record.

    `seal` is the SHA-256 of the record's bytes with 64 zeros in its place: a person's edit breaks it. Somebody added by
    hand may lack `index` (the next that is free) and `score` (1).
    """

    schema_version: Literal[1] = 1
    image: str
    image_sha256: Sha256
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    seal: Sha256 | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_those_added_by_hand(cls, data: Any) -> Any:
        people = data.get("people") if isinstance(data, dict) else None
        if not isinstance(people, list) or all(
            isinstance(who, dict) and {"index", "score"} <= who.keys() for who in people
        ):
            return data
        taken = [who["index"] for who in people if isinstance(who, dict) and isinstance(who.get("index"), int)]
        free = itertools.count(max(taken, default=-1) + 1)
        filled = [
            {"score": 1.0} | ({} if "index" in who else {"index": next(free)}) | who if isinstance(who, dict) else who
            for who in people
        ]
        return data | {"people": filled}


class ImageAnnot(ImageRecord):
    """The people whom yolo-stage found in one image; `people` is empty where nobody is."""

    corrected: bool = False
    people: tuple[Person, ...]
    made_by: MadeBy


class Keypoint(Record):
    """One joint in image pixels, pixel centres at integers."""

    name: str
    x: Coordinate
    y: Coordinate
    score: Score


class PersonPose(Record):
    """One person's keypoints, in the skeleton's order; `score` is box score times mean score of sure keypoints."""

    index: int = Field(ge=0)
    score: Score
    box: Box
    keypoints: tuple[Keypoint, ...]


class ImagePoses(ImageRecord):
    """The poses that hrn-stage found in one image."""

    skeleton: str
    corrected: bool = False
    people: tuple[PersonPose, ...]
    made_by: MadeBy


class Failure(Record):
    """One file that could not be processed: why, and what the user can do about it."""

    file: str
    reason: str
    remedy: str


class Counts(Record):
    """How the images of one run fared: `images` are `processed`, `redrawn`, `skipped` or `failed` when it has ended."""

    images: int = 0
    processed: int = 0
    redrawn: int = 0
    skipped: int = 0
    failed: int = 0
    nobody: int = 0
    people: int = 0


class RunReport(Record):
    """What one run of a stage did. The only record that holds times."""

    schema_version: Literal[1] = 1
    stage: str
    version: str
    state: Literal["running", "finished", "interrupted", "stopped"]
    message: str = ""
    started: str
    seconds: float
    images_per_second: float
    engine: str
    device: str
    model: str
    counts: Counts
    failures: tuple[Failure, ...] = ()
    ignored_files: tuple[str, ...] = ()
    options: dict[str, Any] = {}
