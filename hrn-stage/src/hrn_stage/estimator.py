"""What the steps ask of an engine: normalised network inputs in, heatmaps out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stage_kit.networks.network import Network


class PoseEstimator(Network, Protocol):
    """A loaded HRNet; engines and the fakes in tests have this shape."""

    def heatmaps(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalised inputs [N, 3, H, W] -> heatmaps [N, J, h, w]; the same bytes for the same batch."""
