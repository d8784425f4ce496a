"""What all requests share: the workspace, its catalog, thumbnails, and the thread that calls the stages."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request
from starlette.exceptions import HTTPException

from pose_contract.workspace import Workspace
from web_app.correct.following import Follower
from web_app.look.catalog import Catalog
from web_app.look.entries import Entry
from web_app.look.thumbnails import Thumbnails, default_folder
from web_app.server.settings import ServerSettings


@dataclass
class AppState:
    """See the module."""

    settings: ServerSettings
    cache: Path = field(default_factory=default_folder)

    def __post_init__(self) -> None:
        """Nothing is read or started yet."""
        self.workspace: Workspace = self.settings.workspace
        self.catalog = Catalog(self.workspace)
        self.thumbnails = Thumbnails(self.cache)
        self.follower = Follower(self.workspace, changed=self.catalog.forget)

    def entry(self, entry_id: str, video: bool | None = None) -> Entry:
        """The entry of that id, a photo or a video if that is asked for. Raises HTTPException 404."""
        found = self.catalog.find(entry_id)
        if found is None or (video is not None and found.video is not video):
            raise HTTPException(404, "there is no such photo or video")
        return found


def state_of(request: Request) -> AppState:
    """What the application of this request shares."""
    state: AppState = request.app.state.shared
    return state
