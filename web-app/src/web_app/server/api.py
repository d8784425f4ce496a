"""The JSON API under /api/v1: what the pages' scripts use, and programs may."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from pose_contract.names import printable
from pose_contract.records import RunReport
from web_app.correct.document import Correction, Document, document, read_records
from web_app.correct.following import State as FollowingState
from web_app.correct.saving import save
from web_app.correct.training import training
from web_app.look import filters
from web_app.look.entries import ID_LETTERS, Entry
from web_app.look.motion_files import marks_of, speed_curves
from web_app.look.stage_runs import stage_runs
from web_app.server.state import AppState, state_of

router = APIRouter(prefix="/api/v1")
Shared = Annotated[AppState, Depends(state_of)]
EntryId = Annotated[str, Path(pattern=f"^[0-9a-f]{{{ID_LETTERS}}}$")]
MOST_AT_ONCE = 500


class EntryOut(BaseModel):
    """A photo or video in a list."""

    id: str
    name: str
    kind: Literal["photo", "video"]
    state: str
    people: int | None
    scores: tuple[float, ...]
    edited: bool
    corrected: bool
    reason: str | None
    remedy: str | None


class Page(BaseModel):
    """A part of the list; `total` is how many there are in all."""

    total: int
    offset: int
    entries: list[EntryOut]


class Counted(BaseModel):
    """How many there are of each kind."""

    counts: dict[str, int]


class FollowingOut(BaseModel):
    """How far the pictures are that follow from a correction."""

    state: FollowingState
    told: str


class SavedOut(BaseModel):
    """What a correction has changed; see `correct.saving.Saved`."""

    etag: str
    changed: bool
    boxes: bool
    keypoints: bool
    notes: tuple[str, ...]


class CurveOut(BaseModel):
    """A point's speed; see `look.motion_files.Curve`."""

    track: str
    point: str
    unit: str
    seconds: list[float]
    values: list[float | None]


class MarkOut(BaseModel):
    """An event; see `look.motion_files.Mark`."""

    track: str
    kind: str
    seconds: float
    end_seconds: float | None


class MotionOut(BaseModel):
    """What is known of how people in a video move."""

    curves: list[CurveOut]
    marks: list[MarkOut]


class RunOut(BaseModel):
    """A stage's last run."""

    state: str
    total: int
    there: int
    report: RunReport


class RunsOut(BaseModel):
    """All stages' last runs, and how many photos wait for their pictures to follow a correction."""

    runs: list[RunOut]
    following: int


class TrainingOut(BaseModel):
    """How many photos training would learn from, and the command."""

    photos: int
    people: int
    command: str


def listed(
    show: filters.Show = "all",
    sort: filters.Sort = "name",
    q: Annotated[str, Query(max_length=200)] = "",
) -> filters.Query:
    """What a request says of which photos and videos it wants, in which order; `q`: a part of the name."""
    return filters.Query(show, q, sort)


Listed = Annotated[filters.Query, Depends(listed)]


def _entry_out(entry: Entry) -> EntryOut:
    failure = entry.failure
    return EntryOut(
        id=entry.id,
        name=printable(entry.name),
        kind="video" if entry.video else "photo",
        state=entry.state,
        people=entry.found.people,
        scores=entry.found.scores,
        edited=entry.found.edited,
        corrected=entry.found.corrected,
        reason=failure.reason if failure else None,
        remedy=failure.remedy if failure else None,
    )


@router.get("/entries")
def entries(
    shared: Shared,
    listed: Listed,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = filters.PAGE,
) -> Page:
    """Photos and videos, filtered and in order."""
    found = filters.chosen(shared.catalog.entries(), listed)
    return Page(total=len(found), offset=offset, entries=[_entry_out(one) for one in found[offset : offset + limit]])


@router.get("/counts")
def counts(shared: Shared) -> Counted:
    """How many photos and videos there are of each kind."""
    return Counted(counts={str(show): number for show, number in filters.counts(shared.catalog.entries()).items()})


@router.get("/photos/{entry_id}")
def photo(shared: Shared, entry_id: EntryId, response: Response) -> Document:
    """One photo's people. The header ETag is what a correction has to name."""
    entry = shared.entry(entry_id, video=False)
    found = document(entry.id, entry.name, read_records(shared.workspace, entry.name))
    if found is None:
        raise HTTPException(404, "no stage has seen this photo yet")
    response.headers["ETag"] = f'"{found.etag}"'
    return found


@router.put("/photos/{entry_id}")
def correct(
    shared: Shared,
    entry_id: EntryId,
    correction: Correction,
    response: Response,
    if_match: Annotated[str | None, Header(max_length=100)] = None,
) -> SavedOut:
    """Writes all people of a photo, if its records are those that the header If-Match names."""
    entry = shared.entry(entry_id, video=False)
    if if_match is None:
        raise HTTPException(428, "say by If-Match which records you have seen")
    saved = save(shared.workspace, entry.name, correction, if_match.strip().removeprefix("W/").strip('"'))
    shared.catalog.forget()
    if saved.changed:
        shared.follower.follow(entry.name, saved.boxes)
    response.headers["ETag"] = f'"{saved.etag}"'
    return SavedOut(**dataclasses.asdict(saved))


@router.get("/photos/{entry_id}/following")
def following(shared: Shared, entry_id: EntryId) -> FollowingOut:
    """How far the pictures are that follow from the last correction."""
    found = shared.follower.of(shared.entry(entry_id, video=False).name)
    return FollowingOut(state=found.state, told=found.told)


@router.get("/videos/{entry_id}/motion")
def motion(shared: Shared, entry_id: EntryId) -> MotionOut:
    """Speeds and events of a video."""
    entry = shared.entry(entry_id, video=True)
    curves = [CurveOut(**dataclasses.asdict(curve)) for curve in speed_curves(shared.workspace, entry)]
    marks = [MarkOut(**dataclasses.asdict(mark)) for mark in marks_of(shared.workspace, entry)]
    return MotionOut(curves=curves, marks=marks)


@router.get("/runs")
def runs(shared: Shared) -> RunsOut:
    """What the stages do now and did last."""
    found = stage_runs(shared.catalog)
    out = [RunOut(state=run.state, total=run.total, there=run.there, report=run.report) for run in found]
    return RunsOut(runs=out, following=shared.follower.unfinished())


@router.get("/training")
def ready_for_training(shared: Shared) -> TrainingOut:
    """How many photos are ready for training."""
    found = training(shared.workspace, shared.catalog.entries())
    return TrainingOut(photos=found.photos, people=found.people, command=found.command)
