"""The loss: who is matched, who is spared, and that it falls towards right boxes and right scores."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from yolo_torch.training.losses import (
    LEAST_LOGIT,
    complete_iou,
    decoded,
    detection_loss,
    matched_cells,
    shape_iou,
    spared_cells,
)

ANCHORS = (torch.tensor([[32.0, 64], [64, 64], [64, 32]]), torch.tensor([[16.0, 32], [24, 24], [8, 16]]))
NONE = torch.zeros(0, 4)


def heads(logit: float = -8.0, width: int = 128, height: int = 96) -> list[Tensor]:
    """Two heads, of strides 32 and 16, whose boxes are the anchors at the cells' centres."""
    result = []
    for stride in (32, 16):
        head = torch.zeros(1, 3, height // stride, width // stride, 6)
        head[..., 4] = logit
        result.append(head)
    return result


def loss(given: list[Tensor], people: Tensor, left_open: Tensor = NONE) -> float:
    return float(detection_loss(given, ANCHORS, 128, [people], [left_open]).whole.detach())


def test_boxes_are_decoded_as_darknet_does() -> None:
    given = heads()
    given[0][0, 1, 2, 3, :4] = torch.tensor([0.0, 0, 1, -1])
    predictions = decoded(given, ANCHORS, 128)
    cell = (1 * 3 + 2) * 4 + 3
    e = float(torch.tensor(1.0).exp())
    expected = [112 - 32 * e, 80 - 32 / e, 112 + 32 * e, 80 + 32 / e]
    assert predictions.boxes[0, cell].tolist() == pytest.approx(expected)
    assert predictions.boxes.shape == (1, 3 * (3 * 4 + 6 * 8), 4)
    assert predictions.grids == ((0, 3, 4, 32), (36, 6, 8, 16))


def test_a_person_is_matched_with_the_anchors_of_its_shape_in_its_centre_s_cell() -> None:
    grids = decoded(heads(), ANCHORS, 128).grids
    person = torch.tensor([[64.0, 16, 96, 80]])  # centre 80, 48; 32 x 64
    picture, box, cell = matched_cells([NONE, person], ANCHORS, grids)
    # 32 x 64 fits the first anchor of the first head, and 64 x 64 by half.
    assert picture.tolist() == [1, 1]
    assert cell.tolist() == [(0 * 3 + 1) * 4 + 2, (1 * 3 + 1) * 4 + 2]
    assert box.tolist() == [person[0].tolist()] * 2


def test_a_person_of_no_anchor_s_shape_has_the_most_alike() -> None:
    grids = decoded(heads(), ANCHORS, 128).grids
    _, _, cell = matched_cells([torch.tensor([[30.0, 40, 32, 45]])], ANCHORS, grids)
    assert cell.tolist() == [36 + (2 * 6 + 2) * 8 + 1]


def test_shape_iou() -> None:
    got = shape_iou(torch.tensor([[10.0, 20]]), torch.tensor([[10.0, 20], [20, 10], [10, 10]]))
    assert got[0].tolist() == pytest.approx([1, 1 / 3, 0.5])


def test_spared_is_who_lies_on_somebody_or_in_an_open_region() -> None:
    boxes = torch.tensor([[[0.0, 0, 10, 20], [0, 0, 10, 11], [50, 50, 60, 60], [53, 50, 63, 60], [90, 90, 99, 99]]])
    logits = torch.zeros(1, 5)
    people, regions = torch.tensor([[0.0, 0, 10, 18]]), torch.tensor([[40.0, 40, 59, 70]])
    # The second box has IoU 0.61 with the person; 9 and 6 parts of 10 of the next two lie in the region.
    assert spared_cells(boxes, logits, [people], [regions]).tolist() == [[True, True, True, True, False]]
    thin = torch.tensor([[40.0, 40, 58, 70]])  # 5 parts of 10 of the fourth
    assert spared_cells(boxes, logits, [people], [thin]).tolist() == [[True, True, True, False, False]]
    assert not spared_cells(boxes, logits + LEAST_LOGIT - 1, [people], [regions]).any()
    assert not spared_cells(boxes, logits, [NONE], [NONE]).any()


def test_complete_iou_against_numbers_worked_out_by_hand() -> None:
    box = torch.tensor([[0.0, 0, 10, 20], [0, 0, 10, 20], [0, 0, 10, 20]])
    target = torch.tensor([[0.0, 0, 10, 20], [5, 0, 15, 20], [20, 0, 30, 20]])
    overlap, complete = complete_iou(box, target)
    assert overlap.tolist() == pytest.approx([1, 1 / 3, 0], abs=1e-5)
    assert complete.tolist() == pytest.approx([1, 1 / 3 - 25 / (15**2 + 20**2), -400 / (30**2 + 20**2)], abs=1e-5)
    _, squat = complete_iou(torch.tensor([[-5.0, 5, 15, 15]]), torch.tensor([[0.0, 0, 10, 20]]))
    assert float(squat) < 1 / 3 - 1e-3, "the same centre, another shape"


def test_a_score_where_nobody_is_costs_more_than_one_on_somebody() -> None:
    person = torch.tensor([[64.0, 0, 96, 64]])  # centre 80, 32, of the first head's row 1, column 2
    quiet = loss(heads(), person)
    neighbour = heads()
    neighbour[0][0, 0, 1, 0, 4] = 4.0  # far from the person
    assert loss(neighbour, person) > quiet + 1
    assert loss(neighbour, person, torch.tensor([[0.0, 0, 60, 96]])) == pytest.approx(quiet, abs=1e-4)
    found = heads()
    found[0][0, 0, 1, 2, 4] = 1.0
    assert loss(found, person) < quiet


def test_objectness_s_target_is_the_overlap() -> None:
    person = torch.tensor([[68.0, 16, 92, 80]])  # 24 x 64 in an anchor of 32 x 64: IoU 0.75
    given = heads(-20.0)
    head = given[0]
    head[0, :, 1, 2, 4] = -20.0
    logit = torch.tensor(0.0, requires_grad=True)
    best = None
    for score in (0.55, 0.65, 0.75, 0.85, 0.95):
        logit = torch.logit(torch.tensor(score))
        head[0, 0, 1, 2, 4] = logit
        value = float(detection_loss(given, ANCHORS, 128, [person], [NONE]).objectness)
        best = (value, score) if best is None or value < best[0] else best
    assert best is not None and best[1] == 0.75


def test_what_is_right_costs_next_to_nothing_and_gradients_flow() -> None:
    person = torch.tensor([[64.0, 16, 96, 80]])
    given = heads(-12.0)
    given[0][0, 0, 1, 2, 4] = 12.0
    given[0][0, 1, 1, 2, 2] = -float(torch.tensor(2.0).log())
    given[0][0, 1, 1, 2, 4] = 12.0
    for head in given:
        head.requires_grad_()
    assert loss(given, person) < 1e-3
    given = [head.detach().zero_().requires_grad_() for head in given]
    detection_loss(given, ANCHORS, 128, [person], [NONE]).whole.backward()
    assert all(head.grad is not None and torch.isfinite(head.grad).all() for head in given)
    assert given[0].grad is not None and given[0].grad[0, 0, 1, 2].abs().sum() > 0


def test_a_batch_without_people_has_a_loss_too() -> None:
    assert loss(heads(0.0), NONE) > 1
    assert loss(heads(-20.0), NONE) < 1e-6
