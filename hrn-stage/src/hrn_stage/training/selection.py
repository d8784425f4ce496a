"""Which labelled people train with DATASET.SELECT_DATA, as in the published code (pure)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hrn_stage.training.samples import Sample

PIXELS_PER_UNIT = 200.0


def well_centred(samples: Sequence[Sample]) -> list[Sample]:
    """Those whose joints' middle lies near the box's middle; the more joints are labelled, the nearer it must be."""
    return [sample for sample in samples if sample.labelled.any() and _similarity(sample) > _least(sample)]


def _similarity(sample: Sample) -> float:
    area = float(sample.scale[0] * sample.scale[1]) * PIXELS_PER_UNIT**2
    distance = float(np.linalg.norm(sample.joints_xy[sample.labelled].mean(axis=0) - sample.center))
    return math.exp(-(distance**2) / (0.2**2 * 2 * area))


def _least(sample: Sample) -> float:
    return 0.2 / 16 * int(sample.labelled.sum()) + 0.45 - 0.2 / 16
