"""The command `web-app`: the live view without a browser, its events, its sources, and what is missing here."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stage_kit.command.flags import FlagParser

if TYPE_CHECKING:
    from web_app.watch.estimators import Networks
    from web_app.watch.service import WatchService, WatchSettings

PROGRAM = "web-app"
COMMANDS = {
    "serve": "look, correct and watch in the browser (pose app)",
    "watch": "watch a source here: web-app watch --source demo [--no-window] [--out clip.mp4]",
    "events": "list, export or purge events",
    "sources": "what can be watched",
    "doctor": "whether networks, database and cameras can be had",
    "openapi": "write the API's description (OpenAPI)",
}
WHERE = "(default: POSE_WORKSPACE, else ./custom, else ./pose-estimation)"


def main() -> int:
    """argv -> exit code."""
    from stage_kit.command.exits import run_command

    return run_command(PROGRAM, lambda: run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """One of the commands. Raises StageError."""
    from web_app import __version__

    top = FlagParser(PROGRAM, "A workspace in the browser, and the live view.", COMMANDS, __version__)
    command = top.command_of(words)
    if command is None:
        top.parse_args(words)
        top.print_help()
        return 0
    if command == "serve":
        from web_app.cli import app

        return app(words[1:])
    if command == "openapi":
        return _openapi(words[1:])
    runs = {"watch": _watch, "events": _events, "sources": _sources, "doctor": _doctor}
    return runs[command](parser_of(command).parse_args(words[1:]))


def parser_of(command: str) -> FlagParser:
    """The flags of one command."""
    result = FlagParser(f"{PROGRAM} {command}", COMMANDS[command])
    if command == "events":
        result.add_argument("action", choices=("list", "export", "purge"))
        result.add_argument("--limit", type=int, default=50, help="list: the newest so many (default: 50)")
        result.add_argument("-o", "--output", type=Path, metavar="FILE", help="export: the CSV file (default: stdout)")
        text = "purge: sessions that ended longer ago (default: 30)"
        result.add_argument("--days", type=float, default=30.0, help=text)
    if command == "watch":
        result.add_argument("--source", dest="chosen", default="demo", metavar="ID", help="(default: demo)")
        result.add_argument("--no-window", action="store_true", help="show nothing, only tell events")
        result.add_argument("--out", type=Path, metavar="FILE.mp4", help="write what is shown as a movie")
        result.add_argument("--seconds", type=float, help="end after so long")
    result.add_argument("--workspace", type=Path, metavar="WORKSPACE", help=WHERE)
    add_watch_flags(result)
    return result


def add_watch_flags(parser: argparse.ArgumentParser) -> None:
    """What `pose app` takes for its live view, too."""
    group = parser.add_argument_group("watch")
    text = "one more source: a camera's number, a file or rtsp://...; may be given again"
    group.add_argument("--add-source", action="append", default=[], metavar="ID=WHAT", help=text)
    group.add_argument("--video-url", metavar="WHAT", help="the same as --add-source video=WHAT")
    group.add_argument("--estimator", choices=("topdown", "bottomup"), default="topdown", help="(default: topdown)")
    group.add_argument("--device-name", default="auto", metavar="NAME", help="CPU or GPU (default: auto)")
    group.add_argument("--precision", default="auto", help="FP32, BF16 or INT8 (default: auto)")
    group.add_argument("--weights", choices=("auto", "published", "lite"), default="auto", help="(default: auto)")
    group.add_argument("--as-fast", action="store_true", help="a file no slower than it can be looked at")
    text = "where events are kept: sqlite:///FILE or postgresql://... (default: reports/watch.sqlite)"
    group.add_argument("--db", default="", metavar="URL", help=text)
    group.add_argument("--retention", type=float, metavar="DAYS", help="delete older sessions at the start")


def watch_settings(args: argparse.Namespace) -> WatchSettings:
    """Of the flags. Raises UsageError."""
    from pose_contract.errors import UsageError
    from web_app.watch.service import WatchSettings
    from web_app.watch.sources import source_of

    given = list(args.add_source) + ([f"video={args.video_url}"] if args.video_url else [])
    sources = []
    for one in given:
        name, separator, what = one.partition("=")
        if not separator or not name.replace("-", "").replace("_", "").isalnum() or len(name) > 60:
            raise UsageError("--add-source: expected ID=WHAT", "such as --add-source door=rtsp://10.0.0.7/stream")
        sources.append(source_of(name, what))
    if args.retention is not None and not 0 < args.retention < 36_500:
        raise UsageError(f"--retention: expected days, got {args.retention}", "leave it out to keep everything")
    return WatchSettings(tuple(sources), _networks(args), args.db, args.retention, not args.as_fast)


def _networks(args: argparse.Namespace) -> Networks:
    from web_app.watch.estimators import Networks

    return Networks(args.estimator, args.device_name, args.precision, args.weights)


def _service(args: argparse.Namespace) -> WatchService:
    from stage_kit.command.template import existing_workspace
    from web_app.watch.service import WatchService

    return WatchService(existing_workspace(args.workspace), watch_settings(args))


def _watch(args: argparse.Namespace) -> int:
    from web_app.watch.console import watch_here

    service = _service(args)
    try:
        return watch_here(service, args.chosen, window=not args.no_window, out=args.out, seconds=args.seconds)
    finally:
        service.close()


def _events(args: argparse.Namespace) -> int:
    from datetime import UTC, datetime, timedelta

    from pose_contract.errors import UsageError
    from web_app.watch.asking import MOST_ROWS, EventQuery, events
    from web_app.watch.console import line_of
    from web_app.watch.event_csv import csv_of

    store = _service(args).store()
    if args.action == "purge":
        if not 0 <= args.days < 36_500:
            raise UsageError(f"--days: expected 0 or more, got {args.days}", "such as --days 30")
        print(f"{store.purge(datetime.now(UTC) - timedelta(days=args.days))} sessions deleted")
    elif args.action == "list":
        rows, _ = events(store, EventQuery(order="desc", limit=max(1, min(args.limit, MOST_ROWS))))
        for row in reversed(rows):
            print(line_of(row))
    elif args.output is None:
        sys.stdout.writelines(csv_of(store, EventQuery()))
    else:
        try:
            with args.output.open("w", encoding="utf-8", newline="") as file:
                file.writelines(csv_of(store, EventQuery()))
        except OSError as error:
            raise UsageError(f"{args.output} cannot be written: {error.strerror}", "name another: -o FILE") from None
    return 0


def _sources(args: argparse.Namespace) -> int:
    for one in _service(args).sources().values():
        print(f"{one.id:12} {one.kind:10} {one.label}")
    return 0


def _openapi(words: Sequence[str]) -> int:
    from web_app.server.description import write_description

    parser = FlagParser(f"{PROGRAM} openapi", COMMANDS["openapi"])
    parser.add_argument("file", type=Path, metavar="FILE.json")
    write_description(parser.parse_args(words).file)
    return 0


def _doctor(args: argparse.Namespace) -> int:
    from web_app.watch.console import examine

    return examine(_service(args), _networks(args))


if __name__ == "__main__":
    sys.exit(main())
