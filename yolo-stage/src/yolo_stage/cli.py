"""The command yolo-stage: argv -> DetectOptions -> exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pose_contract.errors import UsageError
from stage_kit.command.exits import run_command
from stage_kit.command.flags import FlagParser, add_limit_flags, add_network_flags, add_run_flags
from stage_kit.command.stage_main import parsed, stage_main
from yolo_stage import STAGE, __version__

if TYPE_CHECKING:
    from stage_kit.runs.stage_run import StageRun
    from yolo_stage.detector_plan import DetectorPlan
    from yolo_stage.options import DetectOptions

COMMANDS = {
    "train": "train a detector on your own boxes (with yolo-torch: make setup TORCH=1)",
    "evaluate": "measure a detector on labelled pictures",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage; see `stage_main` for the exit codes."""
    commands = {"train": lambda words: run_command(STAGE, lambda: _train(words)), "evaluate": _evaluate}
    return stage_main(parser(), _run, commands, argv)


def _evaluate(argv: Sequence[str]) -> int:
    from yolo_stage.evaluate import evaluate

    return evaluate(argv)


def _train(argv: Sequence[str]) -> int:
    """`train` comes with yolo-torch: pytorchyolo, whose loss it uses, is GPL-3.0."""
    from importlib.metadata import entry_points
    from importlib.util import find_spec

    from stage_kit.networks.device import how_to_get_torch

    point = next(iter(entry_points(group="yolo_stage.commands", name="train")), None)
    if point is None or find_spec("torch") is None:
        raise UsageError("training needs yolo-torch, which is not installed", how_to_get_torch())
    code: int = point.load()(argv)
    return code


def open_run(words: Sequence[str]) -> StageRun:
    """See `stage_kit.runs.stage_run`."""
    from yolo_stage.steps import detection_run

    return detection_run(*_asked(parsed(parser(), words), words))


def _run(args: argparse.Namespace, words: Sequence[str]) -> int:
    from stage_kit.command.summary import conclude
    from yolo_stage.steps import detect_people

    options, plan = _asked(args, words)
    return conclude(detect_people(options, plan), options.workspace, options)


def _asked(args: argparse.Namespace, words: Sequence[str]) -> tuple[DetectOptions, DetectorPlan]:
    from stage_kit.command.run_options import run_flags
    from stage_kit.command.settings import with_settings
    from yolo_stage.model_files import plan_detector
    from yolo_stage.options import FOLDER_FLAGS, DetectOptions, ModelOptions, workspace_from_folders

    folders = {field: getattr(args, flag.removeprefix("--")) for field, flag in FOLDER_FLAGS.items()}
    workspace = workspace_from_folders(args.workspace, folders)
    given = with_settings(parser(), words, workspace.root)
    args = given.args
    with given.blamed():
        model = ModelOptions.of(vars(args) | {"weights_path": args.checkpoint_model or args.weights_path})
        options = DetectOptions(
            workspace=workspace,
            model=model,
            conf_thres=args.conf_thres,
            nms_thres=args.nms_thres,
            batch_size=args.batch_size,
            n_cpu=args.n_cpu,
            cut_scale=args.cut_scale,
            max_people=args.max_people,
            detect_every=args.detect_every,
            seen_thres=args.seen_thres,
            inspect_movies=args.inspect_movies,
            save_frames=bool(args.save_frames),
            save_cuts=bool(args.save_cuts),
            max_file_mb=args.max_file_mb,
            **run_flags(args, given.differing),
        )
        return options, plan_detector(model)


def parser() -> FlagParser:
    """The flags; those of the original tool keep their names, and those in a settings group may stand in pose.toml."""
    parser = FlagParser(STAGE, "Photos in, person boxes and cuts out.", COMMANDS, __version__)
    where = parser.add_argument_group("where")
    where.add_argument(
        "--workspace", metavar="DIR", help="sets all folders (default: ./custom, else ./pose-estimation)"
    )
    where.add_argument("--image_folder", metavar="DIR", help="photos to read")
    where.add_argument("--annot_folder", metavar="DIR", help="records to write: boxes as JSON")
    where.add_argument("--inspect_folder", metavar="DIR", help="pictures with boxes to write")
    where.add_argument("--cut_folder", metavar="DIR", help="one picture per person to write")
    where.add_argument("--checkpoint_model", type=Path, metavar="FILE", help="replaces --weights_path")
    network = parser.add_settings_group("yolo", "network")
    text = "who looks for people; none: every picture shows one, and is their box (default: yolo)"
    network.add_argument("--detector", choices=("yolo", "ssd", "fasterrcnn", "none"), default="yolo", help=text)
    network.add_argument("--model_def", type=Path, metavar="CFG", help="Darknet cfg (default: our yolov3.cfg)")
    network.add_argument("--weights_path", type=Path, metavar="FILE", help=".weights or .pth; never replaced by others")
    network.add_argument(
        "--class_path", type=Path, metavar="FILE", help="class names, one a line (default: from the cfg)"
    )
    network.add_argument("--img_size", type=int, metavar="N", help="network input, multiple of 32 (default: the cfg's)")
    add_network_flags(network, ("openvino", "torch", "opencv"))
    people = parser.add_settings_group("yolo", "people")
    sure = "least objectness x class probability (default: 0.5, or the model's)"
    people.add_argument("--conf_thres", type=float, metavar="P", help=sure)
    people.add_argument(
        "--nms_thres", type=float, default=0.4, metavar="IOU", help="overlap to suppress (default: 0.4)"
    )
    people.add_argument("--cut_scale", type=float, default=1.25, metavar="F", help="cut size over box (default: 1.25)")
    people.add_argument(
        "--max_people", type=int, default=0, metavar="N", help="the surest N per image (default: 0, all)"
    )
    videos = parser.add_settings_group("yolo", "videos")
    text = "look for people in every Nth frame, and move their boxes evenly between (default: 1)"
    videos.add_argument("--detect_every", type=int, default=1, metavar="N", help=text)
    text = "least score of who was in the frame before, in the same place (default: half of conf_thres)"
    videos.add_argument("--seen_thres", type=float, metavar="P", help=text)
    videos.add_argument("--inspect_movies", action="store_true", help="draw a video's boxes too, in inspect/")
    for flag, what in (("save_frames", "every frame"), ("save_cuts", "every person of every frame")):
        videos.add_argument(f"--{flag}", type=int, choices=(0, 1), default=0, help=f"write {what} to cuts/NAME.frames/")
    speed = parser.add_settings_group("yolo", "speed")
    speed.add_argument(
        "--batch_size", type=int, metavar="N", help="images given to the network at a time (default: the engine's)"
    )
    speed.add_argument("--n_cpu", type=int, default=0, metavar="N", help="workers (default: 0, one per core)")
    add_limit_flags(speed)
    add_run_flags(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
