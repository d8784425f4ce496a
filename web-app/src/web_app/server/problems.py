"""What goes wrong, as an answer: a problem document (RFC 9457) or, where a person looks, a page. Never a traceback."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from pose_contract.errors import ImageError, StageError, UsageError, WorkspaceError
from pose_contract.names import printable
from web_app.correct.saving import ChangedMeanwhileError

MEDIA_TYPE = "application/problem+json"
MOST_MISTAKES = 5
LOG = logging.getLogger("web_app")
STATUS: tuple[tuple[type[StageError], int], ...] = (
    (ChangedMeanwhileError, 412),
    (ImageError, 422),
    (WorkspaceError, 503),
    (UsageError, 409),
)


def problem_response(status: int, reason: str, remedy: str, **more: Any) -> Response:
    """A problem document: what is wrong and what helps."""
    content = {"status": status, "title": printable(reason), "detail": printable(remedy), **more}
    return JSONResponse(content, status, media_type=MEDIA_TYPE)


def add_problem_handlers(app: FastAPI) -> None:
    """Every exception becomes an answer that tells a client no more than it may know."""
    app.add_exception_handler(StageError, _stage_error)
    app.add_exception_handler(RequestValidationError, _mistaken)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)


def _answer(request: Request, status: int, reason: str, remedy: str) -> Response:
    wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
    if not wants_page:
        return problem_response(status, reason, remedy)
    context = {"status": status, "reason": printable(reason), "remedy": printable(remedy)}
    page: Response = request.app.state.templates.TemplateResponse(request, "problem.html", context, status_code=status)
    return page


def _stage_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StageError)
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    return _answer(request, status, error.reason, error.remedy)


def _mistaken(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    mistakes = error.errors()[:MOST_MISTAKES]
    told = "; ".join(f"{'.'.join(map(str, mistake['loc']))[:80]}: {mistake['msg'][:200]}" for mistake in mistakes)
    return _answer(request, 422, "the request has a mistake", told)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    remedies = {404: "go back to the gallery", 405: "ask in another way"}
    return _answer(request, error.status_code, str(error.detail), remedies.get(error.status_code, "try again"))


def _bug(request: Request, error: Exception) -> Response:
    LOG.error("%s %s", request.method, printable(request.url.path), exc_info=error)
    return _answer(request, 500, "this is a bug", "the terminal in which the app runs says more")
