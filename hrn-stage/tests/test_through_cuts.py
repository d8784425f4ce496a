"""Keypoints through the cuts against keypoints straight from the image, on the real photos."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: make setup TORCH=1")

from PIL import Image

from hrn_stage.config import read_config
from hrn_stage.decode import decode, keypoints_to_image, merge_flipped
from hrn_stage.engines.torch import load_estimator
from hrn_stage.people import prepare_person
from hrn_stage.preprocess import normalize
from pose_contract.records import Box, Cut, Person
from pose_contract.skeletons import MPII16
from stage_kit.pictures.images import Picture, encode_jpeg, read_image

CUT_SCALE, MARGIN = 1.25, 2


def cut_of(box_xywh: list[float], picture: Picture) -> tuple[Person, Picture]:
    """The cut as docs/workspace.md defines it, and as it comes back from its JPEG."""
    x, y, w, h = box_xywh
    height, width = picture.shape[:2]
    half_w, half_h = CUT_SCALE * max(w, h) / 2, CUT_SCALE * max(h, 4 * w / 3) / 2
    left, top = (max(0, math.floor(c - half - MARGIN)) for c, half in ((x + w / 2, half_w), (y + h / 2, half_h)))
    right = min(width, math.ceil(x + w / 2 + half_w + MARGIN))
    bottom = min(height, math.ceil(y + h / 2 + half_h + MARGIN))
    box = Box(x1=x, y1=y, x2=x + w, y2=y + h)
    cut = Cut(file="cuts/a-0.jpg", x=left, y=top, width=right - left, height=bottom - top)
    stored = np.asarray(Image.open(io.BytesIO(encode_jpeg(picture[top:bottom, left:right]))))
    return Person(index=0, score=1, box=box, cut=cut), stored


def test_keypoints_through_the_cuts_are_those_from_the_image(shared: Path) -> None:
    """Median under 0.5 px, 95 % within one heatmap pixel; the rest are maxima that nearly tie."""
    config = read_config(shared / "weights/hrnet_lite_mpii16_128x128.yaml")
    estimator = load_estimator(config.MODEL, shared / "weights/hrnet_lite_mpii16_128x128.pth", "cpu")
    input_wh, heatmap_wh = config.MODEL.IMAGE_SIZE, config.MODEL.HEATMAP_SIZE
    distances, cells = [], []
    for row in json.loads((shared / "reference/lite_photos.json").read_text()):
        person, cut_picture = cut_of(row["box_xywh"], read_image(shared / "photos" / row["image"]))
        prepared = prepare_person(person, cut_picture, input_wh)
        inputs = normalize(prepared.network_input[None], config.DATASET.COLOR_RGB)
        mirrored = estimator.heatmaps(np.ascontiguousarray(inputs[..., ::-1]))
        heatmaps = merge_flipped(estimator.heatmaps(inputs), mirrored, MPII16.mirror_index, shift=True)
        found = keypoints_to_image(
            decode(heatmaps, "quarter")[0], prepared.center[None], prepared.scale[None], heatmap_wh
        )
        distances.append(np.linalg.norm(found[0] - np.array(row["keypoints_xy"]), axis=1))
        cells.append(np.full(len(found[0]), prepared.scale[0] * 200 / heatmap_wh[0]))
    distance, cell = np.concatenate(distances), np.concatenate(cells)
    print(f"through the cuts, px: 50/90/99 % {np.percentile(distance, [50, 90, 99]).round(3)}, n {len(distance)}")
    assert len(distance) >= 16
    assert np.median(distance) < 0.5
    assert np.mean(distance <= cell + 1e-3) >= 0.95


@pytest.mark.parametrize("box", [[40, 30, 100, 200], [0, 0, 300, 200], [250, 150, 50, 50], [10, 90, 200, 20]])
def test_a_cut_holds_what_square_and_upright_inputs_see(box: list[float]) -> None:
    """The network input warped from the cut is that from the image, but for JPEG's loss."""
    y, x = np.mgrid[0:200, 0:300]
    picture = np.stack([x * 0.8, y * 1.2, 100 + 50 * np.sin(x / 9)], axis=2).astype(np.uint8)
    person, cut_picture = cut_of(box, picture)
    whole = person.model_copy(update={"cut": Cut(file="whole", x=0, y=0, width=300, height=200)})
    for input_wh in ((256, 256), (192, 256), (288, 384)):
        through = prepare_person(person, cut_picture, input_wh).network_input.astype(int)
        straight = prepare_person(whole, picture, input_wh).network_input.astype(int)
        assert np.abs(through - straight).mean() < 2
        assert np.percentile(np.abs(through - straight), 99) <= 12
