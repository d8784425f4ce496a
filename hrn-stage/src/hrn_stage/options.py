"""What one run of hrn-stage is asked to do: frozen and validated; and which workspace it works on."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from hrn_stage.config import HrnConfig
from pose_contract.errors import ConfigError, UsageError
from pose_contract.workspace import DEFAULT_CONFIG, Workspace, default_root
from stage_kit.pictures.draw_poses import DrawStyle

MAX_BATCH = 1024


@dataclass(frozen=True)
class EstimateOptions:
    """One run. `batch_size` None means the YAML's."""

    workspace: Workspace
    config: HrnConfig
    style: DrawStyle = field(default_factory=DrawStyle)
    batch_size: int | None = None
    overwrite: bool = False
    keep_going: bool = False
    quiet: bool = False

    def __post_init__(self) -> None:
        """Refuses values without a meaning. Raises UsageError."""
        if not 1 <= self.people_per_batch <= MAX_BATCH:
            reason = f"--batch_size: expected 1 to {MAX_BATCH}, got {self.people_per_batch}"
            raise UsageError(reason, "see hrn-stage --help")

    @property
    def people_per_batch(self) -> int:
        """The fixed number of network inputs in a batch."""
        return self.config.TEST.BATCH_SIZE_PER_GPU if self.batch_size is None else self.batch_size


def default_config_path(root: str | None) -> Path:
    """The YAML when --cfg names none: the workspace's own. Raises ConfigError where it is missing."""
    path = (Path(root) if root is not None else default_root()) / DEFAULT_CONFIG
    if not path.is_file():
        raise ConfigError(f"no {path}", "name a YAML with --cfg, or create the workspace: make workspace")
    return path


def workspace_for(root: str | None, config: HrnConfig, config_path: Path) -> Workspace:
    """The workspace: --workspace, else the common parent of the YAML's folders, else the default one.

    The YAML's folders are relative to the working directory. Where their parent is not there, but the YAML itself lies
    in a folder that has them, that folder is the workspace: it may have been moved or renamed as a whole.

    Raises:
        ConfigError: the YAML's folders have no common parent.
    """
    if root is not None:
        return Workspace(Path(root))
    dataset = config.DATASET
    named = {"annots": dataset.ANNOTS, "images": dataset.IMAGES, "cuts": dataset.CUTS, "final": dataset.FINAL}
    given = {name: Path(os.path.normpath(Path(folder).absolute())) for name, folder in named.items() if folder}
    if not given:
        return Workspace(default_root())
    if config.OUTPUT_DIR:
        given["output"] = Path(os.path.normpath(Path(config.OUTPUT_DIR).absolute()))
    parent = Path(os.path.commonpath([folder.parent for folder in given.values()]))
    if parent == Path(parent.anchor):
        raise ConfigError(
            f"{config_path}: DATASET.ANNOTS, IMAGES, CUTS, FINAL and OUTPUT_DIR have no common parent",
            "put them into one workspace folder, or use --workspace",
        )
    folders = {name: folder.relative_to(parent).as_posix() for name, folder in given.items()}
    beside = config_path.absolute().parent
    if not parent.is_dir() and (beside / folders.get("annots", "annots")).is_dir():
        parent = beside
    return Workspace(Path(os.path.relpath(parent)), **folders)
