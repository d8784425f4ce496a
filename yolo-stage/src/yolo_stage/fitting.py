"""A picture as a network's input, in a square or in a rectangle of its shape: whichever the network takes. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stage_kit.pictures.letterbox import Letterbox, letterbox
from yolo_stage.rectangles import TakesPictures, input_wh


def fitted(network: TakesPictures, picture_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float32], Letterbox]:
    """The network's input [3, H, W] for a picture [h, w, 3], and where the picture lies in it: see `letterbox`."""
    height, width = picture_rgb.shape[:2]
    return letterbox(picture_rgb, input_wh(network, (width, height)))
