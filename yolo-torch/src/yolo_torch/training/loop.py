"""The story of training: epochs of batches, each epoch measured, kept, and shown."""

from __future__ import annotations

import copy
import math
import sys
from typing import Any

import cv2
import torch
from torch import nn
from tqdm import tqdm

from pose_contract.errors import ConfigError, StageError, UsageError
from yolo_stage.darknet import DarknetNetwork, person_class, read_network
from yolo_stage.engines.refusals import torch_refusal
from yolo_stage.evaluation import Measured, measure, require_pycocotools
from yolo_stage.labels import read_labels
from yolo_torch.torch_engine import TorchDetector, build_model, load_weights
from yolo_torch.training.loader import Pictures, batches
from yolo_torch.training.options import TrainOptions
from yolo_torch.training.records import EpochRecords
from yolo_torch.training.state import (
    TrainingState,
    fingerprint_of,
    resume,
    save_state,
    write_darknet_weights,
)

WARM_UP = 0.5  # epochs
LEAST_RATE = 0.01  # of the learning rate, at the end
PRIOR = 0.01  # objectness of an untrained network: most cells have nobody (Lin et al., RetinaNet, section 4.1)
CERTAIN = 12.0  # logit of the only class there is, which pytorchyolo's loss does not train
ANCHORS = 3  # per head; pytorchyolo's loss knows no other number


def train(options: TrainOptions) -> Measured:
    """Trains until `epochs`; goes on from the state in `output` unless it is to be overwritten.

    Writes into `output`: checkpoint.pth after every epoch, NAME.weights and NAME.cfg of the best AP50 so far (weights
    are the moving average), a sheet of pictures per epoch, history.json, and card.md at the end.

    Returns:
        What the weights that were kept reach.

    Raises:
        ConfigError: labels, a cfg or a state that do not fit.
        UsageError: a device that is not there.
        WeightsError: pretrained weights that do not fit.
    """
    require_pycocotools()
    network = _network(options)
    person = person_class(network, None)
    training = read_labels(options.train, options.images, person)
    testing = read_labels(options.valid, options.images, person)
    device = _device(options.device)
    torch.manual_seed(options.seed)
    cv2.setNumThreads(0)  # the workers are forks, which have the locks of OpenCV's threads but not the threads
    model = build_model(network)
    _initialise(model)
    if options.pretrained_weights is not None:
        load_weights(model, network, options.pretrained_weights)
    model = _channels_last(model.to(device))
    average = copy.deepcopy(model).requires_grad_(False)
    state = TrainingState(
        model, average, _optimizer(model, options), fingerprint_of(options, network, training, testing)
    )
    resume(options, state)
    pictures = Pictures(training, network.input_size, options.augmentation, options.seed)
    if options.hold:
        pictures.fill()
    records = EpochRecords(options, network, state)
    while state.epoch < options.epochs:
        losses = _epoch(state, pictures, options, device)
        state.epoch += 1
        measured = measure(testing, _detector(state, network, person, device))
        state.history.append({"epoch": state.epoch, **losses, "ap50": measured.ap50, "recall": measured.recall})
        if measured.ap50 >= state.best:
            state.kept = {"epoch": state.epoch, **measured.as_json()}
            write_darknet_weights(options.output / f"{options.model_def.stem}.weights", state.average)
        records.add(measured, testing, _detector(state, network, person, device))
        save_state(options, state)
    records.finish(len(training), len(testing))
    return state.kept_measured


def _network(options: TrainOptions) -> DarknetNetwork:
    network = read_network(options.model_def)
    if options.img_size is not None:
        network = network.with_input_size(options.img_size)
    if refusal := torch_refusal(network):
        raise ConfigError(f"pytorchyolo can't train {network.name}: {refusal}", "change the cfg")
    heads = [layer.section for layer in network.layers if layer.kind == "yolo"]
    if network.classes != 1 or any(len(head.integers("mask")) != ANCHORS for head in heads):
        reason = f"{network.name}: expected one class and {ANCHORS} anchors per [yolo]"
        raise ConfigError(reason, "set classes=1, three mask values, and filters=18 before each [yolo]")
    return network


def _device(device: str) -> str:
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda, but torch sees no CUDA device here", "use --device cpu, or auto")
    return "cuda" if torch.cuda.is_available() and device != "cpu" else "cpu"


def _channels_last(model: Any) -> Any:
    """Kernels in the order that convolutions compute fastest in; the anchors have five dimensions and stay."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)
    return model


def _initialise(model: Any) -> None:
    """He's initialisation; heads that find nobody yet, and whose only class is certain."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, a=0.1, mode="fan_out", nonlinearity="leaky_relu")
    for number, module in enumerate(model.module_list):
        if module[:1] and module[0] in model.yolo_layers:
            head = model.module_list[number - 1][0]
            rows = head.weight.data.view(ANCHORS, -1, *head.weight.shape[1:]).mul_(0.1)
            biases = head.bias.data.view(ANCHORS, -1).zero_()
            biases[:, 4] = -math.log((1 - PRIOR) / PRIOR)
            rows[:, 5], biases[:, 5] = 0, CERTAIN


def _optimizer(model: nn.Module, options: TrainOptions) -> torch.optim.Optimizer:
    """AdamW; batch norms and biases do not decay."""
    kernels = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    rest = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": options.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=options.learning_rate, fused=True)


def learning_rate(options: TrainOptions, progress_epochs: float) -> float:
    """Warmed up linearly, then a cosine down to a hundredth at the last epoch."""
    warm = min(1.0, (progress_epochs + 1e-9) / WARM_UP)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress_epochs / options.epochs)))
    return options.learning_rate * warm * (LEAST_RATE + (1 - LEAST_RATE) * cosine)


def _epoch(state: TrainingState, pictures: Pictures, options: TrainOptions, device: str) -> dict[str, float]:
    """One pass over the training pictures; returns the mean losses."""
    from pytorchyolo.utils.loss import compute_loss  # type: ignore[import-untyped]

    loader = batches(pictures, state.epoch, options.batch_size, options.workers)
    model = state.model.train()
    total = torch.zeros(3)
    shown = not options.quiet and sys.stderr.isatty()
    with tqdm(loader, desc=f"epoch {state.epoch + 1}/{options.epochs}", disable=not shown) as bar:
        for step, batch in enumerate(bar):
            if isinstance(batch, StageError):
                raise batch
            inputs, targets = batch
            rate = learning_rate(options, state.epoch + step / len(loader))
            for group in state.optimizer.param_groups:
                group["lr"] = rate
            inputs = inputs.to(device, memory_format=torch.channels_last, non_blocking=True)
            with torch.autocast(device, torch.bfloat16, enabled=options.precision == "bf16"):
                heads = model(inputs)
            loss, parts = compute_loss([head.float() for head in heads], targets.to(device), model)
            state.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            state.optimizer.step()
            _follow(state.average, model, min(options.average, (state.steps + 1) / (state.steps + 10)))
            state.steps += 1
            total += parts[[0, 1, 3]].cpu()
            bar.set_postfix(loss=f"{float(total[2]) / (step + 1):.4f}", lr=f"{rate:.1e}")
    if not torch.isfinite(total).all():
        raise ConfigError("the loss is not a number any more", "train anew with a smaller --learning_rate")
    box, objectness, whole = (total / max(1, len(loader))).tolist()
    return {"loss": whole, "box_loss": box, "objectness_loss": objectness}


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    """The average takes a step of 1 - decay towards the model; it follows quickly at first."""
    for old, new in zip(average.parameters(), model.parameters(), strict=True):
        old.lerp_(new, 1 - decay)
    for kept, latest in zip(average.buffers(), model.buffers(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(latest, 1 - decay)
        else:
            kept.copy_(latest)


def _detector(state: TrainingState, network: DarknetNetwork, person: int, device: str) -> TorchDetector:
    return TorchDetector(state.average.eval(), person, network.input_size, device)
