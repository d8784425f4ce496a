"""The command pose-cluster: argv -> ClusterOptions -> exit code."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pose_cluster import COMMAND, __version__
from pose_cluster.environment import add_environment_flags, asked_environment
from pose_contract.errors import USAGE, UsageError
from stage_kit.command.exits import run_command
from stage_kit.command.flags import FlagParser, add_talk_flags
from stage_kit.command.refusals import require

if TYPE_CHECKING:
    from pose_cluster.run import ClusterOptions
    from pose_cluster.storage.depot import Depot
    from pose_contract.workspace import Workspace
    from stage_kit.stages import StageFacts

COMMANDS = {"run": "run the stages on many machines, by Ray"}
MOST = 1_000_000


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the sub-command; the exit codes are those of the stages."""
    words = list(sys.argv[1:] if argv is None else argv)
    top = FlagParser(COMMAND, "Photos in, human poses out, on many machines.", COMMANDS, __version__)
    if top.command_of(words) is None:
        top.parse_args(words)
        top.print_help(sys.stderr)
        return USAGE
    args = parser().parse_args(words[1:])
    return run_command(COMMAND, lambda: _run(args))


def parser() -> FlagParser:
    """The flags of `pose-cluster run`."""
    from stage_kit.stages import installed_stages

    result = FlagParser(f"{COMMAND} run", "Run the stages on many machines, by Ray.")
    where = result.add_argument_group("where")
    text = "a folder that all nodes see at this path, or an object store: s3://BUCKET/FOLDER, gs:// az:// file://"
    where.add_argument("--workspace", metavar="URI", required=True, help=text)
    text = "a large folder of each node, for its part of an object store (default: for temporary files)"
    where.add_argument("--scratch", default="", metavar="DIR", help=text)
    text = "auto: a running Ray; local: start one here; ray://HOST:10001, HOST:6379 (default: local)"
    where.add_argument("--address", default="local", metavar="WHERE", help=text)
    what = result.add_argument_group("what")
    text = "such as yolo,hrn (default: those of pose run that run by shards)"
    what.add_argument("--stages", metavar="NAMES", help=text)
    for stage in installed_stages():
        what.add_argument(f"--{stage.name}", default="", metavar="'FLAGS'", help=f"more flags for {stage.name}")
    size = result.add_argument_group("size")
    text = "pictures that a worker does at a time (default: 500)"
    size.add_argument("--shard-size", type=int, default=500, metavar="N", help=text)
    text = "a longer video is looked at in segments of about so long; 0: by one worker (default: 60)"
    size.add_argument("--segment-seconds", type=int, default=60, metavar="N", help=text)
    text = "worker processes (default: as many as there is room for)"
    size.add_argument("--workers", type=int, default=0, metavar="N", help=text)
    text = "cores that Ray counts for a worker (default: a whole node's)"
    size.add_argument("--cpus-per-task", type=int, default=0, metavar="N", help=text)
    size.add_argument("--gpus-per-task", type=float, default=0.0, metavar="N", help="GPUs of a worker (default: 0)")
    add_environment_flags(result.add_argument_group("environment"))
    run = result.add_argument_group("run")
    run.add_argument("--overwrite", action="store_true", help="do all images anew, except corrected records")
    run.add_argument("--keep_going", action="store_true", help="exit 0 even if some images failed; the report tells")
    add_talk_flags(run)
    return result


def _run(args: argparse.Namespace) -> int:
    from pose_cluster.run import run

    options = asked(args)
    try:
        return run(options)
    finally:
        if options.depot:
            options.depot.scratch.close()


def asked(args: argparse.Namespace) -> ClusterOptions:
    """The flags as options, before Ray is started. Raises UsageError, and WorkspaceError of an object store."""
    from pose_cluster.ray_pool import Place
    from pose_cluster.run import ClusterOptions

    numbers = {"shard_size": 1, "segment_seconds": 0, "workers": 0, "cpus_per_task": 0, "gpus_per_task": 0}
    for flag, least in numbers.items():
        value = getattr(args, flag)
        require(least <= value <= MOST, flag.replace("_", "-"), value, f"{least} to {MOST:,}", f"{COMMAND} run")
    stages = chosen_stages(args.stages)
    more = {stage.name: _split(getattr(args, stage.name.replace("-", "_"))) for stage in stages}
    workspace, depot = found_workspace(args.workspace, args.scratch)
    where = ("--workspace", str(workspace.root))
    common = ("--quiet", *(["--overwrite"] if args.overwrite else []))
    words = {stage.name: (*(() if depot else where), *common, *more[stage.name]) for stage in stages}
    for stage in stages:
        require_flags(stage, (*where, *words[stage.name]) if depot else words[stage.name], depot is not None)
    environment = asked_environment(args, None if depot else workspace.root)
    place = Place(args.workers, args.cpus_per_task, args.gpus_per_task, environment)
    talk, seconds = (args.keep_going, args.quiet, args.verbose), args.segment_seconds
    return ClusterOptions(workspace, stages, words, args.address, args.shard_size, place, *talk, depot, seconds)


def found_workspace(uri: str, scratch: str) -> tuple[Workspace, Depot | None]:
    """The folder at that path; of an object store what the driver has of it, and how. Raises StageError."""
    from pose_contract.workspace import Workspace

    if "://" in uri:
        from pose_cluster.storage.depot import open_depot

        depot = open_depot(uri, scratch)
        return depot.workspace, depot
    root = Path(uri).absolute()
    if not root.is_dir():
        raise UsageError(f"no workspace {root}", f"create it: make workspace WORKSPACE='{root}'")
    if scratch:
        raise UsageError("--scratch is for object storage", "leave it out: a folder is worked on where it lies")
    return Workspace(root), None


def chosen_stages(names: str | None) -> tuple[StageFacts, ...]:
    """Those of these names in the order of `pose run`; without names those of it. Raises UsageError."""
    from stage_kit.stages import installed_stages

    able = [stage for stage in installed_stages() if hasattr(import_module(stage.package), "open_run")]
    if names is None:
        unasked = tuple(stage for stage in able if stage.in_run)
        if not unasked:
            raise UsageError("no stage that runs by shards is installed here", "make setup")
        return unasked
    wanted = {name.strip().removesuffix("-stage") for name in names.split(",")}
    known = {stage.name.removesuffix("-stage"): stage for stage in able}
    if strange := sorted(wanted - known.keys()):
        raise UsageError(f"--stages: no stage {strange[0]!r} that runs by shards", f"known are {','.join(known)}")
    return tuple(stage for name, stage in known.items() if name in wanted)


def require_flags(stage: StageFacts, words: Sequence[str], in_store: bool = False) -> None:
    """Refuses now what the stage's workers would refuse, or in a store cannot do. Raises UsageError and ConfigError."""
    from stage_kit.command.settings import with_settings
    from stage_kit.command.stage_main import parsed

    stage_parser = import_module(f"{stage.package}.cli").parser
    args = parsed(stage_parser(), words)
    given = vars(with_settings(stage_parser(), words, Path(args.workspace)).args)
    if not in_store:
        return
    if given.get("precision") == "int8":
        reason = f"{stage.name}: --precision int8 is calibrated on photos of the whole run, a worker has its shard's"
        raise UsageError(reason, "take another precision, or a folder that all nodes see")
    if given.get("tables", "csv") != "csv":
        reason = f"{stage.name}: --tables {given['tables']} puts a shard's part into a folder that all workers see"
        raise UsageError(reason, "leave it out: an object store gets keypoints.csv")
    if moved := [name for name, value in given.items() if name.endswith("_folder") and value]:
        raise UsageError(f"{stage.name}: --{moved[0]} has no meaning in an object store", "leave it out")


def _split(flags: str) -> list[str]:
    try:
        return shlex.split(flags)
    except ValueError as error:
        raise UsageError(f"{flags}: {error}", "close the quotation") from None


if __name__ == "__main__":
    sys.exit(main())
