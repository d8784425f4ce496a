"""What hrn-stage keeps on disk besides its records: when a final picture is current, and what is stale."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from hrn_stage import facts
from hrn_stage.config import HrnConfig
from pose_contract.storage import read_poses, record_paths, remove_outputs, write_bytes
from pose_contract.workspace import Workspace
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.runs.numbered_files import NumberedFiles


@dataclass(frozen=True)
class DebugPictures:
    """What DEBUG asks for: heatmap sheets and cuts with skeletons; without labels its _GT switches mean nothing."""

    heatmaps: bool
    cuts: bool

    def folders(self, workspace: Workspace) -> list[str]:
        """Where they go."""
        wanted = {f"{workspace.output}/debug": self.heatmaps, f"{workspace.output}/inspect": self.cuts}
        return [folder for folder, asked in wanted.items() if asked]

    def files(self, workspace: Workspace, name: str, people: int) -> list[Path]:
        """All of them for one image."""
        names = ([workspace.heatmap_file] if self.heatmaps else []) + (
            [workspace.cut_inspect_file] if self.cuts else []
        )
        return [workspace.path(file(name, index)) for file in names for index in range(people)]


def debug_pictures(config: HrnConfig) -> DebugPictures:
    """DEBUG's sub-switches count only when DEBUG.DEBUG is true."""
    debug = config.DEBUG
    return DebugPictures(debug.DEBUG and debug.SAVE_HEATMAPS_PRED, debug.DEBUG and debug.SAVE_BATCH_IMAGES_PRED)


def final_comment(record: bytes, style: DrawStyle) -> str:
    """What the JPEG comment of a final picture says: drawn from this record in this style. Otherwise it is redrawn."""
    drawn = repr((facts().drawing, style)).encode()
    return f"{facts().name} {hashlib.sha256(record + drawn).hexdigest()[:32]}"


def remove_stale(workspace: Workspace) -> list[str]:
    """Removes poses whose annot is gone, with their pictures; returns the images whose poses a person corrected."""
    kept = []
    folder = workspace.path(workspace.output) / "poses"
    debug = [NumberedFiles(workspace.path(f"{workspace.output}/{kind}")) for kind in ("debug", "inspect")]
    for path in record_paths(folder):
        annot = workspace.path(workspace.annots) / path.relative_to(folder)
        if annot.exists() or (poses := read_poses(path)) is None:
            continue
        today = workspace.path(workspace.poses_file(workspace.image_name(poses.image)))
        if poses.corrected and today != path and not today.exists():
            write_bytes(today, path.read_bytes())  # `.JPG` in capitals was not dropped in the first release
        if poses.corrected and (today == path or today.read_bytes() != path.read_bytes()):
            kept.append(poses.image)
            continue
        name = path.relative_to(folder).as_posix().removesuffix(".json") + ".jpg"
        remove_outputs([workspace.path(workspace.final_file(name))], workspace.path(workspace.final))
        for pictures in debug:
            remove_outputs(pictures.of(name).values(), pictures.folder)
        remove_outputs([path], folder)  # last: until then a rerun finds what is left
    return kept
