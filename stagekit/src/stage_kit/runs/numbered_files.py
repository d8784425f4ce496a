"""The files of a folder that are numbered by the people of an image."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from pathlib import Path, PurePosixPath

from pose_contract.names import stem_of
from pose_contract.storage import write_error

NUMBERED = re.compile(r"(.+)-(\d+)\.jpg", re.DOTALL)


class NumberedFiles:
    """The files of one folder that belong to the people of an image: `a-0.jpg`, `a-1.jpg`, … to `a.jpg`.

    A folder is listed when it is first asked for and not again until `forget`: a listing per image would take longer
    the more images there are. So what the run itself writes may be missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._listings: dict[str, dict[str, list[tuple[int, str]]]] = {}

    def of(self, name: str) -> dict[int, Path]:
        """Those of the image `name`, by person index. Raises WorkspaceError where the folder may not be read."""
        stem = PurePosixPath(stem_of(name))
        place = str(stem.parent)
        with self._lock:
            if place not in self._listings:
                try:
                    self._listings[place] = self._list(place)
                except OSError as error:
                    raise write_error(self.folder / place, error) from error
        return {index: self.folder / place / file for index, file in self._listings[place].get(stem.name, ())}

    def forget(self) -> None:
        """Folders are listed anew when they are asked for."""
        with self._lock:
            self._listings.clear()

    def _list(self, place: str) -> dict[str, list[tuple[int, str]]]:
        found: dict[str, list[tuple[int, str]]] = {}
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for file in os.listdir(self.folder / place):  # noqa: PTH208 - names are enough
                if match := NUMBERED.fullmatch(file):
                    found.setdefault(match[1], []).append((int(match[2]), file))
        return found
