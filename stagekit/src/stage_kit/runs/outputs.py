"""The outputs of one image, written in the order that a kill at any point leaves mendable."""

from __future__ import annotations

from pose_contract.errors import ImageError
from pose_contract.storage import remove_file, write_bytes
from pose_contract.workspace import Workspace
from stage_kit.runs.found_records import record_bytes_at
from stage_kit.runs.steps import Outputs


def write_outputs(workspace: Workspace, outputs: Outputs) -> None:
    """Pictures first, the record last; an old record goes before anything is overwritten.

    Otherwise files of two runs could pass for those of one. A record that holds a person's work stays until its files
    fit it.

    Raises:
        WorkspaceError: not writable, or the disk is full.
        ImageError: a name that cannot be written, or a record that a person has edited meanwhile.
    """
    if outputs.record is not None and outputs.replaces is not None:
        _require_unedited(workspace, outputs.record[0], outputs.replaces)
    if outputs.record is not None and not outputs.kept:
        remove_file(workspace.path(outputs.record[0]))
    for file, data in outputs.files.items():
        write_bytes(workspace.path(file), data)
    for numbered in outputs.numbered:
        for index, path in numbered.of(outputs.name).items():
            if index >= outputs.people:
                remove_file(path)
    if outputs.record is not None:
        write_bytes(workspace.path(outputs.record[0]), outputs.record[1])


def _require_unedited(workspace: Workspace, file: str, examined: bytes) -> None:
    if record_bytes_at(workspace, file) != examined:
        raise ImageError(f"has a record that was edited during the run, and is kept: {file}", "run the stage again")
