"""Draws scenes as the training sees them: points, links, and what is left open in grey.

python look_at_scenes.py WORK SHEET.jpg
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from scenes import Manner, Photos, looks, make_scene
from targets import fields, heat


def main(work: Path, out: Path, side: int = 256, count: int = 21) -> None:
    """Writes the sheet: 21 scenes in seven columns, heatmaps red, fields green, what is not learnt dark."""
    rng, photos, tiles = np.random.default_rng(3), Photos(work), []
    for _ in range(count):
        scene = make_scene(photos, rng, Manner(side))
        picture = looks(scene.picture, rng).astype(np.float32)
        target, learn = heat(scene)
        links, _ = fields(scene)
        large = [
            cv2.resize(one, (side, side))
            for one in (target[:18].max(axis=0), np.abs(links).max(axis=0), learn.mean(axis=0))
        ]
        picture *= (0.35 + 0.65 * large[2])[..., None]
        picture[..., 0] += 200 * large[0]
        picture[..., 1] += 90 * large[1]
        tiles.append(np.clip(picture, 0, 255).astype(np.uint8))
    rows = [np.concatenate(tiles[first : first + 7], axis=1) for first in range(0, count, 7)]
    cv2.imwrite(str(out), np.concatenate(rows)[..., ::-1])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
