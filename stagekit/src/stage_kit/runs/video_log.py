"""What a run does with its videos, one after the other, and what it tells of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from pose_contract.errors import ImageError
from pose_contract.workspace import Workspace
from stage_kit.command.progress import LOG_EVERY_SECONDS
from stage_kit.runs.frame_run import FrameRun, VideoDone
from stage_kit.runs.journal import RunLog
from stage_kit.runs.steps import Settled, Steps

FLAGS_IN_WORDS = {
    "resized": "some frames had another size",
    "times_repaired": "some time stamps were missing or went back",
    "truncated": "the file ends early: what decodes of it is done",
    "variable_rate": "frames come at uneven times",
}


def over_videos(
    workspace: Workspace, steps: Steps[Any, Any], log: RunLog, names: Sequence[str], run: FrameRun[Any]
) -> None:
    """Works on the videos; one that fails stops none of the others. Raises WorkspaceError."""
    for name in names:
        file = workspace.image_file(name)
        try:
            work = steps.examine_video(name)
            if isinstance(work, Settled):
                log.settle(file, work)
                continue
            begun = time.monotonic()
            done = run.run(work, teller(name, log))
        except ImageError as error:
            log.fail(file, error)
        else:
            log.say(video_line(name, done, time.monotonic() - begun))
            log.done("redrawn" if work.task.redrawn else "processed", done.people)


def video_line(name: str, done: VideoDone, seconds: float) -> str:
    """One line on a video that is done.

    Example: video_line("a.mp4", VideoDone(90, 2, ()), 3.0) -> "a.mp4: 90 frames, up to 2 people, 30.0 frames/s"
    """
    who = "nobody" if not done.people else "up to 1 person" if done.people == 1 else f"up to {done.people} people"
    notes = "".join(f"; {FLAGS_IN_WORDS[flag]}" for flag in done.flags)
    return f"{name}: {done.frames} frames, {who}, {done.frames / max(seconds, 1e-6):.1f} frames/s{notes}"


def teller(name: str, log: RunLog) -> Callable[[int, int], None]:
    """Tells every few seconds how far a video is."""
    begun = last = time.monotonic()

    def tell(frames: int, of: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= LOG_EVERY_SECONDS:
            last = now
            log.say(f"{name}: {frames} of {of or '?'} frames, {frames / (now - begun):.1f} frames/s")

    return tell
