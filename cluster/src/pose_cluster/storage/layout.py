"""Which objects of a workspace belong to which names, and which folders a stage needs of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pose_contract.names import TEMPORARY_PREFIX, stem_of
from pose_contract.workspace import Workspace
from stage_kit.stages import StageFacts
from stage_kit.videos.saved_pictures import SUFFIX as FRAMES

NUMBER = re.compile(r"-\d+$")
ENDINGS = re.compile(r"\.(json|jsonl\.part|jsonl|jpg|mp4)$", re.IGNORECASE)
RECORDS = (".json", ".jsonl")
READ_WHOLE = (*RECORDS, ".part", ".txt")
MOST_NAME_BYTES = 255
MOST_BEGINNINGS = 8


@dataclass(frozen=True)
class Layout:
    """The folders of a workspace as one stage uses them; names are relative to the workspace, with `/`."""

    stage: StageFacts
    names: Workspace = field(default_factory=lambda: Workspace(Path()))

    @property
    def writes(self) -> tuple[str, ...]:
        """The folders that it writes."""
        return tuple(getattr(self.names, folder) for folder in self.stage.writes)

    @property
    def sources(self) -> str:
        """The folder whose files it lists: photos, or the annots that it follows."""
        status = self.stage.status
        return self.names.annots if status is not None and status.of == "annots" else self.names.images

    @property
    def records(self) -> tuple[str, ...]:
        """The folders of its own records."""
        known = (self.names.annots, f"{self.names.output}/poses")
        return tuple(folder for folder in known if folder.partition("/")[0] in self.writes)

    @property
    def folders(self) -> tuple[str, ...]:
        """All that it reads or writes."""
        return tuple(dict.fromkeys((self.names.images, self.names.annots, self.names.cuts, *self.writes)))

    @property
    def tables(self) -> str:
        """The folder in which its tables lie directly; empty where it makes none."""
        return self.names.output if self.stage.tables and self.names.output in self.writes else ""

    @property
    def table_parts(self) -> str:
        """The folder of a table in parts, which is of more than one shard."""
        return self.names.keypoints_parquet.as_posix()

    def is_own(self, file: str) -> bool:
        """Whether the stage writes this file."""
        return file.partition("/")[0] in self.writes

    def is_own_record(self, file: str) -> bool:
        """Whether the file is one of its done-marks."""
        return file.endswith(RECORDS) and any(file.startswith(f"{folder}/") for folder in self.records)

    def below(self, file: str) -> str:
        """A file's path below its folder: `output/poses/sub/a.json` -> `sub/a.json`; empty of one above those."""
        folder, _, rest = file.partition("/")
        return rest.partition("/")[2] if folder == self.names.output else rest

    def belongs(self, file: str, stems: Collection[str]) -> bool:
        """Whether the file belongs to one of these stems."""
        return not stems_of(self.below(file)).isdisjoint(stems)

    def stem_of_record(self, file: str) -> str:
        """What all files of a record's name begin with: `output/poses/sub/a.json` -> `sub/a`."""
        return ENDINGS.sub("", self.below(file))

    def stem(self, listed: str) -> str:
        """What all files of a listed name begin with: `sub/a.jpg` and `sub/a.json` -> `sub/a`."""
        return stem_of(listed) if self.sources == self.names.images else listed.removesuffix(".json")


def stems_of(file: str) -> frozenset[str]:
    """The stems that a file may belong to, whose path is given below its folder.

    Example: stems_of("sub/a-1.jpg") -> {"sub/a-1.jpg", "sub/a-1", "sub/a"}, as it may be a photo, or the cut of one
    """
    whole = file.partition(f"{FRAMES}/")[0]
    bare = ENDINGS.sub("", whole)
    return frozenset({whole, bare, NUMBER.sub("", bare)})


def orphans(records: Iterable[str], sources: Iterable[str]) -> frozenset[str]:
    """The stems of records of which there is no source, or which only looking into them can tell.

    Args:
        records: paths below their folder.
        sources: of photos, videos or annots, below theirs.
    """
    alive = {stem for source in sources for stem in (stem_of(source), ENDINGS.sub("", source))}
    stems = {ENDINGS.sub("", record) for record in records}
    # `IMG_1.JPG.json` was the record of IMG_1.JPG once.
    return frozenset(stem for stem in stems if stem not in alive or stem != stem_of(stem))


def beginnings(stems: Sequence[str], most: int = MOST_BEGINNINGS) -> list[str]:
    """At most so many beginnings, of which each stem has one: what a store is asked for.

    Few others should have one, so the shortest is split as long as that gives no more than `most`.

    Example: beginnings(["a/098", "a/099", "a/100", "a/101"], 3) -> ["a/09", "a/100", "a/101"]
    """
    groups = [sorted(set(stems))] if stems else []
    finished: list[list[str]] = []
    while groups:
        groups.sort(key=lambda group: len(_common(group)), reverse=True)
        group = groups.pop()
        parts = _split(group)
        if len(parts) < 2 or len(groups) + len(finished) + len(parts) > most:
            finished.append(group)
        else:
            groups += parts
    return sorted(_common(group) for group in finished)


def _common(group: Sequence[str]) -> str:
    first, last = group[0], group[-1]  # sorted: what these two share, all share
    length = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), None)
    return first[: min(len(first), len(last)) if length is None else length]


def _split(group: Sequence[str]) -> list[list[str]]:
    """By the letter after what all share; nothing where one stem is the beginning of the others."""
    length = len(_common(group))
    if len(group[0]) == length:
        return []
    parts: dict[str, list[str]] = {}
    for stem in group:
        parts.setdefault(stem[length], []).append(stem)
    return list(parts.values())


def is_file_name(file: str) -> bool:
    """Whether an object's name can be a file in a folder: none that leads out of it, or that no disk takes."""
    parts = file.split("/")
    fitting = all(part not in {"", ".", ".."} and len(part.encode()) <= MOST_NAME_BYTES for part in parts)
    return fitting and "\0" not in file and not parts[-1].startswith(TEMPORARY_PREFIX)
