"""What the steps ask of an engine: pictures in, maps out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from openpose_stage.maps import Maps
from stage_kit.networks.network import Network


class FieldNetwork(Network, Protocol):
    """A loaded network; engines and the fakes in tests have this shape."""

    def maps(self, pictures: NDArray[np.uint8]) -> list[Maps]:
        """RGB pictures [N, H, W, 3] -> the maps of each; its sides are the network's multiples.

        Raises WeightsError where the maps hold NaN or infinity.
        """
