"""yolo-stage: photos in, person boxes and cuts out."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stage_kit.stages import StageFacts

__version__ = "0.1.0"
STAGE = "yolo-stage"


@functools.cache
def facts() -> StageFacts:
    """What stage.toml says of this stage."""
    from stage_kit.stages import stage_facts

    return stage_facts("yolo_stage")
