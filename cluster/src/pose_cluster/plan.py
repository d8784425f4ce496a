"""How a stage's names are cut into shards, and a long video into segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stage_kit.runs.steps import Listing
from stage_kit.videos.segments import Segment


@dataclass(frozen=True)
class Shard:
    """Names that one worker does at a time, or a segment of a video.

    Attributes:
        name: such as `2of3`; stands in its lock, its report and what it has seen.
        names: of pictures, or of one video.
        cut_seconds: how long segments are, if the video is to be cut into such where it is long; 0 is not.
        segment: what is asked about, of the video; None is all.
        of_video: the name of the video's own shard, of a segment.
    """

    name: str
    names: tuple[str, ...]
    cut_seconds: float = 0.0
    segment: Segment | None = None
    of_video: str = ""


def segment_seconds(wanted: float, videos: int, workers: int) -> float:
    """How long segments are; 0 (videos stay whole) where each worker gets a video of its own.

    A cut video costs more computing in all, as each frame is decoded twice: it pays only where workers would be idle.
    """
    return wanted if videos < workers else 0.0


class Plan:
    """The shards of one stage; pieces of a shard get names of their own.

    A video is a shard by itself, before all pictures, as it takes long. Pictures stay in their sorted order, neighbours
    together: where one is added later, the others keep their shard or move to the next one. Blocks of pictures have the
    first numbers, so that those stay the same where a video is added.

    With `segment_seconds` long videos are cut: who gets a video's shard looks how long it is.
    """

    def __init__(self, listing: Listing, shard_size: int, segment_seconds: float = 0.0) -> None:
        videos = [(name,) for name in listing.videos]
        names = listing.names
        blocks = [tuple(names[start : start + shard_size]) for start in range(0, len(names), shard_size)]
        self._count = len(videos) + len(blocks)
        self._made = 0
        of_pictures, of_videos = self._named(blocks), self._named(videos)
        self.shards = [*(replace(video, cut_seconds=segment_seconds) for video in of_videos), *of_pictures]

    @property
    def most_at_once(self) -> int | None:
        """How many workers may have something to do; None where that is not known, as videos may be cut."""
        return None if any(shard.cut_seconds for shard in self.shards) else len(self.shards)

    def halves(self, shard: Shard) -> list[Shard]:
        """Two shards in place of one of several names, so that what stops its workers is found."""
        middle = len(shard.names) // 2
        return self._named([shard.names[:middle], shard.names[middle:]])

    def segments(self, video: Shard, found: Sequence[Segment]) -> list[Shard]:
        """A shard for each segment of a video."""
        shards = zip(self._named([video.names] * len(found)), found, strict=True)
        return [replace(shard, segment=segment, of_video=video.name) for shard, segment in shards]

    def _named(self, parts: Sequence[tuple[str, ...]]) -> list[Shard]:
        first = self._made + 1
        self._made += len(parts)
        return [Shard(f"{number}of{self._count}", part) for number, part in enumerate(parts, first)]
