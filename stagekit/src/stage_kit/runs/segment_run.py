"""The parts of a long video that processes beside each other ask the network about, before its own run joins them."""

from __future__ import annotations

from typing import Any

from pose_contract.errors import ImageError
from pose_contract.workspace import Workspace
from stage_kit.runs.frame_run import FrameRun
from stage_kit.runs.steps import Settled, Steps
from stage_kit.videos.answers import SUFFIX, answers_folder, are_kept, write_answers
from stage_kit.videos.part_file import PartKey
from stage_kit.videos.segments import Segment, is_long, read_segments
from stage_kit.videos.steps import VideoWork


def segments_of(workspace: Workspace, steps: Steps[Any, Any], name: str, seconds: float) -> tuple[Segment, ...]:
    """The segments of a video whose frames the network is to be asked about; nothing where it is better left whole.

    What is wrong with a video its own run tells.
    """
    path = workspace.path(workspace.image_file(name))
    try:
        return read_segments(path, seconds) if is_long(path, seconds) and _asked_about(steps, name) else ()
    except ImageError:
        return ()


def answer_segment(
    workspace: Workspace, steps: Steps[Any, Any], run: FrameRun[Any], name: str, segment: Segment
) -> None:
    """Keeps the network's answers about a segment, unless they are there. Raises WorkspaceError.

    A segment that cannot be read leaves none: the video's own run tells what is wrong.
    """
    try:
        work = _asked_about(steps, name)
        if work is None:
            return
        key = PartKey(image_sha256=work.task.image_sha256, made_by=work.task.made_by)
        path = answers_folder(workspace, work.task.made_by.stage, name) / f"{segment.name}{SUFFIX}"
        if not are_kept(path, key):
            write_answers(path, key, run.answers_of(work, segment))
    except ImageError:
        return


def _asked_about(steps: Steps[Any, Any], name: str) -> VideoWork[Any, Any] | None:
    """The work on a video, if the network must be asked for it and its answers can be kept.

    An int8 network says what it was calibrated on only when it has been loaded; so its answers have no key before.
    """
    work = steps.examine_video(name)
    if isinstance(work, Settled) or work.task.redrawn or work.task.answer_bytes is None:
        return None
    return None if "calibration" in work.task.made_by.options else work
