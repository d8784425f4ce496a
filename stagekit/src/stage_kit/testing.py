"""For the tests of stages: a run that dies at a chosen write point, the bytes of a workspace, videos to be cut."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av

KILLED = 137
ENDED = 0


def dies_at_write(story: Callable[[], object], point: int, after: bool) -> bool:
    """Runs `story` in a forked process that dies, as by kill -9, at its write point number `point`.

    Write points are the moments at which a file of the workspace comes or goes: every rename into place and every
    removal. The process dies right before the point, or right after it.

    Returns:
        False where the story ended before it came to that point.

    Raises:
        AssertionError: the story failed otherwise.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _die_at(point, after)
            story()
            status = ENDED
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (KILLED, ENDED), f"the story failed at write point {point}: exit {status}"
    return status == KILLED


def _die_at(point: int, after: bool) -> None:
    count = itertools.count()
    lock = threading.Lock()

    def dying(operation: Callable[..., Any]) -> Callable[..., Any]:
        def at_point(*args: Any, **kwargs: Any) -> Any:
            with lock:  # one write at a time, so that nothing else happens between the point and the death
                here = next(count) == point
                if here and not after:
                    os._exit(KILLED)
                result = operation(*args, **kwargs)
                if here:
                    os._exit(KILLED)
                return result

        return at_point

    Path.replace = dying(Path.replace)  # type: ignore[method-assign]
    Path.unlink = dying(Path.unlink)  # type: ignore[method-assign]


def workspace_bytes(root: Path) -> dict[str, bytes]:
    """Every file of a workspace with its bytes, reports/ apart: they hold times."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    relative = ((path.relative_to(root).as_posix(), path) for path in files)
    return {name: path.read_bytes() for name, path in relative if not name.startswith("reports/")}


def set_key_frames(path: Path, every: int) -> None:
    """Encodes a video anew, as MPEG-4, so that every so many-th frame is a key frame."""
    anew = path.with_stem("anew")
    with av.open(str(path)) as old, av.open(str(anew), "w") as new:
        pictures = old.streams.video[0]
        stream = new.add_stream("mpeg4", rate=30, options={"g": str(every), "qscale": "2"})
        stream.width, stream.height, stream.pix_fmt = pictures.width, pictures.height, "yuv420p"
        for frame in old.decode(pictures):
            frame.pict_type = av.video.frame.PictureType.NONE
            new.mux(stream.encode(frame))
        new.mux(stream.encode(None))
    anew.replace(path)
