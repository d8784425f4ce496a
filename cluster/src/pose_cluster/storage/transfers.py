"""The plan: what is fetched before a stage's run, and in which order its work is put back. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from pose_cluster.storage.layout import READ_WHOLE, Layout, stems_of
from pose_contract.names import is_video_name

MOST_MICROSECONDS = 10**15  # in the year 2001: a file of that time is never too new to be remembered


class Part(Enum):
    """How much of an object lies in scratch."""

    WHOLE = auto()
    HEAD = auto()  # its first bytes, where a picture says what it shows; the rest is a hole
    HOLE = auto()  # its size and time alone


@dataclass(frozen=True)
class Stored:
    """An object of the store. `key` is another whenever its bytes are: its ETag, or else its time."""

    size: int
    key: str

    @property
    def mtime_ns(self) -> int:
        """A time for its file in scratch, made of the key, so that a run knows by size and time what it has seen."""
        digest = hashlib.sha256(self.key.encode()).digest()
        return int.from_bytes(digest[:8], "big") % MOST_MICROSECONDS * 1000


Times = tuple[int, int]
"""Size and modification time (ns) of a file in scratch."""


def parts(layout: Layout, files: Iterable[str], to_do: Collection[str]) -> dict[str, Part]:
    """How much of each file a run needs.

    Args:
        layout: of the stage.
        files: that there are.
        to_do: stems of those that the run will work on. Of others it looks whether they are done.
    """
    return {file: _part(layout, file, layout.belongs(file, to_do)) for file in files}


def _part(layout: Layout, file: str, to_do: bool) -> Part:
    if file.endswith(READ_WHOLE):
        return Part.WHOLE
    if not layout.is_own(file):
        return Part.WHOLE if to_do else Part.HOLE
    if is_video_name(file):
        return Part.HOLE if to_do else Part.WHOLE  # a movie says at its end what it shows
    shows = file.startswith(f"{layout.names.final}/") or (to_do and file.startswith(f"{layout.names.inspect}/"))
    return Part.HEAD if shows else Part.HOLE


@dataclass(frozen=True)
class Putting:
    """What is done to the store, in this order, so that a kill at any point leaves what a rerun mends.

    Attributes:
        outdated: records that go before anything is overwritten: files of two runs could pass for those of one.
        gone: pictures whose person or photo is gone, parts of tables.
        files: pictures, movies, tables.
        records: the done-marks.
        gone_records: last, as until then a rerun finds what is left.
    """

    outdated: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    gone_records: tuple[str, ...] = ()

    @property
    def replaced(self) -> tuple[str, ...]:
        """Records of which another version may stand in the store."""
        return (*self.records, *self.gone_records)

    def without(self, layout: Layout, stems: Collection[str]) -> Putting:
        """The same, but for the files of these stems."""

        def left(files: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(file for file in files if not layout.belongs(file, stems))

        return Putting(
            left(self.outdated), left(self.gone), left(self.files), left(self.records), left(self.gone_records)
        )


def putting(layout: Layout, before: Mapping[str, Times], after: Mapping[str, Times], kept: Collection[str]) -> Putting:
    """What a run has changed.

    Args:
        layout: of the stage.
        before: what lay in scratch before it, of what lies in the store.
        after: what lies there now.
        kept: records that hold a person's work; they stay until another takes their place.
    """
    changed = sorted(file for file in after if before.get(file) != after[file])
    gone = sorted(before.keys() - after.keys())
    records = tuple(filter(layout.is_own_record, changed))
    gone_records = tuple(filter(layout.is_own_record, gone))
    touched = frozenset(stem for file in changed for stem in stems_of(layout.below(file)))
    # A run that ended early, on a full disk, has removed the record and perhaps written pictures.
    half_done = tuple(file for file in gone_records if layout.stem_of_record(file) in touched)
    replaced = (*(file for file in records if file in before), *half_done)
    return Putting(
        outdated=tuple(file for file in replaced if file not in kept),
        files=tuple(file for file in changed if not layout.is_own_record(file)),
        gone=tuple(file for file in gone if not layout.is_own_record(file)),
        records=records,
        gone_records=tuple(file for file in gone_records if file not in half_done),
    )
