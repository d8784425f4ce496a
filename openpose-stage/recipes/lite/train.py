"""Trains the network on what gather_photos.py wrote, from an HRNet for one person; goes on where it was stopped.

    python train.py WORK hrnet.pth OUT --minutes 65

One cosine from the start to the end of the minutes, by the wall's clock: OUT/plan.json keeps both, so that a rerun ends
when the first one would have. OUT/ema.pth is the average so far, folded and in half precision, each few minutes.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from network import MapsNetwork, folded, start_from
from numpy.typing import NDArray
from scenes import Manner, Photos, as_numbers, looks, make_scene
from targets import fields, heat
from torch import Tensor, nn

from openpose_stage.lite.architecture import DEVIATION_RGB, MEAN_RGB
from stage_kit.networks.checkpoint import read_state_dict

RATE, WARMUP, LAST_RATE = 1e-3, 0.02, 0.01  # of learning; share of the time in which it grows; what is left at the end
DECAY, AVERAGE, SEED = 0.02, 0.998, 15
BATCH = 8
# Until which share of the time, and how scenes are made: in the end as people mostly stand in photos.
STAGES = ((0.6, Manner()), (1.01, Manner(even_sizes=True, turned=0.3, degrees=12.0, pasted=(0.75, 0.2, 0.05))))
SAVED_SECONDS, TOLD_STEPS = 150, 20
NEAR_POINT, NEAR_LINK, FIELDS_SHARE = 6.0, 2.0, 0.5  # what a cell counts more at a point or link; fields against heat


@dataclass(frozen=True)
class Batch:
    """Scenes [N, 3, H, W], normalised, and by kind what their maps should be, and where."""

    pictures: Tensor
    heat: tuple[Tensor, Tensor]
    fields: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Plan:
    """When the training began and ends, in seconds of the clock."""

    begin: float
    end: float

    def share(self) -> float:
        """Of the time that is over."""
        return (time.time() - self.begin) / (self.end - self.begin)


@dataclass
class Training:
    """What a checkpoint keeps."""

    network: MapsNetwork
    average: MapsNetwork
    optimizer: torch.optim.Optimizer
    step: int = 0


def make_batch(photos: Photos, rng: np.random.Generator, manner: Manner) -> Batch:
    """Scenes and what they ask for."""
    scenes = [make_scene(photos, rng, manner) for _ in range(BATCH)]
    seen = np.stack([looks(scene.picture, rng) for scene in scenes])
    pictures = (torch.from_numpy(seen).float() - torch.tensor(MEAN_RGB)) / torch.tensor(DEVIATION_RGB)
    pairs = [stacked([make(scene) for scene in scenes]) for make in (heat, fields)]
    return Batch(pictures.permute(0, 3, 1, 2), *pairs)  # the strides of channels_last


def stacked(rows: list[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> tuple[Tensor, Tensor]:
    """Targets and where to learn them, of all scenes."""
    targets, learn = zip(*rows, strict=True)
    return torch.from_numpy(np.stack(targets)), torch.from_numpy(np.stack(learn))


def losses(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Of heatmaps and fields: squared differences, summed over channels, their mean over cells."""
    with torch.autocast("cpu", torch.bfloat16):
        said = network(batch.pictures)
    cells = batch.heat[0].shape[0] * batch.heat[0].shape[2] * batch.heat[0].shape[3]
    result = []
    for answer, (target, learn), near in zip(said, (batch.heat, batch.fields), (NEAR_POINT, NEAR_LINK), strict=True):
        counts = learn * (1 + near * target.abs())
        if target.shape[1] == 19:
            counts = torch.cat([counts[:, :18], learn[:, 18:]], dim=1)
        result.append(((answer.float() - target).square() * counts).sum() / cells)
    return result[0], result[1]


def begin(start: Path, out: Path) -> Training:
    """The network of `start`, or the training that OUT keeps."""
    torch.manual_seed(SEED)
    network = MapsNetwork()
    taken = start_from(network, read_state_dict(start))
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.freeze()
    groups = [
        {"params": [p for p in network.parameters() if p.requires_grad and (p.ndim > 1) == decays],
         "weight_decay": DECAY if decays else 0.0}
        for decays in (True, False)
    ]  # fmt: skip
    training = Training(network, copy.deepcopy(network), torch.optim.AdamW(groups, lr=RATE))
    if (out / "state.pth").is_file():
        state = torch.load(out / "state.pth", weights_only=True)
        for part in ("network", "average", "optimizer"):
            getattr(training, part).load_state_dict(state[part])
        training.step = state["step"]
    count = sum(p.numel() for p in network.parameters())
    print(f"{count} parameters, {taken} convolutions taken over, step {training.step}", flush=True)
    return training


def save(training: Training, out: Path) -> None:
    """Writes the checkpoint and the average, each whole or not at all."""
    state = {part: getattr(training, part).state_dict() for part in ("network", "average", "optimizer")}
    files = {"state.pth": state | {"step": training.step}, "ema.pth": folded(copy.deepcopy(training.average))}
    for name, content in files.items():
        torch.save(content, out / f"{name}.new")
        (out / f"{name}.new").replace(out / name)


def update_average(training: Training) -> None:
    """Moves the average a little towards the network."""
    keep = min(AVERAGE, (training.step + 1) / (training.step + 10))
    with torch.no_grad():
        for old, new in zip(training.average.parameters(), training.network.parameters(), strict=True):
            old.lerp_(new, 1 - keep)
        for old, new in zip(training.average.buffers(), training.network.buffers(), strict=True):
            old.copy_(new)


def rate_at(share: float) -> float:
    """The rate of learning."""
    return (
        RATE * min(1.0, share / WARMUP + 0.03) * (LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * share)))
    )


def train(training: Training, photos: Photos, plan: Plan, out: Path) -> None:
    """Until the plan's end, or a SIGTERM."""
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stop.append(number))
    rng = np.random.default_rng((SEED, training.step))
    saved = told = time.time()
    sums = np.zeros(3)
    while not stop and plan.share() < 1:
        share = plan.share()
        manner = next(manner for until, manner in STAGES if share < until)
        started = time.time()
        batch = make_batch(photos, rng, manner)
        made = time.time() - started
        for group in training.optimizer.param_groups:
            group["lr"] = rate_at(share)
        training.network.train()
        training.network.freeze()
        of_heat, of_fields = losses(training.network, batch)
        training.optimizer.zero_grad(set_to_none=True)
        (of_heat + FIELDS_SHARE * of_fields).backward()
        nn.utils.clip_grad_norm_(training.network.parameters(), 5.0)
        training.optimizer.step()
        training.step += 1
        update_average(training)
        sums += [float(of_heat.detach()), float(of_fields.detach()), made]
        if training.step % TOLD_STEPS == 0:
            means, seconds, told = sums / TOLD_STEPS, (time.time() - told) / TOLD_STEPS, time.time()
            tell(f"step {training.step}, {share:.3f} of the time", (*means, seconds))
            sums[:] = 0
        if time.time() - saved > SAVED_SECONDS:
            save(training, out)
            saved = time.time()
    save(training, out)


def tell(where: str, means: tuple[float, ...]) -> None:
    """Prints a line of the log."""
    of_heat, of_fields, made, seconds = means
    losses_now = f"heat {of_heat:.4f}, fields {of_fields:.4f}"
    print(f"{time.strftime('%X')} {where}: {losses_now}; {seconds:.2f} s a step, scenes {made:.2f}", flush=True)


def main() -> None:
    """argv -> OUT/ema.pth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("work", "start", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    args.out.mkdir(parents=True, exist_ok=True)
    plan_file = args.out / "plan.json"
    if not plan_file.is_file():
        plan_file.write_text(json.dumps({"begin": time.time(), "end": time.time() + 60 * args.minutes}))
    photos = Photos(args.work)
    print(as_numbers(photos), flush=True)
    train(begin(args.start, args.out), photos, Plan(**json.loads(plan_file.read_text())), args.out)


if __name__ == "__main__":
    main()
