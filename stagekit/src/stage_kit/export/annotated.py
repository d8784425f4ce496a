"""Photos with people as tools for annotation have them: what is between our records and any such tool's file."""

from __future__ import annotations

from dataclasses import dataclass

PIXEL_CENTRE = 0.5
"""A tool's canvas is continuous, from 0 to the width; our keypoints have pixel centres at integers."""


@dataclass(frozen=True)
class Joint:
    """One keypoint in image pixels, pixel centres at integers.

    `hidden`: whether it is a guess about something that the photo does not show; None where the tool does not say.
    """

    name: str
    x: float
    y: float
    hidden: bool | None = None
    score: float = 1.0


@dataclass(frozen=True)
class AnnotatedPerson:
    """A person: their number in our records, if they have one; box edges in pixels; the joints that are placed.

    Joints that are None have nothing said of them: there is a box and no skeleton.
    """

    index: int | None
    box_xyxy: tuple[float, float, float, float] | None
    joints: tuple[Joint, ...] | None = None
    score: float = 1.0


@dataclass(frozen=True)
class AnnotatedPhoto:
    """A photo, named below images/, its size, and its people.

    `where` says where in the file it stands, `problem` why its people cannot be taken over.
    """

    name: str
    width: int
    height: int
    people: tuple[AnnotatedPerson, ...] = ()
    where: str = ""
    problem: str = ""
