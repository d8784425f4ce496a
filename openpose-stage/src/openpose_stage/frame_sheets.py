"""The sheets of those frames of a video that `--explain_frames` names: `openpose/maps/serve.mp4/50/`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from openpose_stage.results import SHEETS, maps_folder
from pose_contract.names import is_video_name, printable
from pose_contract.records import MadeBy
from pose_contract.storage import write_bytes
from pose_contract.video_records import FramePoses, VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.command.progress import tell
from stage_kit.runs.removal import remove_outputs
from stage_kit.videos.part_file import PartKey, part_path
from stage_kit.videos.record_files import VideoRecord, line_of


@dataclass(frozen=True)
class FrameSheets:
    """Of one video, and which of its frames are wanted. `quiet`: nothing is told of those that it does not have."""

    workspace: Workspace
    name: str
    wanted: Collection[int]
    quiet: bool = False

    @property
    def folder(self) -> Path:
        """Holds a folder for each frame."""
        return self.workspace.path(f"{maps_folder(self.workspace)}/{self.name}")

    def are_there(self) -> bool:
        """Whether nothing is missing of the frames that the video has; without a record nobody knows. Reads alone."""
        record = self.workspace.path(self.workspace.video_poses_file(self.name))
        if not self.wanted or not record.exists():
            return True
        header = VideoRecord(record, VideoPoses, FramePoses).header
        return all(self._is_there(number) for number in self.wanted if number < header.frames)

    def make_room(self, image_sha256: str, made_by: MadeBy) -> None:
        """Before the video goes through the network: removes sheets of the video as it was, or of other options.

        A part of it that a killed run left is kept, with its sheets, unless one is wanted that this part lacks.
        """
        part = part_path(self.workspace.path(self.workspace.video_poses_file(self.name)))
        known = _frames_of(part, line_of(PartKey(image_sha256=image_sha256, made_by=made_by)))
        if any(number < known and not self._is_there(number) for number in self.wanted):
            part.unlink(missing_ok=True)
            known = 0
        if not known:
            self.remove()

    def write(self, number: int, sheets: Mapping[str, bytes]) -> None:
        """Raises WorkspaceError."""
        for sheet, data in sheets.items():
            write_bytes(self.folder / str(number) / sheet, data)

    def tell_missing(self, frames: int) -> None:
        """Tells which of the wanted frames a video of so many does not have."""
        beyond = sorted(number for number in self.wanted if number >= frames)
        if beyond and not self.quiet:
            tell(f"{printable(self.name)}: --explain_frames {beyond[0]}: its {frames} frames count from 0")

    def remove(self) -> None:
        """All sheets of the video's frames. Raises WorkspaceError."""
        if self.folder.is_dir():
            frames = [path for path in self.folder.iterdir() if path.name.isdecimal()]
            root = self.workspace.path(maps_folder(self.workspace))
            remove_outputs([frame / sheet for frame in frames for sheet in SHEETS], root)

    def _is_there(self, number: int) -> bool:
        return all((self.folder / str(number) / sheet).is_file() for sheet in SHEETS)


def _frames_of(part: Path, key: bytes) -> int:
    """How many frames a part file has at most; 0 where it is of another video, or of other options."""
    try:
        with part.open("rb") as file:
            return sum(1 for _ in file) if file.readline() == key else 0
    except OSError:
        return 0


def remove_stale_sheets(workspace: Workspace) -> None:
    """Removes the sheets of videos that are gone, and have no record that is kept. Raises WorkspaceError."""
    root = workspace.path(maps_folder(workspace))
    for folder in sorted(root.rglob("*")) if root.is_dir() else ():
        name = folder.relative_to(root).as_posix()
        if is_video_name(name) and folder.is_dir() and not folder.is_symlink():
            standing = workspace.image_file(name), workspace.video_poses_file(name)
            if not any(workspace.path(file).exists() for file in standing):
                FrameSheets(workspace, name, ()).remove()
