"""The live view in a terminal, with a window where there is a screen, or as a movie."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path

import cv2

from pose_contract.errors import StageError, UsageError
from stage_kit.command.progress import shown, tell
from stage_kit.videos.writer import MovieWriter, write_movie
from web_app.watch.asking import EventQuery, events
from web_app.watch.estimators import Networks, load_networks
from web_app.watch.overlay import drawn
from web_app.watch.result import Result
from web_app.watch.service import WatchService
from web_app.watch.sources import SourceError, open_source
from web_app.watch.tables import EventRow
from web_app.watch.watcher import Watcher

TITLE = "web-app watch (q ends it)"


def line_of(row: EventRow) -> str:
    """An event in one line."""
    when = row.ts_utc.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    what = "came" if row.kind == "enter" else f"went ({row.reason})"
    visit = f"{row.session_id}-{row.track_no}"
    return f"{row.id:6} {when} visit {visit:8} {row.media_ms / 1000:8.2f} s  {what:22} {row.people_after} here"


def watch_here(service: WatchService, chosen: str, *, window: bool, out: Path | None, seconds: float | None) -> int:
    """Watches until the source ends, or it is interrupted. Raises StageError."""
    if chosen not in service.sources():
        known = ", ".join(service.sources())
        raise UsageError(f"--source: there is no {chosen}", f"known are {known}; --add-source {chosen}=WHAT adds one")
    show = _window() if window else None
    watcher = service.watcher()
    newest = _newest(service)
    try:
        with _movie(watcher, out):
            watcher.start(chosen)
            _follow(watcher, show, seconds)
    finally:
        watcher.stop()
        watcher.writer.flush()
    _tell_events(service, newest)
    if watcher.writer.problem:
        raise StageError(f"events were not kept: {watcher.writer.problem}", "give another database: --db URL")
    return 0


def _follow(watcher: Watcher, show: Callable[[Result], bool] | None, seconds: float | None) -> None:
    end = None if seconds is None else time.monotonic() + seconds
    told = ""
    while not watcher.wait(0.03):
        if watcher.writer.problem not in ("", told):
            told = watcher.writer.problem
            tell(f"events wait: {told}")
        if watcher.state == "error":
            raise SourceError(watcher.problem, watcher.remedy)
        if end is not None and time.monotonic() > end:
            return
        latest = watcher.hub.latest()
        if show is not None and latest is not None and not show(latest):
            return
    if watcher.state == "error":
        raise SourceError(watcher.problem, watcher.remedy)
    status = watcher.status()
    told = f"median {status['inference_ms']['p50']} ms, p95 {status['inference_ms']['p95']} ms"
    tell(f"{status['frame']} was the last frame; inference {told}; {status['model']}, {status['precision']}")


def _newest(service: WatchService) -> int:
    rows, _ = events(service.store(), EventQuery(order="desc", limit=1))
    return rows[0].id if rows else 0


def _tell_events(service: WatchService, newest: int) -> None:
    cursor: int | None = newest
    while cursor is not None:
        rows, cursor = events(service.store(), EventQuery(after_id=cursor, limit=500))
        for row in rows:
            print(shown(line_of(row)))


def _window() -> Callable[[Result], bool]:
    """Shows frames; its function tells whether to go on. Raises UsageError where there is no screen."""
    remedy = "say --no-window; or watch in the browser: web-app serve, then /watch"
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UsageError("there is no screen here for a window", remedy)
    try:
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL)
    except cv2.error:
        raise UsageError("this OpenCV was built without windows", remedy) from None

    def show(result: Result) -> bool:
        cv2.imshow(TITLE, cv2.cvtColor(result.picture, cv2.COLOR_RGB2BGR))
        return (cv2.waitKey(1) & 0xFF) not in (ord("q"), 27)

    return show


@contextlib.contextmanager
def _movie(watcher: Watcher, out: Path | None) -> Iterator[None]:
    """Writes every frame as it is shown; of the first frame's size."""
    if out is None:
        yield
        return
    if out.suffix.lower() != ".mp4":
        raise UsageError(f"--out: expected a file that ends in .mp4, got {out.name}", "such as --out clip.mp4")
    with contextlib.ExitStack() as stack:
        movie: MovieWriter | None = None

        def add(result: Result) -> None:
            nonlocal movie
            if movie is None:
                height, width = result.picture.shape[:2]
                movie = stack.enter_context(write_movie(out, (width, height), 30.0))
            movie.add(drawn(result, watcher.skeleton), result.t_seconds)

        watcher.on_result = add
        try:
            yield
        finally:
            watcher.stop()
            watcher.on_result = None


def examine(service: WatchService, networks: Networks) -> int:
    """Tells what can be had; 0 where networks and database can."""
    good = True
    checks: dict[str, Callable[[], str]] = {
        "networks": lambda: _told(networks),
        "database": lambda: service.store().where,
    }
    for name, what in checks.items():
        try:
            print(f"{name:10} {what()}")
        except StageError as error:
            good = False
            print(f"{name:10} {error}")
    for source in service.sources().values():
        if source.kind in ("camera", "rtsp"):
            try:
                opened = open_source(source)
                print(f"{source.id:10} {opened.size_wh[0]} x {opened.size_wh[1]}")
                done_with: Callable[[], object] = getattr(opened.frames, "close", lambda: None)
                done_with()
            except StageError as error:
                print(f"{source.id:10} {error}")
    return 0 if good else 4


def _told(networks: Networks) -> str:
    estimator = load_networks(networks)
    return f"{estimator.model}, {estimator.precision}"
