"""The command `pose`: what is needed besides the stages' own commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pose_contract.errors import DONE, SOME_IMAGES_FAILED
from stage_kit.command.exits import run_command

COMMANDS = {
    "status": "what is done and what is to do",
    "verdict": "exit 3 if a report lists failures",
    "found": "per photo: how many people, and where the picture is",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one of the sub-commands; the exit codes are those of the stages."""
    parser = argparse.ArgumentParser(prog="pose")
    commands = parser.add_subparsers(dest="command", required=True)
    weights = commands.add_parser("weights", help="fetch and verify published weights")
    weights.add_argument("names", nargs="*", metavar="NAME")
    weights.add_argument("--trust", action="store_true", help="take a file that no hash is published for")
    for name, text in COMMANDS.items():
        commands.add_parser(name, help=text).add_argument("workspace", type=Path)
    commands.add_parser("schema", help="write the records' JSON schemas").add_argument("folder", type=Path)
    args = parser.parse_args(argv)
    return run_command(args.command, lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    if args.command == "weights":
        from stage_kit.weights.fetch import fetch_command

        fetch_command(args.names, args.trust)
    elif args.command == "schema":
        from pose_contract.storage import write_schemas

        write_schemas(args.folder)
    elif args.command == "status":
        from pose_contract.workspace import Workspace
        from stage_kit.command.status import status_table, workspace_status

        print(status_table(workspace_status(Workspace(args.workspace))))
    elif args.command == "found":
        from pose_contract.workspace import Workspace
        from stage_kit.command.summary import found_lines

        print("\n".join(found_lines(Workspace(args.workspace))))
    else:
        return _verdict(args.workspace)
    return DONE


def _verdict(root: Path) -> int:
    """By the reports that lie there: in a container one stage is installed, and all have run."""
    from pose_contract.storage import read_report
    from pose_contract.workspace import Workspace

    code = DONE
    workspace = Workspace(root)
    for path in sorted(workspace.path(workspace.reports).glob("[!.]*.json")):
        report = read_report(path)
        if report and report.failures:
            print(f"{report.stage}: {len(report.failures)} failed, see {path}", file=sys.stderr)
            code = SOME_IMAGES_FAILED
    return code


if __name__ == "__main__":
    sys.exit(main())
