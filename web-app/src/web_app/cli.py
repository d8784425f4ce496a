"""`pose app` and `pose report`, which the command `pose` calls: argv -> exit code. Both raise StageError."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from stage_kit.command.flags import FlagParser

WHERE = "(default: POSE_WORKSPACE, else ./custom, else ./pose-estimation)"
TOKEN_VARIABLE = "POSE_APP_TOKEN"
REPORT = "report.html"


def app(words: Sequence[str]) -> int:
    """Serves a workspace until it is stopped."""
    return _serve(app_parser().parse_args(words))


def report(words: Sequence[str]) -> int:
    """Writes a workspace's gallery as one file."""
    return _report(report_parser().parse_args(words))


def app_parser() -> FlagParser:
    """The flags of `pose app`."""
    result = FlagParser("pose app", "Look at a workspace and correct it in the browser: http://127.0.0.1:8040")
    result.add_argument("workspace", type=Path, nargs="?", metavar="WORKSPACE", help=WHERE)
    result.add_argument("--host", default="127.0.0.1", help="where to listen (default: 127.0.0.1, this machine alone)")
    result.add_argument("--port", type=int, default=8040, help="(default: 8040; 0: any that is free)")
    text = f"a file that holds the token (or say it by {TOKEN_VARIABLE}); needed to listen to other machines"
    result.add_argument("--token_file", type=Path, metavar="FILE", help=text)
    text = "a name by which browsers call this machine; may be given again"
    result.add_argument("--name", action="append", default=[], metavar="HOST", help=text)
    result.add_argument("--quiet", action="store_true", help="errors only")
    return result


def report_parser() -> FlagParser:
    """The flags of `pose report`."""
    result = FlagParser("pose report", "Write a workspace's gallery as one file, to send by mail.")
    result.add_argument("workspace", type=Path, nargs="?", metavar="WORKSPACE", help=WHERE)
    text = f"the file to write (default: reports/{REPORT} in the workspace)"
    result.add_argument("-o", "--output", type=Path, metavar="FILE", help=text)
    return result


def _serve(args: argparse.Namespace) -> int:
    from stage_kit.command.template import existing_workspace
    from web_app.server.serving import serve
    from web_app.server.settings import ServerSettings

    workspace = existing_workspace(args.workspace)
    token = _token(args.token_file)
    names = tuple(name.lower() for name in args.name)
    serve(ServerSettings(workspace, args.host, args.port, token, names), args.quiet)
    return 0


def _token(file: Path | None) -> str:
    from pose_contract.errors import UsageError
    from stage_kit.regular_files import read_text

    if file is None:
        return os.environ.get(TOKEN_VARIABLE, "").strip()
    try:
        token = read_text(file, 4_096).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--token_file {file} cannot be read: {error}", "openssl rand -hex 24 > FILE") from None
    if not token:
        raise UsageError(f"--token_file {file} is empty", "openssl rand -hex 24 > FILE")
    return token


def _report(args: argparse.Namespace) -> int:
    from stage_kit.command.progress import shown
    from stage_kit.command.template import existing_workspace
    from web_app.look.report import write_report

    workspace = existing_workspace(args.workspace)
    path = args.output or workspace.path(workspace.reports) / REPORT
    entries, size = write_report(workspace, path)
    print(shown(f"{path}: {entries} photos and videos, {size / 1e6:.1f} MB"))
    return 0


if __name__ == "__main__":  # in a container
    from stage_kit.command.exits import run_command

    sys.exit(run_command("pose app", lambda: app(sys.argv[1:])))
