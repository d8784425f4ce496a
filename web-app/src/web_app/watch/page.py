"""The page of the live view."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from web_app.watch.api import Service

router = APIRouter(include_in_schema=False)


@router.get("/watch")
def watch(request: Request, service: Service) -> Response:
    """The picture, what runs, and who came and went."""
    sources = list(service.sources().values())
    context = {
        "cameras": [one for one in sources if one.is_live],
        "recorded": [one for one in sources if not one.is_live],
    }
    page: Response = request.app.state.templates.TemplateResponse(request, "watch.html", context)
    return page
