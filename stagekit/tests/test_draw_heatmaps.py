import numpy as np
import pytest

from stage_kit.pictures.draw_heatmaps import draw_heatmap_sheet


@pytest.mark.parametrize(
    ("input_wh", "joints", "columns", "rows"), [((64, 64), 0, 1, 1), ((64, 96), 16, 5, 4), ((256, 256), 3, 2, 2)]
)
def test_heatmap_sheet(rng, input_wh, joints, columns, rows):
    picture = np.full((input_wh[1], input_wh[0], 3), 100, np.uint8)
    heatmaps = rng.uniform(0, 1, (joints, input_wh[1] // 4, input_wh[0] // 4)).astype(np.float32)
    sheet = draw_heatmap_sheet(picture, heatmaps, [f"keypoint_{number}" for number in range(joints)])
    zoom = max(1, -(-192 // input_wh[0]))
    assert sheet.shape == (rows * (input_wh[1] * zoom + 20), columns * input_wh[0] * zoom, 3)
    assert sheet.dtype == np.uint8


def test_a_heatmap_lies_over_its_own_place():
    picture = np.zeros((256, 256, 3), np.uint8)
    heatmap = np.zeros((1, 64, 64), np.float32)
    heatmap[0, 20, 40] = 3.0
    sheet = draw_heatmap_sheet(picture, heatmap, ["nose"])
    cell = sheet[20:, 256:].sum(axis=-1)
    y, x = np.unravel_index(cell.argmax(), cell.shape)
    assert (x, y) == pytest.approx((160, 80), abs=4)
    assert not cell[:60].any()
    # The name and the maximum stand above it.
    assert (sheet[:20, 256:] < 100).any()


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_heatmap_without_heat_shows_the_input(value):
    picture = np.full((256, 256, 3), 77, np.uint8)
    sheet = draw_heatmap_sheet(picture, np.full((1, 64, 64), value, np.float32), ["nose"])
    assert (sheet[20:] == 77).all()
