"""What one run of hrn-stage is asked to do: frozen and validated; and which workspace it works on."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from hrn_stage import STAGE
from hrn_stage.config import HrnConfig
from pose_contract.errors import ConfigError, UsageError
from pose_contract.workspace import DEFAULT_CONFIG, Workspace, default_root
from stage_kit.command.folders import workspace_of_folders
from stage_kit.command.run_options import MAX_BATCH, MAX_READ_MB, RunOptions, require
from stage_kit.command.template import template_file
from stage_kit.export.asked_tables import CSV_ALONE, AskedTables
from stage_kit.pictures.draw_style import DrawStyle

YAML_KEYS = {
    "annots": "DATASET.ANNOTS", "images": "DATASET.IMAGES", "cuts": "DATASET.CUTS", "final": "DATASET.FINAL",
    "output": "OUTPUT_DIR",
}  # fmt: skip


@dataclass(frozen=True)
class EstimateOptions(RunOptions):
    """One run. `batch_size` None means the YAML's."""

    config: HrnConfig
    style: DrawStyle = field(default_factory=DrawStyle)
    batch_size: int | None = None
    tables: AskedTables = CSV_ALONE

    def __post_init__(self) -> None:
        """Refuses values without a meaning. Raises UsageError."""
        fits = 1 <= self.people_per_batch <= MAX_BATCH
        require(fits, "batch_size", self.people_per_batch, f"1 to {MAX_BATCH}", STAGE)
        require(1 <= self.max_file_mb <= MAX_READ_MB, "max_file_mb", self.max_file_mb, f"1 to {MAX_READ_MB}", STAGE)

    @property
    def people_per_batch(self) -> int:
        """The fixed number of network inputs in a batch."""
        return self.config.TEST.BATCH_SIZE_PER_GPU if self.batch_size is None else self.batch_size


def default_config_path(root: Path) -> Path:
    """The YAML when --cfg names none: the workspace's own, else the packaged one.

    Raises:
        UsageError: there is no such workspace.
    """
    if not root.is_dir():
        raise UsageError(f"no workspace {root}", f"create it: make workspace WORKSPACE='{root}'")
    path = root / DEFAULT_CONFIG
    return path if path.is_file() else template_file(DEFAULT_CONFIG)


def workspace_for(root: str | None, config: HrnConfig, config_path: Path) -> Workspace:
    """The workspace: --workspace, else the common parent of the YAML's folders, else the default one.

    The YAML's folders are relative to the working directory. Where their parent is not there, but the YAML itself lies
    in a folder that has them, that folder is the workspace: it may have been moved or renamed as a whole. The packaged
    YAML speaks of no workspace in particular.

    Raises:
        ConfigError: the YAML's folders have no common parent.
    """
    if root is not None:
        return Workspace(Path(root))
    dataset = config.DATASET
    named = {"annots": dataset.ANNOTS, "images": dataset.IMAGES, "cuts": dataset.CUTS, "final": dataset.FINAL}
    given = {name: folder for name, folder in named.items() if folder}
    if not given or config_path == template_file(DEFAULT_CONFIG):
        return Workspace(default_root())
    if config.OUTPUT_DIR:
        given["output"] = config.OUTPUT_DIR
    workspace = workspace_of_folders(given, YAML_KEYS, ConfigError, str(config_path))
    beside = config_path.absolute().parent
    if not workspace.root.is_dir() and (beside / workspace.annots).is_dir():
        return replace(workspace, root=Path(os.path.relpath(beside)))
    return workspace
