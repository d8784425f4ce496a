"""The story of training: epochs of batches, each epoch measured, kept, and shown."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from pose_contract.errors import ConfigError, StageError
from stage_kit.networks.device import torch_device
from stage_kit.training.average import average_of, decay_at, follow
from stage_kit.training.coco import require_pycocotools
from stage_kit.training.loader import made
from stage_kit.training.log import epoch_bar
from stage_kit.training.state import STATE, TrainingState, require_finite, resume, save_state
from yolo_stage.darknet import DarknetNetwork, person_class, read_network
from yolo_stage.engines.refusals import torch_refusal
from yolo_stage.evaluation import Measured, measure
from yolo_torch.torch_engine import TorchDetector, build_model, load_weights
from yolo_torch.training.loader import Batch, Pictures, picture_batches, read_objects
from yolo_torch.training.losses import detection_loss
from yolo_torch.training.mining import mine
from yolo_torch.training.options import TrainOptions
from yolo_torch.training.records import EpochRecords
from yolo_torch.training.sets import read_all
from yolo_torch.training.state import (
    JUDGED_BY,
    keep_mined,
    measured_of,
    mined_of,
    run_fingerprint,
    write_darknet_weights,
)

WARM_UP = 0.5  # epochs
LEAST_RATE = 0.01  # of the learning rate, at the end
PRIOR = 0.01  # objectness of an untrained network: most cells have nobody (Lin et al., RetinaNet, section 4.1)
CERTAIN = 12.0  # logit of the only class there is, which the loss does not train
ANCHORS = 3  # per head, as everyone has it
MININGS = (0.12, 0.3, 0.5, 0.68, 0.85)  # parts of a run after which its mistakes are looked for


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
    sets = read_all(options, person)
    training, testing, objects = sets.training, sets.testing, read_objects(options.paste)
    device = torch_device(options.device)
    state = _begin(options, network, run_fingerprint(options, network, [*training, *testing], objects), device)
    shares = sets.shares(options, network)
    longest = max(max(size) for size in shares.sizes)
    pictures = Pictures(training, longest, options.augmentation, options.seed, objects)
    if options.hold:
        pictures.fill()
    records = EpochRecords(options, network, state)
    while state.epoch < options.epochs:
        if mines_now(state.epoch, options.epochs) and (indices := sets.mined(options)):
            keep_mined(state, mine(training, indices, _detector(state, network, person, device)))
        loader = picture_batches(pictures, state.epoch, shares, options.workers, mined_of(state))
        losses = _epoch(state, loader, anchors_of(network), options, device)
        state.epoch += 1
        measured = measure(testing, _detector(state, network, person, device))
        state.history.append({"epoch": state.epoch, **losses, "ap50": measured.ap50, "recall": measured.recall})
        if measured.ap50 >= state.best:
            state.kept = {"epoch": state.epoch, **measured.as_json()}
            write_darknet_weights(options.output / f"{options.model_def.stem}.weights", state.average)
        records.add(measured, testing, _detector(state, network, person, device))
        save_state(options.output / STATE, state)
    records.finish(len(training), len(testing))
    return measured_of(state)


def _begin(options: TrainOptions, network: DarknetNetwork, fingerprint: str, device: str) -> TrainingState:
    """The state that lies in `output`, or a new one."""
    torch.manual_seed(options.seed)
    model = build_model(network)
    _initialise(model)
    if options.pretrained_weights is not None:
        load_weights(model, network, options.pretrained_weights)
    model = _channels_last(model.to(device))
    state = TrainingState(model, average_of(model), _optimizer(model, options), JUDGED_BY, fingerprint)
    if not options.overwrite:
        resume(options.output / STATE, state, "choose another --output, or start anew with --overwrite")
    return state


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


def mines_now(epoch: int, epochs: int) -> bool:
    """Whether one of the moments at which mistakes are looked for lies in the epoch before this one."""
    return any(math.ceil(part * epochs) == epoch for part in MININGS)


def _epoch(
    state: TrainingState,
    loader: DataLoader[Batch | StageError],
    anchors: list[torch.Tensor],
    options: TrainOptions,
    device: str,
) -> dict[str, float]:
    """One pass over the training pictures; returns the mean losses."""
    model = state.network.train()
    total = torch.zeros(3)
    with epoch_bar(loader, state.epoch, options.epochs, not options.quiet) as bar:
        for step, batch in enumerate(made(bar)):
            rate = learning_rate(options, state.epoch + step / len(loader))
            state.set_rate(rate)
            inputs = batch.inputs.to(device, memory_format=torch.channels_last, non_blocking=True)
            people, left_open = ([boxes.to(device) for boxes in part] for part in (batch.people, batch.left_open))
            with torch.autocast(device, torch.bfloat16, enabled=options.precision == "bf16"):
                heads = model(inputs)
            losses = detection_loss([head.float() for head in heads], anchors, batch.width, people, left_open)
            state.optimizer.zero_grad(set_to_none=True)
            losses.whole.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            state.optimizer.step()
            follow(state.average, model, decay_at(state.steps, options.average), average_buffers=True)
            state.steps += 1
            total += torch.stack([losses.box, losses.objectness, losses.whole.detach()]).cpu()
            bar.set_postfix(loss=f"{float(total[2]) / (step + 1):.4f}", lr=f"{rate:.1e}")
    require_finite(bool(torch.isfinite(total).all()), "train anew with a smaller --learning_rate")
    box, objectness, whole = (total / max(1, len(loader))).tolist()
    return {"loss": whole, "box_loss": box, "objectness_loss": objectness}


def anchors_of(network: DarknetNetwork) -> list[torch.Tensor]:
    """The anchors [A, 2] of each [yolo], in network pixels."""
    sections = [layer.section for layer in network.layers if layer.kind == "yolo"]
    return [
        torch.tensor(section.numbers("anchors")).view(-1, 2)[list(section.integers("mask"))] for section in sections
    ]


def _detector(state: TrainingState, network: DarknetNetwork, person: int, device: str) -> TorchDetector:
    average, size = state.average.eval(), network.input_size
    return TorchDetector(average, person, size, device, rectangular=network.rectangular)
