"""The commands `hrn-stage train` and `hrn-stage evaluate`: argv -> story -> exit code."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from hrn_stage import STAGE
from pose_contract.errors import DONE
from stage_kit.command.exits import run_command
from stage_kit.command.flags import FlagParser, add_trust_flag


def main(command: str, argv: Sequence[str]) -> int:
    """Runs one of the two; exit codes are those of the stage."""
    args = parser(command).parse_args(argv)
    return run_command(f"{STAGE} {command}", lambda: _train(args) if command == "train" else _evaluate(args))


def parser(command: str) -> FlagParser:
    """--cfg, --device and KEY VALUE pairs; evaluate has --predictions and --output too."""
    text = {"train": "Trains the network of a YAML.", "evaluate": "Measures a network, or predictions, on labels."}
    result = FlagParser(f"{STAGE} {command}", text[command])
    result.add_argument("--cfg", type=Path, required=True, metavar="YAML", help="HRNet experiment file")
    result.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: auto)")
    if command == "train":
        begun = "fine-tune the YAML's own weights, or the embedded ones (default: MODEL.PRETRAINED as a backbone)"
        result.add_argument("--weights", choices=("published", "lite"), help=begun)
        result.add_argument("--quiet", action="store_true", help="no progress bar")
    else:
        measured = "the YAML's own, or the embedded ones (default: published)"
        result.add_argument("--weights", choices=("published", "lite"), default="published", help=measured)
        result.add_argument("--predictions", type=Path, metavar="FILE", help="measure these instead of the network")
        result.add_argument("--output", type=Path, metavar="FILE", help="write all numbers as JSON")
        result.add_argument("--engine", choices=("auto", "openvino", "torch"), default="auto", help="(default: auto)")
        result.add_argument(
            "--precision", choices=("auto", "fp32", "bf16", "int8"), default="auto", help="(default: auto)"
        )
    add_trust_flag(result)
    result.add_argument("opts", nargs="*", metavar="KEY VALUE", help="YAML keys to override, e.g. TRAIN.END_EPOCH 10")
    return result


def _train(args: argparse.Namespace) -> int:
    from hrn_stage.config import read_config
    from hrn_stage.data_set_skeleton import skeleton_for
    from stage_kit.networks.allocator import keep_freed_memory

    keep_freed_memory()
    from hrn_stage.training.begin import fine_tuning, require_known_backbone
    from hrn_stage.training.loop import TrainingRun, train
    from hrn_stage.training.processes import join_processes, leave_processes

    config = read_config(args.cfg, args.opts)
    if args.weights is not None:
        config = fine_tuning(config, args.cfg, args.weights, args.opts)
    require_known_backbone(config, args.trust)
    skeleton = skeleton_for(config.DATASET.DATASET, config.MODEL.NUM_JOINTS)
    folder = Path(config.OUTPUT_DIR or "output", config.DATASET.DATASET, config.MODEL.NAME, args.cfg.stem)
    processes = join_processes(args.device)
    try:
        measured = train(TrainingRun(config, skeleton, folder, processes, args.quiet))
    finally:
        leave_processes()
    if measured is not None:
        print(measured.as_text())
        print(f"weights, card and sheets: {folder}")
    return DONE


def _evaluate(args: argparse.Namespace) -> int:
    from hrn_stage.config import read_config
    from hrn_stage.data_set_skeleton import skeleton_for
    from hrn_stage.evaluation import judge, predict, read_predictions, sample_inputs
    from hrn_stage.model_files import plan_estimator
    from hrn_stage.training.begin import measured_network
    from hrn_stage.training.refusals import require_known_labels
    from hrn_stage.training.sets import read_measured, require_pictures
    from pose_contract.storage import write_bytes
    from stage_kit.networks.allocator import keep_freed_memory

    keep_freed_memory()
    config = measured_network(read_config(args.cfg, args.opts), args.weights)
    require_known_labels(config)
    skeleton = skeleton_for(config.DATASET.DATASET, config.MODEL.NUM_JOINTS)
    samples = read_measured(config)
    if args.predictions is not None:
        predictions = read_predictions(args.predictions, len(samples), len(skeleton.keypoints))
    else:
        require_pictures(samples, config.DATASET.ROOT)
        plan = plan_estimator(config, args.cfg, "published", args.device, args.engine, args.precision, args.trust)
        predictions = predict(samples, plan.load(lambda: sample_inputs(samples, config)), config, skeleton)
    measured = judge(samples, predictions, config, skeleton)
    print(measured.as_text())
    if args.output is not None:
        write_bytes(args.output, json.dumps(measured.as_json(), indent=1, allow_nan=False).encode())
    return DONE
