"""The command `yolo-stage evaluate`: argv -> story -> exit code."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from pose_contract.errors import DONE
from stage_kit.command.exits import run_command
from stage_kit.command.flags import FlagParser, add_network_flags, add_trust_flag
from yolo_stage import STAGE
from yolo_stage.labels import LABELS_HELP


def evaluate(argv: Sequence[str]) -> int:
    """Runs the command; exit codes are those of the stage."""
    args = parser().parse_args(argv)
    return run_command(f"{STAGE} evaluate", lambda: _evaluate(args))


def parser() -> FlagParser:
    """The flags; those that detection has too keep their names."""
    text = "Measures a detector of people on labelled pictures."
    result = FlagParser(f"{STAGE} evaluate", text)
    result.add_argument("--images", type=Path, metavar="DIR", help="where COCO's pictures lie (default: by the JSON)")
    result.add_argument("--img_size", type=int, metavar="N", help="network input, multiple of 32 (default: the cfg's)")
    result.add_argument("--valid", type=Path, required=True, metavar="LABELS", help=LABELS_HELP)
    result.add_argument("--model_def", type=Path, metavar="CFG", help="Darknet cfg (default: our yolov3.cfg)")
    result.add_argument("--weights_path", type=Path, metavar="FILE", help=".weights or .pth")
    result.add_argument("--class_path", type=Path, metavar="FILE", help="class names, one a line")
    result.add_argument("--conf_thres", type=float, metavar="P", help="for recall and precision (default: the model's)")
    result.add_argument("--output", type=Path, metavar="FILE", help="write all numbers as JSON")
    result.add_argument("--scan", action="store_true", help="also show what other scores than --conf_thres give")
    add_network_flags(result.add_argument_group("network"), ("openvino", "torch", "opencv"))
    add_trust_flag(result)
    return result


def _evaluate(args: argparse.Namespace) -> int:
    from pose_contract.storage import write_bytes
    from yolo_stage.evaluation import measure, sample_inputs
    from yolo_stage.labels import read_labels
    from yolo_stage.model_files import plan_detector
    from yolo_stage.options import ModelOptions

    plan = plan_detector(ModelOptions.of(vars(args)))
    labelled = read_labels(args.valid, args.images, plan.person_class)
    threshold = plan.conf_thres if args.conf_thres is None else args.conf_thres
    measured = measure(labelled, plan.load(lambda: sample_inputs(labelled, plan)), threshold)
    print(measured.as_text())
    if args.scan:
        print(measured.scanned())
    if args.output is not None:
        write_bytes(args.output, json.dumps(measured.as_json(), indent=1).encode())
    return DONE
