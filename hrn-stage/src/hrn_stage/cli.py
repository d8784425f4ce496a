"""The command hrn-stage: argv -> EstimateOptions -> exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hrn_stage import STAGE, __version__
from pose_contract.errors import UsageError
from stage_kit.command.exits import run_command
from stage_kit.command.flags import add_network_flags, add_run_flags

if TYPE_CHECKING:
    from stage_kit.pictures.draw_poses import DrawStyle

NO_MEANING = ("modelDir", "logDir", "dataDir", "prevModelDir")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage. Exit codes: 0 done, 1 a bug, 2 usage or nothing to do, 3 some images failed, 4 weights or
    config, 5 workspace not writable or disk full, 130 Ctrl-C, 143 SIGTERM.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    if given[:1] in (["train"], ["evaluate"]):
        from hrn_stage.training.command import main as train_or_evaluate

        return train_or_evaluate(given[0], given[1:])
    args = parser().parse_args(given)
    return run_command(STAGE, lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    from hrn_stage.config import read_config
    from hrn_stage.model_files import plan_estimator
    from hrn_stage.options import EstimateOptions, default_config_path, workspace_for
    from hrn_stage.steps import estimate_poses
    from stage_kit.command.summary import conclude

    given = [f"--{flag}" for flag in NO_MEANING if getattr(args, flag) is not None]
    if given and not args.quiet:
        print(f"{STAGE}: {', '.join(given)}: accepted, without a meaning here", file=sys.stderr)
    cfg = args.cfg or default_config_path(args.workspace)
    config = read_config(cfg, args.opts)
    plan = plan_estimator(config, cfg, args.weights, args.device, args.engine, args.precision)
    options = EstimateOptions(
        workspace=workspace_for(args.workspace, config, cfg),
        config=plan.config,
        style=_style(args),
        batch_size=args.batch_size,
        overwrite=args.overwrite,
        keep_going=args.keep_going,
        quiet=args.quiet,
    )
    report = estimate_poses(options, plan)
    return conclude(report, options.workspace, options.quiet, options.keep_going)


def _style(args: argparse.Namespace) -> DrawStyle:
    from stage_kit.pictures.draw_poses import DrawStyle

    if not 0 <= args.min_score <= 1:
        raise UsageError(f"--min_score: expected 0 to 1, got {args.min_score}", f"see {STAGE} --help")
    sizes = ("circle_radius", "circle_thickness", "label_font_scale", "label_thickness", "line_thickness")
    for flag in sizes:
        size = getattr(args, flag)
        filled = flag == "circle_thickness" and size == -1
        if size is not None and not filled and not 0 < size <= 1000:
            raise UsageError(f"--{flag}: expected over 0, up to 1000, got {size}", f"see {STAGE} --help")
    return DrawStyle(
        circle=bool(args.circle),
        label=bool(args.label),
        line=bool(args.line),
        min_score=args.min_score,
        **{flag: getattr(args, flag) for flag in sizes},
    )


def parser() -> argparse.ArgumentParser:
    """The flags; those of the original tool keep their names."""
    parser = argparse.ArgumentParser(prog=STAGE, description="Person cuts in, skeletons out.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"{STAGE} {__version__}")
    where = parser.add_argument_group("where")
    where.add_argument("--cfg", type=Path, metavar="YAML", help="HRNet experiment file (default: the workspace's)")
    where.add_argument(
        "--workspace", metavar="DIR", help="overrides the YAML's folders (default: ./custom, else ./pose-estimation)"
    )
    for flag in NO_MEANING:
        where.add_argument(f"--{flag}", metavar="DIR", help="accepted for the original's sake, without a meaning here")
    where.add_argument("opts", nargs="*", metavar="KEY VALUE", help="YAML keys to override, e.g. TEST.FLIP_TEST false")
    drawing = parser.add_argument_group("drawing (sizes in pixels; default: suited to the picture)")
    for flag, default in (("circle", 1), ("label", 0), ("line", 1)):
        drawing.add_argument(f"--{flag}", type=int, choices=(0, 1), default=default, help=f"(default: {default})")
    drawing.add_argument("--circle_radius", type=int, metavar="PX")
    drawing.add_argument("--circle_thickness", type=int, metavar="PX", help="-1 is filled, as in OpenCV")
    drawing.add_argument("--label_font_scale", type=float, metavar="F")
    drawing.add_argument("--label_thickness", type=int, metavar="PX")
    drawing.add_argument("--line_thickness", type=int, metavar="PX")
    drawing.add_argument("--min_score", type=float, default=0.2, metavar="P", help="least score drawn (default: 0.2)")
    network = parser.add_argument_group("network")
    add_network_flags(network, ("openvino", "torch"))
    network.add_argument("--batch_size", type=int, metavar="N", help="people per network pass (default: the YAML's)")
    add_run_flags(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
