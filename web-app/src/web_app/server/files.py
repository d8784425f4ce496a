"""Pictures, movies, records and tables, each looked up by an entry's id; no path comes from a request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from pose_contract.errors import ImageError
from pose_contract.tables import keypoint_rows
from stage_kit.export.csv_text import CSV_HEADER, csv_rows
from stage_kit.pictures.images import read_image_bytes
from web_app.correct.document import read_records
from web_app.look.motion_files import plots_of, tables_of
from web_app.look.pictures import Kind, is_inside, picture_path, sheet_path
from web_app.look.thumbnails import for_browsers
from web_app.server.api import EntryId, Shared
from web_app.server.state import AppState

router = APIRouter(include_in_schema=False)
SIDES = {"thumb": 320, "view": 1600}
KEEP = {"Cache-Control": "private, max-age=86400"}  # the address holds the file's version
ASK_AGAIN = {"Cache-Control": "private, no-cache"}
MOVIES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime"}
NO_PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 320"><path d="M60 60l200 200M260 60L60 260" '
    'stroke="#888" stroke-width="8"/></svg>'
)
TEXTS = {".csv": "text/csv; charset=utf-8", ".json": "application/json"}


@router.get("/pictures/{entry_id}/{kind}/{size}")
def picture(shared: Shared, entry_id: EntryId, kind: Kind, size: Literal["thumb", "view", "full"]) -> Response:
    """A photo, or one of the pictures made of it; of a video the first frame."""
    entry = shared.entry(entry_id)
    path = picture_path(shared.workspace, entry, kind)
    if kind != "original":
        _require_inside(shared, path)
    if size == "full":
        return _whole(path, KEEP)
    try:
        return Response(shared.thumbnails.jpeg(path, SIDES[size]), media_type="image/jpeg", headers=KEEP)
    except ImageError:  # why, the page says
        return Response(NO_PICTURE, media_type="image/svg+xml", headers=ASK_AGAIN)


def _whole(path: FilePath, headers: Mapping[str, str]) -> Response:
    try:
        data, media_type = for_browsers(read_image_bytes(path))
    except ImageError as error:
        raise HTTPException(404, f"the picture {error.reason}") from None
    return Response(data, media_type=media_type, headers=dict(headers))


@router.get("/sheets/{entry_id}/{index}")
def sheet(shared: Shared, entry_id: EntryId, index: Annotated[int, Path(ge=0, le=100_000)]) -> Response:
    """The heatmap sheet of one person."""
    path = sheet_path(shared.workspace, shared.entry(entry_id, video=False), index)
    _require_inside(shared, path)
    return _whole(path, ASK_AGAIN)


@router.get("/movies/{entry_id}/{kind}")
def movie(shared: Shared, entry_id: EntryId, kind: Kind) -> Response:
    """A video, or the movie made of it; a browser may ask for a part."""
    path = picture_path(shared.workspace, shared.entry(entry_id, video=True), kind)
    if not path.is_file() or (kind != "original" and not is_inside(shared.workspace, path)):
        raise HTTPException(404, "there is no such movie")
    return FileResponse(path, media_type=MOVIES.get(path.suffix.lower(), "application/octet-stream"), headers=ASK_AGAIN)


@router.get("/photos/{entry_id}/{record}.json")
def record(shared: Shared, entry_id: EntryId, record: Literal["boxes", "poses"]) -> Response:
    """A photo's record, as it lies there."""
    records = read_records(shared.workspace, shared.entry(entry_id, video=False).name)
    found = records.annot if record == "boxes" else records.poses
    if found is None:
        raise HTTPException(404, "there is no such record yet")
    return Response(found.data, media_type="application/json", headers=ASK_AGAIN)


@router.get("/photos/{entry_id}/keypoints.csv")
def keypoints(shared: Shared, entry_id: EntryId) -> Response:
    """A photo's rows of keypoints.csv."""
    entry = shared.entry(entry_id, video=False)
    poses = read_records(shared.workspace, entry.name).poses
    if poses is None:
        raise HTTPException(404, "there are no poses of this photo yet")
    text = CSV_HEADER + csv_rows(keypoint_rows(poses.record, entry.name))
    return Response(text, media_type=TEXTS[".csv"], headers=_named(f"{FilePath(entry.name).stem}.csv"))


@router.get("/videos/{entry_id}/tables/{file}")
def table(shared: Shared, entry_id: EntryId, file: Annotated[str, Path(max_length=200)]) -> Response:
    """One of motion-stage's tables."""
    return _download(tables_of(shared.workspace, shared.entry(entry_id, video=True)), file)


@router.get("/videos/{entry_id}/plots/{file}")
def plot(shared: Shared, entry_id: EntryId, file: Annotated[str, Path(max_length=200)]) -> Response:
    """One of motion-stage's plots."""
    path = plots_of(shared.workspace, shared.entry(entry_id, video=True)).get(file)
    if path is None:
        raise HTTPException(404, "there is no such plot")
    return FileResponse(path, media_type="image/png", headers=ASK_AGAIN)


@router.get("/tables/{file}")
def whole_table(shared: Shared, file: Literal["keypoints.csv", "keypoints.coco.json", "images.coco.json"]) -> Response:
    """One of the tables of all photos."""
    return _download(whole_tables(shared), file)


def whole_tables(shared: AppState) -> dict[str, FilePath]:
    """Those of them that there are, by name."""
    workspace = shared.workspace
    paths = (workspace.keypoints_csv, workspace.keypoints_coco, workspace.images_coco)
    return {path.name: path for path in paths if is_inside(workspace, path)}


def _download(files: Mapping[str, FilePath], name: str) -> Response:
    path = files.get(name)
    if path is None:
        raise HTTPException(404, "there is no such table")
    media_type = TEXTS.get(path.suffix, "text/plain; charset=utf-8")
    return FileResponse(path, media_type=media_type, headers=ASK_AGAIN | _named(name))


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}


def _require_inside(shared: AppState, path: FilePath) -> None:
    if not is_inside(shared.workspace, path):
        raise HTTPException(404, "there is no such picture")
