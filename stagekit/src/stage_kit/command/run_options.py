"""What every run is asked besides its stage's own options, and how options are checked."""

from __future__ import annotations

import argparse
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any

from pose_contract.errors import UsageError
from pose_contract.records import MadeBy
from pose_contract.workspace import Workspace
from stage_kit.command.refusals import require as require
from stage_kit.networks.network import Network
from stage_kit.networks.plan import NetworkPlan
from stage_kit.pictures.limits import MAX_FILE_MB
from stage_kit.runs.batch_run import RunFacts
from stage_kit.runs.shards import Shard, shard_of
from stage_kit.stages import StageFacts

MAX_BATCH = 1024
MAX_READ_MB = 4000  # four times as much memory would hardly suffice for more


@dataclass(frozen=True)
class RunOptions:
    """The base of a stage's options.

    Attributes:
        workspace: what the run works on.
        overwrite: do all images anew, except corrected records.
        keep_going: exit 0 even if some images failed.
        follow_links: write through links that lead out of the workspace.
        quiet: errors only.
        verbose: say why the engine and the precision were chosen, too.
        max_file_mb: the largest file that is read as a picture, in million bytes.
        differing: what differs from the defaults, in words, for the first line of the run.
        shard: the part of the names to work on; None is all.
        only: photos and videos, below images/, that alone are worked on; none: all.
    """

    workspace: Workspace
    _: KW_ONLY
    overwrite: bool = False
    keep_going: bool = False
    follow_links: bool = False
    quiet: bool = False
    verbose: bool = False
    max_file_mb: int = MAX_FILE_MB
    differing: str = ""
    shard: Shard | None = None
    only: tuple[str, ...] = ()

    def first_line(self, why: str, details: str) -> str:
        """What the run says first: `why` in short, what differs from the defaults, and the details if asked for."""
        short = "; ".join(part for part in (why, self.differing) if part)
        return f"{short}\n  {details}" if self.verbose else short

    def run_facts(self, stage: StageFacts, made_by: MadeBy, plan: NetworkPlan[Network], workers: int) -> RunFacts:
        """The run as its report and its log tell it; `workers` is 0 for one per core."""
        return RunFacts(
            stage=stage,
            workspace=self.workspace,
            options=made_by.options,
            model=plan.model,
            engine=plan.engine,
            why=self.first_line(plan.why, plan.details),
            workers=workers,
            batches_at_once=plan.batches_at_once,
            quiet=self.quiet,
            follow_links=self.follow_links,
            shard=self.shard,
            only=self.only,
        )


def run_flags(args: argparse.Namespace, differing: str = "") -> dict[str, Any]:
    """The fields of `RunOptions` as the flags of `add_run_flags` have them. Raises UsageError."""
    apart = {"workspace", "differing", "max_file_mb", "shard", "only"}  # the third is a setting
    names = {field.name for field in fields(RunOptions)} - apart
    flags = {name: getattr(args, name) for name in names}
    shard = shard_of(args.shard)
    if shard and args.only:
        raise UsageError("--shard and --only cannot go together", "use the one or the other")
    return flags | {"differing": differing, "shard": shard, "only": tuple(args.only)}
