"""The pages: gallery, photo, video, runs, and the door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from pose_contract.names import printable
from web_app.correct.document import document, read_records
from web_app.correct.training import training
from web_app.look import filters
from web_app.look.entries import Entry
from web_app.look.motion_files import plots_of, tables_of
from web_app.look.pictures import KINDS, Kind, kinds_there, sheets_there
from web_app.look.stage_runs import failures, stage_runs
from web_app.server.api import EntryId, Listed, Shared
from web_app.server.files import whole_tables
from web_app.server.guard import COOKIE
from web_app.server.state import AppState

router = APIRouter(include_in_schema=False)
COOKIE_SECONDS = 30 * 86_400
MOST_FORM_LETTERS = 2_000


def _page(request: Request, template: str, **context: Any) -> Response:
    page: Response = request.app.state.templates.TemplateResponse(request, template, context)
    return page


def _card(shared: AppState, entry: Entry) -> dict[str, Any]:
    """What a card of the gallery needs."""
    kinds = kinds_there(shared.workspace, entry)
    return {"entry": entry, "name": printable(entry.name), "kinds": kinds}


@dataclass(frozen=True)
class View:
    """How the gallery is seen: which page of it, which picture of each, and whether the cards alone are wanted."""

    page: int
    picture: Kind
    part: bool

    @property
    def shown(self) -> slice:
        """Which of all that were found."""
        return slice((self.page - 1) * filters.PAGE, self.page * filters.PAGE)


def view_of(page: Annotated[int, Query(ge=1, le=1_000_000)] = 1, picture: Kind = "final", part: bool = False) -> View:
    """What a request says of it."""
    return View(page, picture, part)


@router.get("/")
def gallery(request: Request, shared: Shared, listed: Listed, view: Annotated[View, Depends(view_of)]) -> Response:
    """The gallery, or with `part` the cards of one page alone."""
    entries = shared.catalog.entries()
    found = filters.chosen(entries, listed)
    asked = {"show": listed.show, "sort": listed.sort, "q": listed.text, "picture": view.picture}
    more = urlencode(asked | {"page": view.page + 1}) if view.shown.stop < len(found) else ""
    cards = [_card(shared, entry) for entry in found[view.shown]]
    context: dict[str, Any] = {
        "cards": cards, "picture": view.picture, "asked": asked, "more": more, "total": len(found),
    }  # fmt: skip
    if view.part:
        return _page(request, "cards.html", **context)
    return _page(
        request,
        "gallery.html",
        **context,
        page=view.page,
        shows=[(name, title) for name, (title, _) in filters.SHOWS.items()],
        counts=filters.counts(entries),
        kinds=KINDS,
        root=printable(str(shared.workspace.root)),
        training=training(shared.workspace, entries),
    )


@router.get("/photos/{entry_id}")
def photo(request: Request, shared: Shared, entry_id: EntryId) -> Response:
    """A photo with its people."""
    entry = shared.entry(entry_id, video=False)
    shown = None
    if entry.found.mistake is None:
        shown = document(entry.id, entry.name, read_records(shared.workspace, entry.name))
    return _page(
        request,
        "photo.html",
        **_card(shared, entry),
        document=shown,
        sheets=sheets_there(shared.workspace, entry),
        waiting=len(filters.queue(shared.catalog.entries())),
    )


@router.get("/videos/{entry_id}")
def video(request: Request, shared: Shared, entry_id: EntryId) -> Response:
    """A video beside its speeds."""
    entry = shared.entry(entry_id, video=True)
    workspace = shared.workspace
    tables, plots = list(tables_of(workspace, entry)), list(plots_of(workspace, entry))
    return _page(request, "video.html", **_card(shared, entry), tables=tables, plots=plots)


@router.get("/next")
def following_photo(
    shared: Shared,
    after: Annotated[str, Query(max_length=64)] = "",
    score: Annotated[float | None, Query(ge=0, le=1, allow_inf_nan=False)] = None,
) -> Response:
    """On to the photo that wants an eye most."""
    entry = filters.next_in_queue(shared.catalog.entries(), after, score)
    return RedirectResponse(f"/photos/{entry.id}?edit=1" if entry else "/?show=corrected", 303)


@router.get("/runs")
def runs(request: Request, shared: Shared) -> Response:
    """What the stages do now and did last, and what failed."""
    found = stage_runs(shared.catalog)
    entries = shared.catalog.entries()
    failed = failures(shared.workspace, found, entries)
    ready = training(shared.workspace, entries)
    return _page(request, "runs.html", runs=found, failures=failed, training=ready, tables=list(whole_tables(shared)))


@router.get("/login")
def door(request: Request) -> Response:
    """Asks for the token."""
    return _page(request, "login.html", wrong=False)


@router.post("/login")
async def enter(request: Request, shared: Shared) -> Response:
    """Takes the token, and gives the browser a cookie."""
    fields = parse_qsl((await request.body()).decode(errors="replace")[:MOST_FORM_LETTERS])
    given = dict(fields).get("token", "")
    if not shared.settings.token or not shared.settings.is_token(given):
        answer = _page(request, "login.html", wrong=True)
        answer.status_code = 403
        return answer
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        COOKIE, shared.settings.cookie, max_age=COOKIE_SECONDS, httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer


@router.get("/healthz")
def health() -> Response:
    """Whether the server answers."""
    return Response("ok\n", media_type="text/plain")
