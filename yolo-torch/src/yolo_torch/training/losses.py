"""What training makes small: scores that foretell the overlap, and boxes that overlap. Pure.

Objectness is quality focal loss (Li et al., arXiv 2006.04388): a matched anchor's target is the IoU of its box, and
what is right already weighs little. It is summed over cells and divided by the matched anchors, so that few people
in many cells are not drowned. Boxes are judged by complete IoU (Zheng et al., arXiv 1911.08287). A cell is not
punished where its box lies on somebody, or in a region that the labels leave open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

FOCUS = 1.5  # power of |target - score| that a cell's objectness weighs
BOX_WEIGHT = 2.0
SAME_SHAPE = 0.5  # IoU of an anchor with a person, both centred, from which it is matched
ON_SOMEBODY, LEFT_OPEN = 0.6, 0.55  # IoU with a person; part of a box in an open region: not punished
LEAST_LOGIT = -3.5  # what scores less costs next to nothing and need not be compared
LEAST_QUALITY = 0.05  # target of a matched anchor whose box is nowhere near
_WIDEST = 4.0  # logit of a side over its anchor's; more would overflow early in training


@dataclass(frozen=True)
class Losses:
    """Of one batch: `whole` is what is made small; the parts are for the log."""

    whole: Tensor
    box: Tensor
    objectness: Tensor


@dataclass(frozen=True)
class _Predictions:
    """All anchors of all cells: boxes [N, M, 4] in network pixels, logits [N, M]; where each head's cells begin."""

    boxes: Tensor
    logits: Tensor
    grids: tuple[tuple[int, int, int, float], ...]  # first cell, rows, columns, stride


def detection_loss(
    heads: Sequence[Tensor],
    anchors: Sequence[Tensor],
    width: int,
    people: Sequence[Tensor],
    left_open: Sequence[Tensor],
) -> Losses:
    """The losses of a batch.

    Args:
        heads: what goes into each [yolo], [N, A, rows, columns, 5 + classes].
        anchors: of each head, [A, 2] in network pixels; the same number A for all.
        width: of the network's input; cells are square.
        people: of each picture, boxes [K, 4] in network pixels, edges.
        left_open: of each picture, regions [L, 4] in which nothing is punished.
    """
    predictions = decoded(heads, anchors, width)
    picture, box, cell = matched_cells(people, anchors, predictions.grids)
    targets = torch.zeros_like(predictions.logits)
    spared = spared_cells(predictions.boxes.detach(), predictions.logits.detach(), people, left_open)
    matches, box_loss = max(1, len(cell)), predictions.logits.sum() * 0
    if len(cell):
        overlap, complete = complete_iou(predictions.boxes[picture, cell], box)
        box_loss = (1 - complete).sum() / matches
        targets[picture, cell] = overlap.detach().clamp(LEAST_QUALITY, 1)
        spared[picture, cell] = False
    entropy = binary_cross_entropy_with_logits(predictions.logits, targets, reduction="none")
    weights = (targets - predictions.logits.sigmoid()).abs() ** FOCUS * ~spared
    # Batches without people would else divide by one what others divide by dozens.
    objectness = (entropy * weights).sum() / max(matches, len(people) / 2)
    return Losses(objectness + BOX_WEIGHT * box_loss, box_loss.detach(), objectness.detach())


def decoded(heads: Sequence[Tensor], anchors: Sequence[Tensor], width: int) -> _Predictions:
    """Boxes as Darknet decodes them."""
    boxes, logits, grids, first = [], [], [], 0
    for head, sides in zip(heads, anchors, strict=True):
        rows, columns = head.shape[2:4]
        stride = width / columns
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        corner = torch.stack([x, y], -1).to(head.device)
        centre = (head[..., :2].sigmoid() + corner) * stride
        half = head[..., 2:4].clamp(max=_WIDEST).exp() * sides.to(head.device).view(1, -1, 1, 1, 2) / 2
        boxes.append(torch.cat([centre - half, centre + half], -1).flatten(1, 3))
        logits.append(head[..., 4].flatten(1))
        grids.append((first, rows, columns, stride))
        first += logits[-1].shape[1]
    return _Predictions(torch.cat(boxes, 1), torch.cat(logits, 1), tuple(grids))


def matched_cells(
    people: Sequence[Tensor], anchors: Sequence[Tensor], grids: Sequence[tuple[int, int, int, float]]
) -> tuple[Tensor, Tensor, Tensor]:
    """The anchors that are to find people: picture [P], box [P, 4], and index [P] into all cells' anchors.

    Of the cell that a person's centre lies in, these are the anchors of the person's shape, or the most alike one.
    """
    sides = torch.cat([head.to(people[0].device) for head in anchors]) if people else torch.zeros(0, 2)
    pictures, boxes, cells = [], [], []
    for number, own in enumerate(people):
        alike = shape_iou(own[:, 2:] - own[:, :2], sides)
        best = alike == alike.amax(1, keepdim=True)
        person, anchor = ((alike >= SAME_SHAPE) | best).nonzero(as_tuple=True)
        centre = (own[:, :2] + own[:, 2:]) / 2
        begin = 0
        for head, (first, rows, columns, stride) in zip(anchors, grids, strict=True):
            here = (anchor >= begin) & (anchor < begin + len(head))
            who, which = person[here], anchor[here] - begin
            x = (centre[who, 0] / stride).long().clamp(0, columns - 1)
            y = (centre[who, 1] / stride).long().clamp(0, rows - 1)
            pictures.append(torch.full_like(who, number))
            boxes.append(own[who])
            cells.append(first + (which * rows + y) * columns + x)
            begin += len(head)
    if not pictures:
        return torch.zeros(0, dtype=torch.long), torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)
    return torch.cat(pictures), torch.cat(boxes), torch.cat(cells)


def shape_iou(sides: Tensor, anchors: Tensor) -> Tensor:
    """IoU [K, A] of boxes of `sides` [K, 2] with anchors [A, 2] about the same centre."""
    shared = torch.minimum(sides[:, None], anchors[None]).prod(-1)
    return shared / (sides.prod(-1)[:, None] + anchors.prod(-1)[None] - shared)


def spared_cells(boxes: Tensor, logits: Tensor, people: Sequence[Tensor], left_open: Sequence[Tensor]) -> Tensor:
    """Mask [N, M] of the anchors that are not punished for their score."""
    spared = torch.zeros_like(logits, dtype=torch.bool)
    for number, (own, regions) in enumerate(zip(people, left_open, strict=True)):
        cells = (logits[number] > LEAST_LOGIT).nonzero()[:, 0]
        if not len(cells) or not len(own) + len(regions):
            continue
        near = boxes[number, cells]
        on = _shared(near, own)
        union = _areas(near)[:, None] + _areas(own)[None] - on
        within = _shared(near, regions) / _areas(near)[:, None].clamp(min=1e-6)
        spared[number, cells] = (on > ON_SOMEBODY * union).any(1) | (within > LEFT_OPEN).any(1)
    return spared


def _shared(a: Tensor, b: Tensor) -> Tensor:
    sides = torch.minimum(a[:, None, 2:], b[None, :, 2:]) - torch.maximum(a[:, None, :2], b[None, :, :2])
    return sides.clamp(min=0).prod(-1)


def _areas(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(-1)


def complete_iou(boxes: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and complete IoU [P] of boxes [P, 4] with their targets [P, 4]."""
    shared = (torch.minimum(boxes[:, 2:], targets[:, 2:]) - torch.maximum(boxes[:, :2], targets[:, :2])).clamp(min=0)
    area = shared.prod(-1)
    overlap = area / (_areas(boxes) + _areas(targets) - area + 1e-6)
    around = torch.maximum(boxes[:, 2:], targets[:, 2:]) - torch.minimum(boxes[:, :2], targets[:, :2])
    apart = ((boxes[:, :2] + boxes[:, 2:] - targets[:, :2] - targets[:, 2:]) / 2).square().sum(-1)
    width, height = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1e-3).unbind(-1)
    own_width, own_height = (targets[:, 2:] - targets[:, :2]).clamp(min=1e-3).unbind(-1)
    shape = 4 / math.pi**2 * (torch.atan(own_width / own_height) - torch.atan(width / height)).square()
    with torch.no_grad():
        weight = shape / (1 - overlap + shape + 1e-6)
    return overlap, overlap - apart / (around.square().sum(-1) + 1e-6) - weight * shape
