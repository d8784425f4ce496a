"""Endless answers: the picture as MJPEG and by WebSocket, and events as they come."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request, WebSocket, WebSocketDisconnect
from starlette.responses import Response, StreamingResponse

from pose_contract.errors import StageError
from web_app.server.problems import problem_response
from web_app.watch import asking
from web_app.watch.api import MOST_ID, Service
from web_app.watch.asking import EventQuery
from web_app.watch.schemas import event_out
from web_app.watch.service import WatchService
from web_app.watch.viewers import Shot, TooManyViewersError, Viewer
from web_app.watch.watcher import Watcher

router = APIRouter(include_in_schema=False)
BOUNDARY = "frame"
AGAIN_SECONDS = 1.0  # the last frame is sent again: so it is noticed that somebody has gone
EVENTS_EVERY = 0.25
MOST_LISTENERS = 16
NO_STORE = {"Cache-Control": "no-store"}


@router.get("/snapshot.jpg")
def snapshot(service: Service) -> Response:
    """The newest frame."""
    shot = service.watcher().hub.shot()
    if shot is None:
        return problem_response(404, "nothing has been watched yet", "choose a source")
    return Response(shot.jpeg, media_type="image/jpeg", headers=NO_STORE)


@router.get("/stream.mjpg")
async def stream(service: Service) -> Response:
    """The picture, frame by frame, for an <img>."""
    watcher = await asyncio.to_thread(_watcher, service)
    try:
        viewer = watcher.hub.join()
    except TooManyViewersError:
        return _full()
    media_type = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
    return StreamingResponse(_parts(service, watcher, viewer), media_type=media_type, headers=NO_STORE)


def _watcher(service: WatchService) -> Watcher:
    watcher = service.watcher()
    watcher.open()
    return watcher


def _full() -> Response:
    response = problem_response(503, "as many watch as can", "close another window, and come again")
    response.headers["Retry-After"] = "5"
    return response


async def _shots(service: WatchService, watcher: Watcher, viewer: Viewer) -> AsyncIterator[Shot]:
    last: Shot | None = None
    try:
        while not service.is_ending:
            shot = await viewer.next(AGAIN_SECONDS) or last
            if shot is not None:
                last = shot
                yield shot
    finally:
        watcher.hub.leave(viewer)


async def _parts(service: WatchService, watcher: Watcher, viewer: Viewer) -> AsyncIterator[bytes]:
    try:
        async for shot in _shots(service, watcher, viewer):
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(shot.jpeg)}\r\n\r\n"
            yield head.encode() + shot.jpeg + b"\r\n"
    finally:
        watcher.hub.leave(viewer)


@router.websocket("/ws")
async def socket(websocket: WebSocket) -> None:
    """Messages of a header's length (4 bytes, big-endian), the header as JSON, and the JPEG of that very frame."""
    service: WatchService = websocket.app.state.watch
    try:
        watcher = await asyncio.to_thread(_watcher, service)
        viewer = watcher.hub.join()
    except (TooManyViewersError, StageError):
        await websocket.close(1013)  # try again later
        return
    try:
        await websocket.accept()
        sending = asyncio.create_task(_send(websocket, service, watcher, viewer))
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await websocket.receive_text()  # nothing is expected; it ends when the other side goes
        sending.cancel()
    finally:
        watcher.hub.leave(viewer)


async def _send(websocket: WebSocket, service: WatchService, watcher: Watcher, viewer: Viewer) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        async for shot in _shots(service, watcher, viewer):
            head = json.dumps(shot.result.told()).encode()
            await websocket.send_bytes(len(head).to_bytes(4, "big") + head + shot.jpeg)


@router.get("/api/v1/events/stream")
async def event_stream(
    request: Request, service: Service, after_id: Annotated[int | None, Query(ge=0, le=MOST_ID)] = None
) -> Response:
    """Events as they come (server-sent events), from now, or after the id that is named."""
    store = await asyncio.to_thread(service.store)
    listeners = request.app.state
    if getattr(listeners, "watch_listeners", 0) >= MOST_LISTENERS:
        return _full()
    given = request.headers.get("last-event-id", "")
    if given.isascii() and given.isdigit() and int(given[:12]) <= MOST_ID:
        after_id = int(given[:12])
    if after_id is None:
        newest, _ = await asyncio.to_thread(asking.events, store, EventQuery(limit=1, order="desc"))
        after_id = newest[0].id if newest else 0
    lines = _event_lines(request, after_id)
    return StreamingResponse(lines, media_type="text/event-stream", headers=NO_STORE)


async def _event_lines(request: Request, after_id: int) -> AsyncIterator[str]:
    state = request.app.state
    state.watch_listeners = getattr(state, "watch_listeners", 0) + 1
    store = state.watch.store()
    try:
        yield "retry: 1000\n\n"
        quiet = 0.0
        while not state.watch.is_ending:
            with contextlib.suppress(StageError):  # the database fails: the status says so
                rows, _ = await asyncio.to_thread(asking.events, store, EventQuery(after_id=after_id, limit=100))
                for row in rows:
                    after_id = row.id
                    yield f"id: {row.id}\nevent: {row.kind}\ndata: {event_out(row).model_dump_json()}\n\n"
                quiet = 0.0 if rows else quiet + EVENTS_EVERY
            if quiet >= 2:
                quiet = 0.0
                yield ": still here\n\n"
            await asyncio.sleep(EVENTS_EVERY)
    finally:
        state.watch_listeners -= 1
