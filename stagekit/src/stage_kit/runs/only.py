"""A run on some of the photos alone: `--only NAME`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pose_contract.errors import UsageError
from pose_contract.names import printable
from pose_contract.workspace import Workspace
from stage_kit.runs.steps import Listing


def chosen(listing: Listing, only: Sequence[str], workspace: Workspace) -> Listing:
    """What a stage lists, of these photos and videos alone; all of it where `only` is empty.

    Args:
        listing: a stage lists pictures and videos by their names below images/, or pictures by their annots below
            annots/.
        only: names below images/.
        workspace: whose.

    Raises:
        UsageError: a name that the stage does not list.
    """
    if not only:
        return listing
    known = {*listing.names, *listing.videos, *listing.failures}
    names = {name: name if name in known else _annot_of(workspace, name) for name in only}
    for name, listed in names.items():
        if listed not in known:
            reason = f"--only: there is nothing to do for {printable(name)}"
            raise UsageError(reason, f"name a photo or a video below {workspace.path(workspace.images)}")
    wanted = set(names.values())
    return replace(
        listing,
        names=tuple(name for name in listing.names if name in wanted),
        videos=tuple(name for name in listing.videos if name in wanted),
        failures={name: error for name, error in listing.failures.items() if name in wanted},
        ignored=(),
    )


def _annot_of(workspace: Workspace, name: str) -> str:
    return workspace.annot_file(name).removeprefix(f"{workspace.annots}/")
