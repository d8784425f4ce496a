"""The command hrn-stage: argv -> EstimateOptions -> exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hrn_stage import STAGE, __version__
from stage_kit.command.draw_flags import style_of
from stage_kit.command.flags import FlagParser, add_limit_flags, add_network_flags, add_run_flags
from stage_kit.command.stage_main import parsed, stage_main
from stage_kit.export.asked_tables import add_table_flags
from stage_kit.pictures.draw_style import MIN_PERSON_SCORE

if TYPE_CHECKING:
    from hrn_stage.config import HrnConfig
    from hrn_stage.model_files import EstimatorPlan
    from hrn_stage.options import EstimateOptions
    from pose_contract.workspace import Workspace
    from stage_kit.command.settings import Given
    from stage_kit.runs.stage_run import StageRun

NO_MEANING = ("modelDir", "logDir", "dataDir", "prevModelDir")
COMMANDS = {
    "train": "train a network on your own poses (make setup TORCH=1)",
    "evaluate": "measure a network, or predictions, on labels",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage; see `stage_main` for the exit codes."""
    return stage_main(parser(), _run, {command: partial(_train_or_evaluate, command) for command in COMMANDS}, argv)


def _train_or_evaluate(command: str, words: Sequence[str]) -> int:
    from hrn_stage.training.command import main as train_or_evaluate

    return train_or_evaluate(command, words)


def open_run(words: Sequence[str]) -> StageRun:
    """See `stage_kit.runs.stage_run`."""
    from hrn_stage.steps import estimation_run

    options, plan = _asked(parsed(parser(), words), words)
    return estimation_run(replace(options, tables=options.tables.in_parts()), plan)


def _run(args: argparse.Namespace, words: Sequence[str]) -> int:
    from hrn_stage.steps import estimate_poses
    from stage_kit.command.summary import conclude

    options, plan = _asked(args, words)
    return conclude(estimate_poses(options, plan), options.workspace, options)


def _asked(args: argparse.Namespace, words: Sequence[str]) -> tuple[EstimateOptions, EstimatorPlan]:
    from hrn_stage.model_files import plan_estimator
    from hrn_stage.options import EstimateOptions
    from stage_kit.command.run_options import run_flags
    from stage_kit.export.asked_tables import asked_tables

    given, config, cfg, workspace = _where(args, words)
    args = given.args
    unused = [f"--{flag}" for flag in NO_MEANING if getattr(args, flag) is not None]
    if unused and not args.quiet:
        print(f"{STAGE}: {', '.join(unused)}: accepted, without a meaning here", file=sys.stderr)
    overridden = [f"{key} {value}" for key, value in zip(args.opts[::2], args.opts[1::2], strict=True)]
    differing = ", ".join(filter(None, (given.differing, *overridden)))
    with given.blamed():
        style, tables = style_of(args, STAGE), asked_tables(args.tables)
        plan = plan_estimator(config, cfg, args.weights, args.device, args.engine, args.precision, args.trust)
        options = EstimateOptions(
            workspace=workspace,
            config=plan.config,
            style=style,
            batch_size=args.batch_size,
            tables=tables,
            max_file_mb=args.max_file_mb,
            **run_flags(args, differing),
        )
    return options, plan


def _where(args: argparse.Namespace, words: Sequence[str]) -> tuple[Given, HrnConfig, Path, Workspace]:
    """The flags with pose.toml, the YAML and its path, the workspace.

    A YAML that a flag names may name the workspace, whose pose.toml is then read; else the workspace's pose.toml may
    name the YAML.
    """
    from hrn_stage.config import read_config
    from hrn_stage.options import default_config_path, workspace_for
    from pose_contract.workspace import default_root
    from stage_kit.command.settings import with_settings

    if args.cfg is not None:
        config = read_config(args.cfg, args.opts)
        workspace = workspace_for(args.workspace, config, args.cfg)
        return with_settings(parser(), words, workspace.root), config, args.cfg, workspace
    root = Path(args.workspace) if args.workspace is not None else default_root()
    given = with_settings(parser(), words, root)
    cfg = given.args.cfg or default_config_path(root)
    config = read_config(cfg, args.opts)
    return given, config, cfg, workspace_for(args.workspace, config, cfg)


def parser() -> FlagParser:
    """The flags; those of the original tool keep their names, and those in a settings group may stand in pose.toml."""
    parser = FlagParser(STAGE, "Person cuts in, skeletons out.", COMMANDS, __version__)
    where = parser.add_argument_group("where")
    where.add_argument(
        "--workspace", metavar="DIR", help="overrides the YAML's folders (default: ./custom, else ./pose-estimation)"
    )
    for flag in NO_MEANING:
        where.add_argument(f"--{flag}", metavar="DIR", help="accepted for the original's sake, without a meaning here")
    where.add_argument("opts", nargs="*", metavar="KEY VALUE", help="YAML keys to override, e.g. TEST.FLIP_TEST false")
    drawing = parser.add_settings_group("draw", "drawing (sizes in pixels; default: suited to the picture)")
    for flag, default, text in (("circle", 1, "keypoints"), ("label", 0, "their names"), ("line", 1, "limbs")):
        text = f"draw {text}? (default: {default})"
        drawing.add_argument(f"--{flag}", type=int, choices=(0, 1), default=default, help=text)
    drawing.add_argument("--circle_radius", type=int, metavar="PX")
    drawing.add_argument("--circle_thickness", type=int, metavar="PX", help="-1 is filled, as in OpenCV")
    drawing.add_argument("--label_font_scale", type=float, metavar="F")
    drawing.add_argument("--label_thickness", type=int, metavar="PX")
    drawing.add_argument("--line_thickness", type=int, metavar="PX")
    drawing.add_argument("--min_score", type=float, default=0.2, metavar="P", help="least score drawn (default: 0.2)")
    least = f"least score of a person drawn (default: {MIN_PERSON_SCORE})"
    drawing.add_argument("--min_person_score", type=float, default=MIN_PERSON_SCORE, metavar="P", help=least)
    blur = "make faces unrecognisable? (default: 0)"
    drawing.add_argument("--blur_faces", type=int, choices=(0, 1), default=0, help=blur)
    network = parser.add_settings_group("hrn", "network")
    network.add_argument("--cfg", type=Path, metavar="YAML", help="HRNet experiment file (default: the workspace's)")
    add_network_flags(network, ("openvino", "torch"))
    network.add_argument("--batch_size", type=int, metavar="N", help="people per network pass (default: the YAML's)")
    add_limit_flags(network)
    add_table_flags(network)
    add_run_flags(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
