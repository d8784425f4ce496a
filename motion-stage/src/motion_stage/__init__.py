"""motion-stage: poses of videos in; tracks, smoothed keypoints, speeds and angles out."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from stage_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from motion_stage.online import Follower
    from stage_kit.stages import StageFacts

__all__ = ["STAGE", "Follower", "__version__", "facts"]

__version__ = "0.1.0"
STAGE = "motion-stage"


@functools.cache
def facts() -> StageFacts:
    """What stage.toml says of this stage."""
    from stage_kit.stages import stage_facts

    return stage_facts("motion_stage")


__getattr__, __dir__ = lazy_exports(__name__, f"{__name__}.online", __all__)
