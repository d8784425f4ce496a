"""A run of a stage that a program opens once and gives many shards: how an app works with stages it does not know."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol

from pose_contract.errors import UsageError
from pose_contract.records import RunReport
from stage_kit.runs.steps import Listing
from stage_kit.stages import StageFacts
from stage_kit.videos.segments import Segment


class StageRun(Protocol):
    """What a stage's `open_run` gives. Where several processes share a workspace, each opens a run of its own.

    One of them calls `prologue`, each `shard` as often as it likes, one after the other, and at the end one `epilogue`.
    """

    def listing(self) -> Listing:
        """What there is to do; what fails at once stands in no shard. Raises UsageError where there is nothing."""

    def unsettled(self, names: Sequence[str], shard: str) -> tuple[str, ...]:
        """Those of these names that `shard` would work on, or that would fail; the network is not loaded.

        It is for a workspace whose files are brought from elsewhere: records lie there whole, and pictures with their
        size and time alone. What has been listed of folders before is forgotten. Of the unsettled ones all files must
        be brought, again, before the shard is run: they may have been removed.
        """

    def prologue(self) -> None:
        """Removes what killed runs left, and outputs whose input is gone. No shard may run. Raises WorkspaceError."""

    def shard(self, names: Sequence[str], shard: str, among: Sequence[str] = ()) -> RunReport:
        """Works on these of the listed pictures and videos. The network is loaded when it is needed first, and kept.

        Args:
            names: no two shards that run at once may have one in common.
            shard: a name such as `2of3`, for its lock, its report and what it has seen.
            among: names of the whole run, for int8 to be calibrated alike everywhere.

        Raises WorkspaceError and what loading the network raises; of pictures the report tells what failed.
        """

    def cut(self, name: str, shard: str, seconds: float) -> tuple[Segment, ...]:
        """The segments of a listed video that is to be done and is much longer than `seconds`, each about so long.

        Nothing where it is better left whole. Any process may ask the network about a segment, `segment`; when all
        have ended, `shard` does the video with their answers, and asks about what lacks. `shard` is the one of that.
        The network is not loaded. Raises WorkspaceError.
        """

    def segment(self, name: str, segment: Segment, shards: tuple[str, str], among: Sequence[str] = ()) -> RunReport:
        """Asks the network about the frames of a segment, and keeps its answers, which the epilogue removes.

        Args:
            name: of the video.
            segment: one that `cut` gave.
            shards: a name for the segment's own lock, and the one that `cut` was told.
            among: as of `shard`.

        Raises WorkspaceError and what loading the network raises. Whatever keeps a video from being read is told by
        its shard; the report counts nothing.
        """

    def epilogue(self, of_shards: RunReport | None = None) -> RunReport:
        """Removes what killed shards left, and rebuilds the tables; the report tells which could not be.

        No shard may run. `of_shards` tells of all shards. With it the run's report is written, and the shards' own are
        removed. Raises WorkspaceError.
        """


def open_run(stage: StageFacts, words: Sequence[str]) -> StageRun:
    """A run of that stage, as the words of its own command ask for it.

    Args:
        stage: its package has a function `open_run`, which takes the words.
        words: flags, `--workspace` among them. pose.toml counts as it does for the command.

    Raises:
        UsageError: the stage does not run by shards, or the words make no sense.
        ConfigError, WeightsError: as the command.
    """
    opened = getattr(import_module(stage.package), "open_run", None)
    if opened is None:
        raise UsageError(f"{stage.name} does not run by shards", "leave it out, and run its command afterwards")
    run: StageRun = opened(words)
    return run
