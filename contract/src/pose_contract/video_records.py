"""The records of videos: `annots/erg.mp4.jsonl` and `output/poses/erg.mp4.jsonl`.

The first line is the header, and each line after it one frame, also where nobody is. Coordinates are pixels of the
upright frame with square pixels: after the container's rotation and its sample aspect ratio.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pose_contract.records import Box, Coordinate, MadeBy, Person, Record, Score, Sha256

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(lambda value: round(value, 6))]
VideoFlag = Literal["variable_rate", "times_repaired", "truncated", "resized"]


class VideoHeader(Record):
    """What is known of a whole video when its last frame has been done.

    Attributes:
        frames: how many there are, and so how many lines follow.
        duration_seconds: from the first frame to the end of the last.
        frames_per_second: the inverse of the median time between frames; 0 where there is one frame only.
        flags: `variable_rate`: frames come at uneven times; `times_repaired`: some time stamps were missing or went
            back; `truncated`: the file ends early, or is damaged from there on; `resized`: frames of another size
            were scaled to the first one's.
        most_people: in one frame.
        frames_sha256: of all lines after this one: another one is a person's edit.
    """

    schema_version: Literal[1] = 1
    image: str
    image_sha256: Sha256
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    frames: int = Field(ge=0)
    duration_seconds: Seconds
    frames_per_second: float = Field(ge=0, allow_inf_nan=False)
    flags: tuple[VideoFlag, ...] = ()
    most_people: int = Field(default=0, ge=0)
    frames_sha256: Sha256
    made_by: MadeBy


class VideoAnnot(VideoHeader):
    """The header of the people whom yolo-stage found in a video."""


class VideoPoses(VideoHeader):
    """The header of the poses that hrn-stage found in a video; `skeleton` names the keypoints and their order."""

    skeleton: str


class Frame(Record):
    """What every line after the header has: the frame's number from 0, and its time from the first frame on."""

    frame: int = Field(ge=0)
    t_seconds: Seconds
    duplicate: bool = False


class FrameAnnot(Frame):
    """The people in one frame; nobody has a cut, as cuts are taken from the frame in memory."""

    people: tuple[Person, ...]


class FramePose(Record):
    """One person's keypoints (x, y, score) in one frame, in the skeleton's order."""

    index: int = Field(ge=0)
    score: Score
    box: Box
    keypoints: tuple[tuple[Coordinate, Coordinate, Score], ...]


class FramePoses(Frame):
    """The poses in one frame."""

    people: tuple[FramePose, ...]
