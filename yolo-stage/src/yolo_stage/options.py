"""What one run of yolo-stage is asked to do: frozen and validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pose_contract.errors import UsageError
from pose_contract.workspace import Workspace, default_root
from stage_kit.command.folders import require_apart, workspace_of_folders
from stage_kit.command.run_options import MAX_BATCH, MAX_READ_MB, RunOptions, require
from yolo_stage import STAGE

FOLDER_FLAGS = {
    "images": "--image_folder", "annots": "--annot_folder", "inspect": "--inspect_folder", "cuts": "--cut_folder",
}  # fmt: skip
MAX_SIDE = 4096
MOST_BETWEEN = 30  # frames: those between two that the network sees wait in memory


@dataclass(frozen=True)
class ModelOptions:
    """Which network, from which files, run by what. `detector` is `yolo` (any
    Darknet network), `ssd`, `fasterrcnn` or `none`."""

    model_def: Path | None = None
    weights_path: Path | None = None
    class_path: Path | None = None
    img_size: int | None = None
    weights: str = "auto"
    engine: str = "auto"
    precision: str = "auto"
    device: str = "auto"
    trust: bool = False
    detector: str = "yolo"

    @classmethod
    def of(cls, flags: Mapping[str, Any]) -> ModelOptions:
        """From a command's flags, which have the same names."""
        return cls(**{field.name: flags[field.name] for field in fields(cls) if field.name in flags})


@dataclass(frozen=True)
class DetectOptions(RunOptions):
    """One run. `conf_thres` None is the model's own default, `batch_size` None the
    engine's, `n_cpu` 0 one worker per core, `max_people` 0 no limit. Of a video the network sees
    every `detect_every`th frame, and a score of `seen_thres` (None: half the model's threshold) is enough for whom the
    one before showed in the same place; `inspect_movies` draws its boxes; `save_frames` and `save_cuts` write
    its frames and its people's cuts, for somebody to look at."""

    model: ModelOptions = ModelOptions()
    conf_thres: float | None = None
    nms_thres: float = 0.4
    batch_size: int | None = None
    n_cpu: int = 0
    cut_scale: float = 1.25
    max_people: int = 0
    detect_every: int = 1
    seen_thres: float | None = None
    inspect_movies: bool = False
    save_frames: bool = False
    save_cuts: bool = False

    def __post_init__(self) -> None:
        """Refuses values without a meaning. Raises UsageError."""
        conf_thres, size = self.conf_thres, self.model.img_size
        _require(conf_thres is None or 0 < conf_thres <= 1, "conf_thres", conf_thres, "over 0, up to 1")
        seen = self.seen_thres
        _require(seen is None or 0 < seen <= 1, "seen_thres", seen, "over 0, up to 1")
        _require(0 < self.nms_thres <= 1, "nms_thres", self.nms_thres, "over 0, up to 1")
        fits = self.batch_size is None or 1 <= self.batch_size <= MAX_BATCH
        _require(fits, "batch_size", self.batch_size, f"1 to {MAX_BATCH}")
        _require(self.n_cpu >= 0, "n_cpu", self.n_cpu, "0 (automatic) or more")
        _require(1 <= self.cut_scale <= 10, "cut_scale", self.cut_scale, "from 1 to 10")
        _require(1 <= self.detect_every <= MOST_BETWEEN, "detect_every", self.detect_every, f"1 to {MOST_BETWEEN}")
        _require(self.max_people >= 0, "max_people", self.max_people, "0 (no limit) or more")
        fits = 1 <= self.max_file_mb <= MAX_READ_MB
        _require(fits, "max_file_mb", self.max_file_mb, f"1 to {MAX_READ_MB}")
        fits = size is None or (32 <= size <= MAX_SIDE and size % 32 == 0)
        _require(fits, "img_size", size, f"a multiple of 32 up to {MAX_SIDE}")


def _require(holds: bool, flag: str, value: object, expected: str) -> None:
    require(holds, flag, value, expected, STAGE)


def workspace_from_folders(root: str | None, folders: dict[str, str | None]) -> Workspace:
    """The workspace that the flags name.

    Args:
        root: --workspace, which sets all folders.
        folders: images, annots, inspect, cuts -> the folder flag's value. Their common parent is the workspace.

    Raises:
        UsageError: no common parent, a folder that is the workspace itself, two folders that are one or lie in each
            other, or a mixture with --workspace.
    """
    given = {field: folder for field, folder in folders.items() if folder is not None}
    if root is not None:
        if given:
            named = ", ".join(FOLDER_FLAGS[field] for field in given)
            raise UsageError(f"--workspace sets all folders; {named} cannot go with it", "use the one or the other")
        return Workspace(Path(root))
    if not given:
        return Workspace(default_root())
    workspace = workspace_of_folders(given, FOLDER_FLAGS, UsageError)
    require_apart(workspace, FOLDER_FLAGS, UsageError)
    return workspace
