"""An object store as the driver sees it: settings before a run, reports after it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pose_cluster.storage.carrier import Carrier
from pose_cluster.storage.layout import Layout
from pose_cluster.storage.object_store import ObjectStore, open_store, require_photos
from pose_cluster.storage.scratch import Scratch
from pose_cluster.storage.transfers import Part
from pose_contract.workspace import Workspace
from stage_kit.stages import StageFacts


@dataclass(frozen=True)
class Depot:
    """The store, a folder of the driver's with its settings, and what the workers are told of their scratch folders."""

    store: ObjectStore
    scratch: Scratch
    for_workers: str = ""

    @property
    def workspace(self) -> Workspace:
        """The driver's folder as a workspace: settings and reports alone."""
        return Workspace(self.scratch.root)

    def keep(self, path: Path) -> None:
        """Puts a file of the driver's folder into the store. Raises WorkspaceError."""
        self.store.put(path, path.relative_to(self.scratch.root).as_posix())

    def shown(self, path: Path) -> str:
        """Where such a file lies for the user."""
        return f"{self.store.uri}/{path.relative_to(self.scratch.root).as_posix()}"


def open_depot(uri: str, scratch: str) -> Depot:
    """Raises UsageError where there is no such store or no workspace in it, and WorkspaceError."""
    store = open_store(uri)
    require_photos(store)
    own = Scratch(scratch)
    bring_settings(store, own)
    return Depot(store, own, scratch)


def bring_settings(store: ObjectStore, scratch: Scratch) -> None:
    """The files beside the workspace's folders: pose.toml, the default YAML. Raises StageError."""
    nobody = StageFacts(name="", package="", order=0, results=1, writes=(), version="")
    Carrier(store, Layout(nobody), scratch).bring_all(store.beside(), Part.WHOLE)
