"""The application, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import ASGIApp

from web_app import __version__
from web_app.server import api, files, pages
from web_app.server.guard import Guard
from web_app.server.problems import add_problem_handlers
from web_app.server.settings import ServerSettings
from web_app.server.state import AppState

HERE = Path(__file__).parents[1]


def application(settings: ServerSettings, cache: Path | None = None) -> ASGIApp:
    """The whole application behind its guard; `cache` is where thumbnails are kept."""
    state = AppState(settings, cache) if cache else AppState(settings)
    return Guard(unguarded(state), settings)


def unguarded(state: AppState) -> FastAPI:
    """The application alone."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        state.follower.stop()

    app = FastAPI(
        title="web-app", version=__version__, lifespan=life, docs_url=None, redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )  # fmt: skip
    app.state.shared = state
    app.state.templates = Jinja2Templates(HERE / "templates")
    add_problem_handlers(app)
    for part in (api, files, pages):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    return app
