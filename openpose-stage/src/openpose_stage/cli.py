"""The command openpose-stage: argv -> OpenposeOptions -> exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from openpose_stage import STAGE, __version__
from stage_kit.command.draw_flags import style_of
from stage_kit.command.flags import FlagParser, add_limit_flags, add_run_flags
from stage_kit.command.stage_main import parsed, stage_main
from stage_kit.export.asked_tables import add_table_flags
from stage_kit.pictures.draw_style import MIN_PERSON_SCORE

if TYPE_CHECKING:
    from openpose_stage.model_files import OpenposePlan
    from openpose_stage.options import OpenposeOptions
    from stage_kit.runs.stage_run import StageRun

MODELS = ("auto", "lite", "hpe-0001", "coco", "mpi", "mpi-fast", "body25")
NUMBERS: dict[str, tuple[type, float | None, str]] = {
    "smooth": (float, 0.0, "Gaussian over the maps before maxima are looked for, in cells"),
    "upsample": (int, None, "times that maps are enlarged before: close people come apart; 1 is fastest"),
    "samples": (int, 10, "places between two points at which the field is looked at"),
    "least_field": (float, 0.1, "field of a good sample along the line"),
    "min_good": (int, 8, "least number of good samples of a link"),
    "min_points": (int, None, "least number of points of a person"),
    "min_mean": (float, None, "least total over number of points of a person"),
}
OF_THE_MODEL = {"upsample": "4, lite 1", "min_points": "4", "min_mean": "0.7"}
SIZES = ("circle_radius", "line_thickness")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage; see `stage_main` for the exit codes."""
    return stage_main(parser(), _run, {}, argv)


def open_run(words: Sequence[str]) -> StageRun:
    """See `stage_kit.runs.stage_run`."""
    from openpose_stage.steps import openpose_run

    return openpose_run(*_asked(parsed(parser(), words), words))


def _run(args: argparse.Namespace, words: Sequence[str]) -> int:
    from openpose_stage.steps import find_poses
    from openpose_stage.times import Times
    from stage_kit.command.progress import tell
    from stage_kit.command.summary import conclude

    options, plan = _asked(args, words)
    times = Times()
    code = conclude(find_poses(options, plan, times), options.workspace, options)
    if times.pictures and not options.quiet:
        tell(times.in_words())
    return code


def _asked(args: argparse.Namespace, words: Sequence[str]) -> tuple[OpenposeOptions, OpenposePlan]:
    from openpose_stage.model_files import plan_network
    from openpose_stage.options import (
        DecodeOptions,
        ModelOptions,
        OpenposeOptions,
        frames_in,
        own_folders,
        scales_in,
    )
    from pose_contract.workspace import Workspace, default_root
    from stage_kit.command.run_options import run_flags
    from stage_kit.command.settings import with_settings
    from stage_kit.export.asked_tables import asked_tables

    root = Path(args.workspace) if args.workspace is not None else default_root()
    given = with_settings(parser(), words, root)
    args = given.args
    workspace = own_folders(Workspace(root))
    with given.blamed():
        options = OpenposeOptions(
            workspace=workspace,
            model=ModelOptions(
                model=args.model,
                weights_path=args.weights_path,
                precision=args.precision,
                norm=args.norm,
                height=args.height,
                scales=scales_in(args.scales),
                trust=args.trust,
            ),
            decode=DecodeOptions.of(vars(args)),
            style=style_of(args, STAGE),
            explain=bool(args.explain),
            explain_frames=frames_in(args.explain_frames),
            movies=bool(args.movies),
            batch_size=args.batch_size,
            n_cpu=args.n_cpu,
            tables=asked_tables(args.tables),
            max_file_mb=args.max_file_mb,
            **run_flags(args, given.differing),
        )
        return options, plan_network(options.model, options.decode.seed_links)


def parser() -> FlagParser:
    """The flags; those in a settings group may stand in pose.toml."""
    parser = FlagParser(STAGE, "Photos and videos in, the poses of all people out: bottom-up.", None, __version__)
    where = parser.add_argument_group("where")
    where.add_argument("--workspace", metavar="DIR", help="(default: ./custom, else ./pose-estimation)")
    _add_network(parser.add_settings_group("openpose", "network"))
    _add_decoding(parser.add_settings_group("openpose", "points, links, persons"))
    _add_drawing(parser.add_settings_group("openpose", "drawing (sizes in pixels; default: suited to the picture)"))
    speed = parser.add_settings_group("openpose", "speed")
    speed.add_argument("--batch_size", type=int, metavar="N", help="pictures at a time (default: the engine's)")
    speed.add_argument("--n_cpu", type=int, default=0, metavar="N", help="workers (default: 0, one per core)")
    add_limit_flags(speed)
    add_table_flags(speed)
    add_run_flags(parser)
    return parser


def _add_network(group: argparse._ArgumentGroup) -> None:
    text = "auto: hpe-0001 if it is fetched, else lite, which is embedded (default: auto)"
    group.add_argument("--model", choices=MODELS, default="auto", help=text)
    text = "a .caffemodel of --model, or any OpenVINO IR (.xml) with hpe-0001's outputs"
    group.add_argument("--weights_path", type=Path, metavar="FILE", help=text)
    text = "of the arithmetic (default: auto; a quantised IR is int8)"
    group.add_argument("--precision", choices=("auto", "fp32", "bf16", "int8"), default="auto", help=text)
    text = "input values of Caffe networks: x/256 - 0.5, or the lecture's x/255 (default: openpose)"
    group.add_argument("--norm", choices=("openpose", "seed"), default="openpose", help=text)
    text = "pixels of the input; its width follows the picture's shape (default: 368; hpe-0001 and lite 256)"
    group.add_argument("--height", type=int, metavar="PX", help=text)
    text = "factors of the height whose maps are averaged, such as 1,1.5 (default: 1)"
    group.add_argument("--scales", default="1", metavar="LIST", help=text)


def _add_decoding(group: argparse._ArgumentGroup) -> None:
    text = "least value of a part's map (default: the model's: 0.1, mpi 0.6, mpi-fast 0.3)"
    group.add_argument("--threshold", type=float, metavar="P", help=text)
    text = "each local maximum, or as taught one of each region (default: nms)"
    group.add_argument("--peaks", choices=("nms", "region"), default="nms", help=text)
    for flag, (kind, default, text) in NUMBERS.items():
        told = f"the model's: {OF_THE_MODEL[flag]}" if default is None else f"{default:g}"
        group.add_argument(f"--{flag}", type=kind, default=default, metavar="N", help=f"{text} (default: {told})")
    text = "best link first, or the largest sum (default: greedy)"
    group.add_argument("--pairing", choices=("greedy", "hungarian"), default="greedy", help=text)
    for flag, text in (
        ("seed_links", "the lecture's crossed links of ears and shoulders?"),
        ("single", "one person, by the highest place of each map, as in the article?"),
        ("explain", "draw every step of photos in openpose/maps/?"),
    ):
        group.add_argument(
            f"--{flag}", type=int, choices=(0, 1), nargs="?", const=1, default=0, help=f"{text} (default: 0)"
        )
    text = "draw every step of these frames of videos, too: 0,50 (default: none)"
    group.add_argument("--explain_frames", default="", metavar="LIST", help=text)


def _add_drawing(group: argparse._ArgumentGroup) -> None:
    for flag, default, text in (("circle", 1, "keypoints"), ("label", 0, "their names"), ("line", 1, "limbs")):
        text = f"draw {text}? (default: {default})"
        group.add_argument(f"--{flag}", type=int, choices=(0, 1), default=default, help=text)
    text = "draw videos too? (default: 1; without, they take half the time)"
    group.add_argument("--movies", type=int, choices=(0, 1), default=1, help=text)
    for flag in SIZES:
        group.add_argument(f"--{flag}", type=int, metavar="PX")
    group.add_argument("--min_score", type=float, default=0.1, metavar="P", help="least score drawn (default: 0.1)")
    least = f"least score of a person drawn (default: {MIN_PERSON_SCORE})"
    group.add_argument("--min_person_score", type=float, default=MIN_PERSON_SCORE, metavar="P", help=least)
    text = "make faces unrecognisable? (default: 0)"
    group.add_argument("--blur_faces", type=int, choices=(0, 1), default=0, help=text)


if __name__ == "__main__":
    sys.exit(main())
