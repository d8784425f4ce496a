"""What shows a video's frames to a person: the movie, and pictures of the frames. Written behind, in one thread."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from pose_contract.video_records import Frame
from pose_contract.workspace import Workspace
from stage_kit.runs.workers import Backlog, threads
from stage_kit.videos.reader import VideoFrame, VideoReader
from stage_kit.videos.steps import VideoWork
from stage_kit.videos.writer import MovieWriter, write_movie


@contextlib.contextmanager
def showing(
    workspace: Workspace, work: VideoWork[Any, Any], video: VideoReader, places: int
) -> Iterator[Callable[[VideoFrame, Frame], None]]:
    """Gives what takes each frame with its line, in order; all is written when the block is left without an error.

    Args:
        workspace: whose.
        work: says what is drawn and written.
        video: the frames' own.
        places: how many frames may wait.

    Raises WorkspaceError where nothing can be written.
    """
    saved = work.task.saved
    if saved:
        saved.begin(workspace)
    with _movie(workspace, work, video) as movie, threads("draw", 1) as drawer:
        drawing = Backlog(drawer, places)

        def show(frame: VideoFrame, line: Frame) -> None:
            if movie is not None:
                drawing.submit(_draw, work, movie, frame, line)
            if saved:
                drawing.submit(saved.write, workspace, frame.picture, line)

        yield show
        drawing.finish()
    if saved:
        saved.finish(workspace)


def _movie(
    workspace: Workspace, work: VideoWork[Any, Any], video: VideoReader
) -> contextlib.AbstractContextManager[MovieWriter | None]:
    if work.task.movie is None:
        return contextlib.nullcontext()
    path = workspace.path(work.task.movie.file)
    size = video.width, video.height
    return write_movie(path, size, video.nominal_rate, sound_of=work.task.source, comment=work.task.movie.comment)


def _draw(work: VideoWork[Any, Any], movie: MovieWriter, frame: VideoFrame, line: Frame) -> None:
    movie.add(work.drawn(frame.picture, line), frame.t_seconds)
