"""hrn-stage: person cuts in, skeletons out.

In a program:

    from hrn_stage import draw_poses, load_estimator

    estimate = load_estimator()
    poses = estimate("serve.jpg", boxes_xyxy)  # poses.keypoints_xy [N, J, 2], poses.scores [N, J]
    drawn = draw_poses("serve.jpg", poses)
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from stage_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hrn_stage.api import LoadedEstimator, draw_poses, load_estimator
    from hrn_stage.poses import Poses
    from stage_kit.pictures.draw_style import DrawStyle
    from stage_kit.runs.stage_run import StageRun
    from stage_kit.stages import StageFacts

__all__ = [
    "STAGE",
    "DrawStyle",
    "LoadedEstimator",
    "Poses",
    "__version__",
    "draw_poses",
    "facts",
    "load_estimator",
    "open_run",
]

__version__ = "0.1.0"
STAGE = "hrn-stage"


@functools.cache
def facts() -> StageFacts:
    """What stage.toml says of this stage."""
    from stage_kit.stages import stage_facts

    return stage_facts("hrn_stage")


def open_run(words: Sequence[str]) -> StageRun:
    """A run as the words of hrn-stage's command ask for it, for a program that gives it shards."""
    from hrn_stage import cli

    return cli.open_run(words)


__getattr__, __dir__ = lazy_exports(__name__, f"{__name__}.api", __all__)
