"""The command `yolo-stage train`: argv -> story -> exit code; the entry point of `yolo_stage.commands`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pose_contract.errors import DONE, UsageError
from stage_kit.command.exits import run_command
from stage_kit.command.flags import FlagParser, add_trust_flag
from yolo_stage import STAGE
from yolo_stage.labels import LABELS_HELP

LEARNING_RATE, FINE_TUNING_RATE = 0.002, 0.0002


def train(argv: Sequence[str]) -> int:
    """Runs the command; exit codes are those of the stage."""
    args = parser().parse_args(argv)
    return run_command(f"{STAGE} train", lambda: _train(args))


def parser() -> FlagParser:
    """The flags; those that detection has too keep their names."""
    result = FlagParser(f"{STAGE} train", "Trains a detector of people.")
    result.add_argument("--images", type=Path, metavar="DIR", help="where COCO's pictures lie (default: by the JSON)")
    result.add_argument("--img_size", type=int, metavar="N", help="network input, multiple of 32 (default: the cfg's)")
    _add_training_flags(result)
    return result


def _add_training_flags(result: argparse.ArgumentParser) -> None:
    result.add_argument("--model_def", type=Path, metavar="CFG", help="Darknet cfg with one class (or --weights lite)")
    several = f"{LABELS_HELP}; or several"
    result.add_argument("--train", type=Path, nargs="+", required=True, metavar="LABELS", help=several)
    result.add_argument("--valid", type=Path, metavar="LABELS", help="likewise; a workspace measures itself")
    result.add_argument("--output", type=Path, required=True, metavar="DIR", help="weights, card, sheets, log, state")
    result.add_argument("--pretrained_weights", type=Path, metavar="FILE", help="start from these (default: scratch)")
    result.add_argument("--weights", choices=("lite",), help="fine-tune the embedded network")
    result.add_argument("--epochs", type=int, default=100, metavar="N", help="(default: 100)")
    result.add_argument("--batch_size", type=int, default=32, metavar="N", help="(default: 32)")
    result.add_argument("--learning_rate", type=float, metavar="F", help="(default: 0.002; fine-tuning: 0.0002)")
    result.add_argument("--weight_decay", type=float, default=0.0005, metavar="F", help="(default: 0.0005)")
    result.add_argument("--average", type=float, default=0.998, metavar="F", help="of weights (default: 0.998)")
    result.add_argument("--precision", choices=("bf16", "fp32"), default="bf16", help="(default: bf16 autocast)")
    _add_set_flags(result)
    result.add_argument("--mosaic", type=float, default=0.6, metavar="P", help="four pictures in one (default: 0.6)")
    scale = "longer side of a picture over the network's (default: 0.35 1.5)"
    result.add_argument("--scale", type=float, nargs=2, default=(0.35, 1.5), metavar="F", help=scale)
    zoom, close = "show one person in any size (default: 0)", "show the upper part of one person (default: 0)"
    result.add_argument("--zoom", type=float, default=0.0, metavar="P", help=zoom)
    result.add_argument("--close_ups", type=float, default=0.0, metavar="P", help=close)
    result.add_argument("--faults", type=float, default=0.0, metavar="P", help="blur, JPEG, noise (default: 0)")
    result.add_argument("--paste", type=Path, metavar="DIR", help="paste the .png cut-outs in it, none of people")
    background = "take a region without people (default: 0.1)"
    result.add_argument("--background", type=float, default=0.1, metavar="P", help=background)
    result.add_argument("--colour", type=float, default=0.25, metavar="F", help="how much it varies (default: 0.25)")
    result.add_argument("--seed", type=int, default=1, metavar="N", help="(default: 1)")
    result.add_argument("--n_cpu", type=int, default=1, metavar="N", help="processes that make batches (default: 1)")
    result.add_argument("--hold", action="store_true", help="keep the decoded training pictures in memory")
    result.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: auto)")
    add_trust_flag(result)
    result.add_argument("--overwrite", action="store_true", help="start anew although --output holds a run")
    result.add_argument("--quiet", action="store_true", help="no progress bar")


def _add_set_flags(result: argparse.ArgumentParser) -> None:
    weights = "how often a picture of each of --train is drawn (default: all alike)"
    result.add_argument("--set_weights", type=float, nargs="+", default=(), metavar="F", help=weights)
    mine = "some of --train: look there for boxes on nothing and missed people, and draw those more often"
    result.add_argument("--mine", type=Path, nargs="+", default=(), metavar="LABELS", help=mine)
    sizes = "trained in turn, such as 320 416 544x320 (default: the network's)"
    result.add_argument("--input_sizes", type=_size, nargs="+", default=(), metavar="WxH", help=sizes)


def _size(text: str) -> tuple[int, int]:
    """A size like 416 or 544x320."""
    width, _, height = text.partition("x")
    return int(width), int(height or width)


def with_what_follows(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags with the embedded network, where it is asked for, and a rate that suits the start.

    Raises:
        UsageError: no network, two networks, or nothing to measure on.
    """
    from yolo_stage.corrected import is_workspace
    from yolo_stage.model_files import lite_files

    flags = dict(flags)
    if flags.pop("weights") == "lite":
        if flags["model_def"] or flags["pretrained_weights"]:
            raise UsageError("--weights lite is a network of its own", "leave out --model_def and --pretrained_weights")
        flags["model_def"], flags["pretrained_weights"] = lite_files()
    if flags["model_def"] is None:
        raise UsageError("no network to train", "give --model_def CFG, or --weights lite")
    if flags["valid"] is None:
        workspaces = [path for path in flags["train"] if is_workspace(path)]
        if len(workspaces) != 1:
            raise UsageError("nothing to measure on", "give --valid LABELS")
        (flags["valid"],) = workspaces
    if flags["learning_rate"] is None:
        flags["learning_rate"] = FINE_TUNING_RATE if flags["pretrained_weights"] else LEARNING_RATE
    return flags


def _require_known(pretrained: Path | None, trust: bool) -> None:
    """Raises WeightsError for a published name's other file, unless it is trusted; one that is missing fails later."""
    from stage_kit.weights.published import require_published, sha256_of

    if pretrained is not None and pretrained.is_file():
        require_published(pretrained, sha256_of(pretrained), trust)


def _train(args: argparse.Namespace) -> int:
    from yolo_torch.training.augment import Augmentation
    from yolo_torch.training.options import TrainOptions

    flags = with_what_follows(vars(args))
    _require_known(flags["pretrained_weights"], flags.pop("trust"))
    augmentation = Augmentation(
        mosaic=flags.pop("mosaic"),
        scale=tuple(flags.pop("scale")),
        zoom=flags.pop("zoom"),
        close_up=flags.pop("close_ups"),
        background=flags.pop("background"),
        colour=flags.pop("colour"),
        faults=flags.pop("faults"),
    )
    flags["mine_sets"] = flags.pop("mine")
    for name in ("train", "set_weights", "mine_sets", "input_sizes"):
        flags[name] = tuple(flags[name])
    options = TrainOptions(workers=flags.pop("n_cpu"), augmentation=augmentation, **flags)
    from yolo_torch.training.loop import train

    print(train(options).as_text())
    print(f"weights, card and sheets: {options.output}")
    return DONE
