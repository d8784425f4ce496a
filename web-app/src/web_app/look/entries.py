"""One photo or video of a workspace as the gallery shows it. Data, and what follows from records (pure)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from pose_contract.records import Failure, ImageAnnot, ImagePoses
from pose_contract.video_records import VideoHeader
from stage_kit.runs.found_records import FoundRecord

State = Literal["to do", "failed", "nobody", "done"]
ID_LETTERS = 20


@dataclass(frozen=True)
class Found:
    """What the records of one photo or video say.

    Attributes:
        people: in the picture, or at most in one frame of a video; None where no stage has been there.
        scores: of the people, in their order: of poses where there are any, else of boxes.
        posed: whether there are poses.
        edited: whether somebody edited a record, marked corrected or not.
        corrected: whether the poses are marked corrected: training learns from them.
        mistake: why a record cannot be read.
    """

    people: int | None = None
    scores: tuple[float, ...] = ()
    posed: bool = False
    edited: bool = False
    corrected: bool = False
    mistake: Failure | None = None


@dataclass(frozen=True)
class Entry:
    """One photo or video. `version` is another one whenever a file that is shown of it has changed."""

    name: str
    video: bool
    found: Found
    failure: Failure | None
    version: str

    @property
    def id(self) -> str:
        """What pages and the API call it by. A name never becomes a path: it is looked up by this."""
        return id_of(self.name)

    @property
    def state(self) -> State:
        """How far it is."""
        if self.failure is not None:
            return "failed"
        if self.found.people is None:
            return "to do"
        return "done" if self.found.people else "nobody"

    @property
    def lowest(self) -> float | None:
        """The least score of anybody in it; None where nobody is, or where nobody has looked yet."""
        return min(self.found.scores, default=None)


def id_of(name: str) -> str:
    """The id of a photo or video of that name below images/."""
    return hashlib.sha256(name.encode()).hexdigest()[:ID_LETTERS]


def found_in_photo(annot: FoundRecord[ImageAnnot] | None, poses: FoundRecord[ImagePoses] | None) -> Found:
    """What a photo's records say together."""
    records = [found for found in (annot, poses) if found is not None]
    if poses is not None:
        people = poses.record.people
        scores = tuple(person.score for person in people)
    else:
        scores = tuple(person.score for person in annot.record.people) if annot is not None else ()
    return Found(
        people=len(scores) if records else None,
        scores=scores,
        posed=poses is not None,
        edited=any(found.edited for found in records),
        corrected=poses is not None and poses.record.corrected,
    )


def found_in_video(annot: VideoHeader | None, poses: VideoHeader | None, edited: bool) -> Found:
    """What a video's records say together."""
    header = poses or annot
    return Found(people=header.most_people if header else None, posed=poses is not None, edited=edited)
