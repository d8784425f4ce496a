"""openpose-stage: photos and videos in, the poses of all people in one pass out.

In a program:

    from openpose_stage import load_openpose

    find = load_openpose(model="hpe-0001")
    poses = find("crowd.jpg")  # poses.keypoints_xy [N, J, 2], poses.scores [N, J]

The three steps of the lecture, for a notebook: `from openpose_stage import lecture`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stage_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from openpose_stage import lecture
    from openpose_stage.api import Explained, LoadedOpenpose, Poses, draw_poses, load_openpose
    from stage_kit.runs.stage_run import StageRun
    from stage_kit.stages import StageFacts

__all__ = [
    "STAGE",
    "Explained",
    "LoadedOpenpose",
    "Poses",
    "__version__",
    "draw_poses",
    "facts",
    "lecture",
    "load_openpose",
    "open_run",
]

__version__ = "0.1.0"
STAGE = "openpose-stage"


@functools.cache
def facts() -> StageFacts:
    """What stage.toml says of this stage."""
    from stage_kit.stages import stage_facts

    return stage_facts("openpose_stage")


def open_run(words: Sequence[str]) -> StageRun:
    """A run for an app to give shards of the photos to: see `stage_kit.runs.stage_run`."""
    from openpose_stage import cli

    return cli.open_run(words)


__getattr__, __dir__ = lazy_exports(__name__, f"{__name__}.api", __all__)
