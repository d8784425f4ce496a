"""How a stage's names are cut into shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stage_kit.runs.steps import Listing


@dataclass(frozen=True)
class Shard:
    """Names that one worker does at a time. `name` (`2of3`) stands in its lock, its report and what it has seen."""

    name: str
    names: tuple[str, ...]


class Plan:
    """The shards of one stage; pieces of a shard get names of their own.

    A video is a shard by itself, before all pictures, as it takes long. Pictures stay in their sorted order, neighbours
    together: where one is added later, the others keep their shard or move to the next one. Blocks of pictures have the
    first numbers, so that those stay the same where a video is added.
    """

    def __init__(self, listing: Listing, shard_size: int) -> None:
        videos = [(name,) for name in listing.videos]
        names = listing.names
        blocks = [tuple(names[start : start + shard_size]) for start in range(0, len(names), shard_size)]
        self._count = len(videos) + len(blocks)
        self._made = 0
        of_pictures, of_videos = self._named(blocks), self._named(videos)
        self.shards = [*of_videos, *of_pictures]

    def halves(self, shard: Shard) -> list[Shard]:
        """Two shards in place of one of several names, so that what stops its workers is found."""
        middle = len(shard.names) // 2
        return self._named([shard.names[:middle], shard.names[middle:]])

    def _named(self, parts: Sequence[tuple[str, ...]]) -> list[Shard]:
        first = self._made + 1
        self._made += len(parts)
        return [Shard(f"{number}of{self._count}", part) for number, part in enumerate(parts, first)]
