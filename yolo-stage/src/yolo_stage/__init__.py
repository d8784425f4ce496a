"""yolo-stage: photos in, person boxes and cuts out.

In a program:

    from yolo_stage import load_detector

    detect = load_detector()
    people = detect("serve.jpg")  # people.boxes_xyxy [N, 4], people.scores [N]
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from stage_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stage_kit.runs.stage_run import StageRun
    from stage_kit.stages import StageFacts
    from yolo_stage.api import LoadedDetector, People, draw_boxes, load_detector

__all__ = ["STAGE", "LoadedDetector", "People", "__version__", "draw_boxes", "facts", "load_detector", "open_run"]

__version__ = "0.1.0"
STAGE = "yolo-stage"


@functools.cache
def facts() -> StageFacts:
    """What stage.toml says of this stage."""
    from stage_kit.stages import stage_facts

    return stage_facts("yolo_stage")


def open_run(words: Sequence[str]) -> StageRun:
    """A run as the words of yolo-stage's command ask for it, for a program that gives it shards."""
    from yolo_stage import cli

    return cli.open_run(words)


__getattr__, __dir__ = lazy_exports(__name__, f"{__name__}.api", __all__)
