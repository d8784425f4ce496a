"""The API's description (OpenAPI) as a file: what `docs/schema/web-app.openapi.json` holds."""

from __future__ import annotations

import json
from pathlib import Path

from pose_contract.storage import write_bytes
from pose_contract.workspace import Workspace
from web_app.server.application import unguarded
from web_app.server.settings import ServerSettings
from web_app.server.state import AppState


def description() -> str:
    """As JSON. No workspace is looked at, and no database."""
    app = unguarded(AppState(ServerSettings(Workspace(Path()))))
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


def write_description(path: Path) -> None:
    """Writes it. Raises WorkspaceError."""
    write_bytes(path, description().encode())
