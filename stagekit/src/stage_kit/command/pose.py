"""The command `pose`: photos in, poses out, and all that is needed besides the stages' own commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pose_contract.errors import DONE, SOME_IMAGES_FAILED, USAGE, UsageError
from stage_kit.command.exits import run_command
from stage_kit.command.flags import FlagParser, add_talk_flags
from stage_kit.command.progress import shown, tell

COMMANDS = {
    "run": "photos in, poses out: all installed stages on a workspace",
    "status": "what is done, and what is to do",
    "weights": "fetch and verify published weights",
    "doctor": "whether all is here that a run needs, and what helps",
    "workspace": "create a workspace, or fill in what one lacks",
    "found": "per photo: how many people, and where the picture is",
    "verdict": "exit 3 if the last run lists failures",
    "export": "records for CVAT or Label Studio; corrected poses as COCO's JSON or YOLO-pose text",
    "import": "corrections from CVAT's or Label Studio's export into the records",
    "schema": "write the records' JSON schemas",
    "app": "look at a workspace and correct it in the browser (make app installs it)",
    "report": "the gallery as one file, to send by mail (likewise)",
}
OF_THE_APP = ("app", "report")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one of the sub-commands; the exit codes are those of the stages."""
    words = list(sys.argv[1:] if argv is None else argv)
    top = FlagParser("pose", "Photos in, human poses out.", COMMANDS)
    top.add_argument("--version", action="store_true", help="show the version and exit")
    command = top.command_of(words)
    if command is None:
        if top.parse_args(words).version:
            return _tell_version()
        top.print_help(sys.stderr)
        return USAGE
    if command in OF_THE_APP:
        return run_command(f"pose {command}", lambda: _of_the_app(command, words[1:]))
    args = parser(command).parse_args(words[1:])
    return run_command(f"pose {command}", lambda: STORIES[command](args))


def _of_the_app(command: str, words: Sequence[str]) -> int:
    """One of the app's commands."""
    return _command_of_the_app(command)(words)


def _command_of_the_app(command: str) -> Callable[[Sequence[str]], int]:
    """The app stands above the stages: it tells its commands by the entry point group `pose.commands`.

    Raises UsageError where it is not installed.
    """
    from importlib.metadata import entry_points

    point = next(iter(entry_points(group="pose.commands", name=command)), None)
    try:
        run = point.load() if point is not None else None
    except ModuleNotFoundError:
        run = None
    if run is None:
        raise UsageError(f"pose {command} needs the app, which is not installed", "make setup APP=1")
    found: Callable[[Sequence[str]], int] = run
    return found


def parser(command: str) -> FlagParser:
    """The flags of one sub-command."""
    result = FlagParser(f"pose {command}", f"{COMMANDS[command][0].upper()}{COMMANDS[command][1:]}.")
    if command == "run":
        _add_flags_of_run(result)
    elif command == "weights":
        result.add_argument("names", nargs="*", metavar="NAME", help="published files (default: what a stage takes)")
        result.add_argument("--trust", action="store_true", help="take a file that no hash is published for")
    elif command == "export":
        result.add_argument("format", choices=("coco", "yolo", "cvat", "label-studio"))
        result.add_argument(
            "output", type=Path, metavar="FILE|FOLDER", help="a .json for coco, a folder for the others"
        )
        result.add_argument("workspace", type=Path, nargs="?", metavar="WORKSPACE")
    elif command == "import":
        _add_flags_of_import(result)
    elif command == "schema":
        result.add_argument("folder", type=Path, metavar="FOLDER")
    else:
        text = "(default: POSE_WORKSPACE, else ./custom, else ./pose-estimation)"
        result.add_argument("workspace", type=Path, nargs="?", metavar="WORKSPACE", help=text)
    return result


def _add_flags_of_run(result: FlagParser) -> None:
    result.add_argument(
        "photos",
        nargs="*",
        type=Path,
        metavar="PHOTO|FOLDER",
        help="copied into the workspace (default: what it holds)",
    )
    text = "the workspace, created if it is not there (default: POSE_WORKSPACE, else ./custom, else ./pose-estimation)"
    result.add_argument("-o", "--workspace", type=Path, metavar="WORKSPACE", help=text)
    result.add_argument("--overwrite", action="store_true", help="do all images anew, except corrected records")
    result.add_argument("--follow_links", action="store_true", help="write through links out of the workspace, too")
    result.add_argument("--report", type=Path, metavar="FILE", help="then write the gallery as one file, too")
    add_talk_flags(result)
    stages = result.add_argument_group("more flags of one stage, as one word")
    for name in _stage_names():
        example = f"--{name}='--batch_size 1'"
        stages.add_argument(f"--{name}", metavar="FLAGS", dest=name, default="", help=f"e.g. {example}")


def _add_flags_of_import(result: FlagParser) -> None:
    result.add_argument("file", type=Path, metavar="FILE", help="CVAT's .zip or .xml, Label Studio's .json")
    result.add_argument("workspace", type=Path, nargs="?", metavar="WORKSPACE")
    result.add_argument("--checked", action="store_true", help="photos that nobody changed count as corrected, too")
    result.add_argument("--overwrite", action="store_true", help="take the file's people over those edited by hand")
    result.add_argument("--follow_links", action="store_true", help="write through links out of the workspace, too")


def _stage_names() -> list[str]:
    """Of the installed stages, without reading their facts: `--help` must answer at once."""
    from importlib.metadata import entry_points

    return sorted(point.name for point in entry_points(group="pose.stages"))


def _tell_version() -> int:
    from importlib.metadata import version

    print(f"pose {version('stage-kit')}")
    return DONE


def _run(args: argparse.Namespace) -> int:
    from stage_kit.command.run_stages import run

    flags = [f"--{flag}" for flag in ("overwrite", "follow_links", "quiet", "verbose") if getattr(args, flag)]
    report = _command_of_the_app("report") if args.report else None  # before hours have passed
    code = run(args.photos, args.workspace, flags, {name: getattr(args, name) for name in _stage_names()})
    if report is not None and code in (DONE, SOME_IMAGES_FAILED):
        report(["-o", str(args.report), *([str(args.workspace)] if args.workspace else [])])
    return code


def _status(args: argparse.Namespace) -> int:
    from stage_kit.command.status import status_table, workspace_status
    from stage_kit.command.template import existing_workspace

    print(status_table(workspace_status(existing_workspace(args.workspace))))
    return DONE


def _weights(args: argparse.Namespace) -> int:
    from stage_kit.weights.fetch import fetch_command

    fetch_command(args.names, args.trust)
    return DONE


def _doctor(args: argparse.Namespace) -> int:
    from stage_kit.command.doctor import examine

    return examine(args.workspace)


def _workspace(args: argparse.Namespace) -> int:
    from pose_contract.workspace import default_root
    from stage_kit.command.template import fill_workspace

    root = args.workspace or default_root()
    there = root.is_dir()
    fill_workspace(root)
    print(shown(f"{root} is complete" if there else f"created {root}: put photos into {root / 'images'}"))
    return DONE


def _found(args: argparse.Namespace) -> int:
    from stage_kit.command.found import found_lines
    from stage_kit.command.template import existing_workspace

    print(shown("\n".join(found_lines(existing_workspace(args.workspace)))))
    return DONE


def _verdict(args: argparse.Namespace) -> int:
    from stage_kit.command.found import verdict
    from stage_kit.command.template import existing_workspace

    return verdict(existing_workspace(args.workspace))


def _export(args: argparse.Namespace) -> int:
    from stage_kit.command.template import existing_workspace
    from stage_kit.export.command import TOOLS, export, export_to_tool

    workspace = existing_workspace(args.workspace)
    if args.format not in TOOLS:
        print(export(workspace, args.format, args.output))
        return DONE
    written, left_out = export_to_tool(workspace, args.format, args.output)
    for line in left_out:
        tell(f"pose export: left out: {line}")
    print(shown(written))
    return SOME_IMAGES_FAILED if left_out else DONE


def _import(args: argparse.Namespace) -> int:
    from stage_kit.command.template import existing_workspace
    from stage_kit.imports.command import ImportOptions, import_annotations

    options = ImportOptions(args.checked, args.overwrite, args.follow_links)
    imported = import_annotations(existing_workspace(args.workspace), args.file, options)
    for line in imported.notes:
        tell(f"pose import: {line}")
    print(shown(imported.as_text()))
    return SOME_IMAGES_FAILED if imported.failures else DONE


def _schema(args: argparse.Namespace) -> int:
    from stage_kit.command.schema import write_schemas

    write_schemas(args.folder)
    return DONE


STORIES: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "status": _status,
    "weights": _weights,
    "doctor": _doctor,
    "workspace": _workspace,
    "found": _found,
    "verdict": _verdict,
    "export": _export,
    "import": _import,
    "schema": _schema,
}


if __name__ == "__main__":
    sys.exit(main())
