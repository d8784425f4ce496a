"""How many photos are ready for training, and the command that trains on them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from pose_contract.workspace import Workspace
from web_app.look.entries import Entry


@dataclass(frozen=True)
class Training:
    """Photos and people whose poses are marked corrected, and the command."""

    photos: int
    people: int
    command: str


def training(workspace: Workspace, entries: Sequence[Entry]) -> Training:
    """What training would learn from (docs/training.md): `my.yaml` is a copy of the workspace's YAML."""
    ready = [entry for entry in entries if entry.found.corrected]
    root = shlex.quote(str(workspace.root))
    command = f"hrn-stage train --cfg my.yaml DATASET.DATASET workspace DATASET.ROOT {root}"
    return Training(len(ready), sum(entry.found.people or 0 for entry in ready), command)
