"""The story of training: epochs of batches, each epoch measured, kept, and shown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from hrn_stage.config import HrnConfig
from hrn_stage.evaluation import Measured, measure
from hrn_stage.network import build_network
from hrn_stage.training.epochs import EpochSource, epoch_source
from hrn_stage.training.processes import Processes
from hrn_stage.training.records import EpochRecords
from hrn_stage.training.refusals import require_trainable
from hrn_stage.training.samples import Sample
from hrn_stage.training.schedule import learning_rate
from hrn_stage.training.sets import read_sets
from hrn_stage.training.state import JUDGED_BY, freeze, load_backbone, optimizer_of, run_fingerprint
from pose_contract.errors import ConfigError
from pose_contract.skeletons import Skeleton
from stage_kit.networks.checkpoint import read_state_dict
from stage_kit.training.average import average_of, decay_at, follow
from stage_kit.training.coco import require_pycocotools
from stage_kit.training.loader import made
from stage_kit.training.log import epoch_bar
from stage_kit.training.state import STATE, TrainingState, require_finite, resume, save_state, save_weights

BEST, FINAL = "model_best.pth", "final_state.pth"


@dataclass(frozen=True)
class TrainingRun:
    """What is trained, and where it is kept."""

    config: HrnConfig
    skeleton: Skeleton
    folder: Path
    processes: Processes
    quiet: bool = False


def train(run: TrainingRun) -> Measured | None:
    """Trains until TRAIN.END_EPOCH; goes on from a saved state where AUTO_RESUME (or TRAIN.RESUME) says so.

    Writes checkpoint.pth after every epoch, model_best.pth when the score on TEST_SET has risen (or where nothing can
    be measured there), final_state.pth and the model card at the end.

    Returns:
        What the averaged weights reach on TEST_SET; None in a process that does not lead, which measures nothing.

    Raises:
        ConfigError: labels or a state that do not fit; weights of MODEL.PRETRAINED that are not there; a loss that is
            not a number any more.
    """
    config = run.config
    if config.DATASET.DATASET.lower() == "coco":
        require_pycocotools()
    require_trainable(config)
    training, testing = read_sets(config)
    source = epoch_source(config, run.skeleton, training, run.processes)
    state = _begin(run, run_fingerprint(config, training, testing, source.more_labels()))
    if not run.processes.leads:
        while state.epoch < config.TRAIN.END_EPOCH:
            _epoch(run, state, source)
            state.epoch += 1
            run.processes.wait()
        return None
    return _lead(run, state, source, testing)


def _lead(run: TrainingRun, state: TrainingState, training: EpochSource, testing: list[Sample]) -> Measured:
    """The epochs of the process that measures and writes, while the others wait for it."""
    config = run.config
    records = EpochRecords(run.folder, config, run.skeleton, state.epoch)
    measured: Measured | None = None
    while state.epoch < config.TRAIN.END_EPOCH:
        loss = _epoch(run, state, training)
        state.epoch += 1
        measured = measure(testing, run.processes.estimator(state.average), config, run.skeleton)
        score = measured.score
        state.history.append({"epoch": state.epoch, "loss": loss} | ({} if score is None else {JUDGED_BY: score}))
        if score is None or score >= state.best:
            save_weights(run.folder / BEST, state.average)
        records.add(state, measured, testing)
        save_state(run.folder / STATE, state)
        run.processes.wait()
    if measured is None:
        measured = measure(testing, run.processes.estimator(state.average), config, run.skeleton)
    save_weights(run.folder / FINAL, state.average, half=True)
    records.finish(state, measured, len(training), len(testing))
    return measured


def _begin(run: TrainingRun, fingerprint: str) -> TrainingState:
    """The state that is gone on from, or a new one."""
    config = run.config
    torch.manual_seed(config.TRAIN.SEED)
    network = build_network(config.MODEL)
    initialise(network, published=config.MODEL.INIT_WEIGHTS)
    if config.MODEL.PRETRAINED and config.MODEL.INIT_WEIGHTS:
        path = Path(config.MODEL.PRETRAINED)
        if not path.is_file():
            raise ConfigError(f"no backbone {path} (MODEL.PRETRAINED)", "fetch it, or set MODEL.PRETRAINED ''")
        parameters = {key: torch.from_numpy(value) for key, value in read_state_dict(path).items()}
        load_backbone(network, parameters, config.MODEL.EXTRA.PRETRAINED_LAYERS)
    network = network.to(run.processes.device).to(memory_format=torch.channels_last)
    freeze(network, config.PEOPLE.FROZEN)
    average, optimizer = average_of(network), optimizer_of(network, config)
    state = TrainingState(network, average, optimizer, JUDGED_BY, fingerprint, config.TRAIN.BEGIN_EPOCH)
    saved = Path(config.TRAIN.CHECKPOINT) if config.TRAIN.CHECKPOINT else run.folder / STATE
    if config.AUTO_RESUME or config.TRAIN.RESUME:
        resume(saved, state, "move it away, or set AUTO_RESUME false")
    return state


def initialise(network: nn.Module, published: bool = True) -> None:
    """Convolutions from a normal distribution, biases 0, batch norms 1 and 0.

    The published deviation of 0.001 suits a backbone, whose parameters replace most of these. From scratch Adam's first
    steps would be larger than such parameters; MODEL.INIT_WEIGHTS false takes He's deviation (arXiv 1502.01852) for all
    but the last convolution (the one with a bias), which learns several times as fast.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            if published or module.bias is not None:
                nn.init.normal_(module.weight, std=0.001)
            else:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()


def _epoch(run: TrainingRun, state: TrainingState, training: EpochSource) -> float:
    """One pass over the training people; returns the mean loss."""
    config, processes = run.config, run.processes
    loader = training.batches(state.epoch)
    network = state.network.train()
    freeze(network, config.PEOPLE.FROZEN)
    if processes.count > 1:
        network = DistributedDataParallel(network)
    total = 0.0
    with epoch_bar(loader, state.epoch, config.TRAIN.END_EPOCH, processes.leads and not run.quiet) as bar:
        for step, batch in enumerate(made(bar)):
            rate = learning_rate(config.TRAIN, state.epoch + step / len(loader))
            state.set_rate(rate)
            inputs, targets, weights = (part.to(processes.device, non_blocking=True) for part in batch)
            with torch.autocast(processes.device, torch.bfloat16, enabled=config.TRAIN.AMP == "bf16"):
                heatmaps = network(inputs.contiguous(memory_format=torch.channels_last))
            loss = training.loss(state.epoch, heatmaps.float(), targets, weights)
            state.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            state.optimizer.step()
            follow(state.average, state.network, decay_at(state.steps, config.TRAIN.EMA), average_buffers=False)
            state.steps += 1
            total += float(loss.detach())
            if config.PRINT_FREQ and step % config.PRINT_FREQ == 0:
                bar.set_postfix(loss=f"{total / (step + 1):.2e}", lr=f"{rate:.1e}")
    require_finite(processes.all_agree(math.isfinite(total)), "train anew with a smaller TRAIN.LR")
    return total / max(1, len(loader))
