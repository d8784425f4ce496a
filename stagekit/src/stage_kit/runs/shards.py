"""A shard: a part of a run's names, for one of several processes or machines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pose_contract.errors import UsageError
from pose_contract.storage import remove_file
from pose_contract.workspace import Workspace
from stage_kit.runs.steps import Listing

ASKED = re.compile(r"([1-9][0-9]{0,6})/([1-9][0-9]{0,6})")
OF_A_SHARD = r"[1-9][0-9]{0,6}of[1-9][0-9]{0,6}"
Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """The `index`-th of `count` parts, from 1 on: every `count`-th name, beginning with the `index`-th.

    Names are listed in sorted order, so that every machine that sees the same files splits them alike.
    """

    index: int
    count: int

    @property
    def name(self) -> str:
        """`2of3`: stands in the names of the shard's lock, report and seen file."""
        return f"{self.index}of{self.count}"

    def of(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """This shard's part of the items; nothing where there are too few of them."""
        return tuple(items[self.index - 1 :: self.count])

    def part_of(self, listing: Listing) -> Listing:
        """This shard's part of all that is listed."""
        failures = self.of(sorted(listing.failures.items()))
        return Listing(self.of(listing.names), dict(failures), videos=self.of(listing.videos))


def shard_of(text: str | None) -> Shard | None:
    """The shard that `--shard 2/3` asks for; None without the flag. Raises UsageError."""
    if text is None:
        return None
    found = ASKED.fullmatch(text)
    if found is None or int(found[1]) > int(found[2]):
        remedy = "the second of three processes: --shard 2/3"
        raise UsageError(f"--shard: expected I/N, from 1/N to N/N, got {text}", remedy)
    return Shard(int(found[1]), int(found[2]))


def remove_traces(workspace: Workspace, stage: str) -> None:
    """Removes the reports and locks of a stage's shards: what they tell is past. No shard may run.

    What they have seen stays, for the next shards of the same names. Raises WorkspaceError.
    """
    ours = re.compile(rf"\.?{re.escape(stage)}\.{OF_A_SHARD}\.(json|lock)")
    folder = workspace.path(workspace.reports)
    for path in folder.iterdir() if folder.is_dir() else ():
        if ours.fullmatch(path.name):
            remove_file(path)
