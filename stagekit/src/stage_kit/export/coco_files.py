"""keypoints.coco.json and images.coco.json, written row by row."""

from __future__ import annotations

import contextlib
import json
from array import array
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import BinaryIO

import numpy as np

from pose_contract.errors import ImageError
from pose_contract.records import ImagePoses
from pose_contract.skeletons import Skeleton
from pose_contract.storage import opened_anew, remove_file
from pose_contract.workspace import Workspace
from stage_kit.export.coco_rows import coco_category, coco_image, coco_results, colliding_ids, image_id


class JsonList:
    """A JSON list, one row a line, without holding all rows at once."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._separator = "[\n"

    def add(self, row: dict[str, object]) -> None:
        """One more row."""
        self._write((self._separator + json.dumps(row, ensure_ascii=False)).encode())
        self._separator = ",\n"

    def close(self) -> None:
        """Ends the list."""
        self._write(b"[]\n" if self._separator == "[\n" else b"\n]\n")


class RefusedError(Exception):
    """Two images have one id: neither file may take its name."""


class CocoFiles:
    """Both files, which take their names at the end of the block; unless two images have one id.

    Then `refusal` says which, and there are no files, not even those of before.
    """

    def __init__(self, workspace: Workspace, skeleton: Skeleton, names: Callable[[], Iterable[str]]) -> None:
        """`names` gives those of all images once more, to find the two that have one id."""
        self._workspace = workspace
        self._skeleton = skeleton
        self._names = names
        self._hashes = array("q")  # of ids: eight bytes each, however long a number a name is
        self._opened = contextlib.ExitStack()
        self.refusal: ImageError | None = None

    def __enter__(self) -> CocoFiles:
        """Opens both. Raises what `opened_anew` raises."""
        with contextlib.ExitStack() as opened:
            results = opened.enter_context(opened_anew(self._workspace.keypoints_coco))
            self._images_file = opened.enter_context(opened_anew(self._workspace.images_coco))
            self._opened = opened.pop_all()
        self._results = JsonList(results.write)
        self._images_file.write(b'{"images": ')
        self._images = JsonList(self._images_file.write)
        return self

    def add(self, poses: ImagePoses, name: str) -> None:
        """One image; its people too, if they have the files' skeleton."""
        number = image_id(name)
        self._hashes.append(hash(number))
        self._images.add(coco_image(poses, name))
        if poses.skeleton == self._skeleton.name:
            for row in coco_results(poses, number, self._skeleton):
                self._results.add(row)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises what `opened_anew` raises."""
        if error is not None:
            self._opened.__exit__(kind, error, trace)
            return
        if len(np.unique(self._hashes)) < len(self._hashes):
            self.refusal = _colliding(self._names())
        with contextlib.suppress(RefusedError), self._opened:
            self._end(self._images_file)
            if self.refusal:
                raise RefusedError
        if self.refusal:
            remove_file(self._workspace.keypoints_coco)
            remove_file(self._workspace.images_coco)

    def _end(self, images_file: BinaryIO) -> None:
        self._results.close()
        self._images.close()
        images_file.write(b', "annotations": [], "categories": ')
        category = JsonList(images_file.write)
        category.add(coco_category(self._skeleton))
        category.close()
        images_file.write(b"}\n")


def _colliding(names: Iterable[str]) -> ImageError | None:
    """What the user is told of images that have one id; None where there are none after all."""
    collisions = colliding_ids(names)
    if not collisions:
        return None
    first, second = collisions[0]
    return ImageError(
        f"{first} and {second} have the same COCO image id {image_id(first)} ({len(collisions)} such pairs)",
        "rename one; all else is written, only the two COCO files are not",
    )
