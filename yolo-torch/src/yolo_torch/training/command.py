"""The commands `yolo-stage train` and `yolo-stage evaluate`: argv -> story -> exit code."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from pose_contract.errors import DONE, ConfigError
from stage_kit.command.exits import run_command
from stage_kit.command.flags import add_network_flags
from yolo_stage import STAGE


def main(command: str, argv: Sequence[str]) -> int:
    """Runs one of the two; exit codes are those of the stage."""
    args = parser(command).parse_args(argv)
    return run_command(f"{STAGE} {command}", lambda: _train(args) if command == "train" else _evaluate(args))


def parser(command: str) -> argparse.ArgumentParser:
    """The flags of one of the two commands; those that detection has too keep their names."""
    text = {"train": "Trains a detector of people.", "evaluate": "Measures a detector of people on labelled pictures."}
    result = argparse.ArgumentParser(prog=f"{STAGE} {command}", description=text[command], allow_abbrev=False)
    result.add_argument("--images", type=Path, metavar="DIR", help="where COCO's pictures lie (default: by the JSON)")
    result.add_argument("--img_size", type=int, metavar="N", help="network input, multiple of 32 (default: the cfg's)")
    if command == "train":
        _add_training_flags(result)
    else:
        _add_measuring_flags(result)
    return result


def _add_training_flags(result: argparse.ArgumentParser) -> None:
    labels = "COCO's .json, a .txt list of pictures, or a folder of pictures with Darknet's labels"
    result.add_argument("--model_def", type=Path, required=True, metavar="CFG", help="Darknet cfg with one class")
    result.add_argument("--train", type=Path, required=True, metavar="LABELS", help=labels)
    result.add_argument("--valid", type=Path, required=True, metavar="LABELS", help="likewise, measured every epoch")
    result.add_argument("--output", type=Path, required=True, metavar="DIR", help="weights, card, sheets, log, state")
    result.add_argument("--pretrained_weights", type=Path, metavar="FILE", help="start from these (default: scratch)")
    result.add_argument("--epochs", type=int, default=100, metavar="N", help="(default: 100)")
    result.add_argument("--batch_size", type=int, default=32, metavar="N", help="(default: 32)")
    result.add_argument("--learning_rate", type=float, default=0.002, metavar="F", help="(default: 0.002)")
    result.add_argument("--weight_decay", type=float, default=0.0005, metavar="F", help="(default: 0.0005)")
    result.add_argument("--average", type=float, default=0.998, metavar="F", help="of weights (default: 0.998)")
    result.add_argument("--precision", choices=("bf16", "fp32"), default="bf16", help="(default: bf16 autocast)")
    result.add_argument("--mosaic", type=float, default=0.6, metavar="P", help="four pictures in one (default: 0.6)")
    scale = "longer side of a picture over the network's (default: 0.35 1.5)"
    result.add_argument("--scale", type=float, nargs=2, default=(0.35, 1.5), metavar="F", help=scale)
    background = "take a region without people (default: 0.1)"
    result.add_argument("--background", type=float, default=0.1, metavar="P", help=background)
    result.add_argument("--colour", type=float, default=0.25, metavar="F", help="how much it varies (default: 0.25)")
    result.add_argument("--seed", type=int, default=1, metavar="N", help="(default: 1)")
    result.add_argument("--n_cpu", type=int, default=1, metavar="N", help="processes that make batches (default: 1)")
    result.add_argument("--hold", action="store_true", help="keep the decoded training pictures in memory")
    result.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: auto)")
    result.add_argument("--overwrite", action="store_true", help="start anew although --output holds a run")
    result.add_argument("--quiet", action="store_true", help="no progress bar")


def _add_measuring_flags(result: argparse.ArgumentParser) -> None:
    labels = "COCO's .json, a .txt list of pictures, or a folder of pictures with Darknet's labels"
    result.add_argument("--valid", type=Path, required=True, metavar="LABELS", help=labels)
    result.add_argument("--model_def", type=Path, metavar="CFG", help="Darknet cfg (default: our yolov3.cfg)")
    result.add_argument("--weights_path", type=Path, metavar="FILE", help=".weights or .pth")
    result.add_argument("--class_path", type=Path, metavar="FILE", help="class names, one a line")
    result.add_argument("--conf_thres", type=float, metavar="P", help="for recall and precision (default: the model's)")
    result.add_argument("--output", type=Path, metavar="FILE", help="write all numbers as JSON")
    add_network_flags(result.add_argument_group("network"), ("openvino", "torch", "opencv"))


def _train(args: argparse.Namespace) -> int:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise ConfigError("training needs PyTorch, which this installation leaves out", "use make setup") from None
    from stage_kit.networks.allocator import keep_freed_memory
    from yolo_torch.training.augment import Augmentation
    from yolo_torch.training.options import TrainOptions

    flags = vars(args)
    augmentation = Augmentation(
        mosaic=flags.pop("mosaic"),
        scale=tuple(flags.pop("scale")),
        background=flags.pop("background"),
        colour=flags.pop("colour"),
    )
    options = TrainOptions(workers=flags.pop("n_cpu"), augmentation=augmentation, **flags)
    keep_freed_memory()
    from yolo_torch.training.loop import train

    print(train(options).as_text())
    print(f"weights, card and sheets: {options.output}")
    return DONE


def _evaluate(args: argparse.Namespace) -> int:
    from stage_kit.networks.allocator import keep_freed_memory
    from pose_contract.storage import write_bytes
    from yolo_stage.evaluation import measure, sample_inputs
    from yolo_stage.model_files import plan_detector
    from yolo_stage.options import ModelOptions
    from yolo_stage.labels import read_labels

    keep_freed_memory()
    plan = plan_detector(ModelOptions.of(vars(args)))
    labelled = read_labels(args.valid, args.images, plan.person_class)
    threshold = plan.conf_thres if args.conf_thres is None else args.conf_thres
    measured = measure(labelled, plan.load(lambda: sample_inputs(labelled, plan.input_size)), threshold)
    print(measured.as_text())
    if args.output is not None:
        write_bytes(args.output, json.dumps(measured.as_json(), indent=1).encode())
    return DONE
