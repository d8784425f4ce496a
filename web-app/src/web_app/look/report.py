"""`pose report`: the gallery as one file that needs no server, no network and no other file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from pathlib import Path

from pose_contract.errors import ImageError, UsageError
from pose_contract.names import printable
from pose_contract.storage import write_chunks
from pose_contract.workspace import Workspace
from web_app.look.catalog import Catalog
from web_app.look.entries import Entry
from web_app.look.pictures import best_kind, picture_path
from web_app.look.thumbnails import Thumbnails, default_folder

SIDE = 240


def write_report(workspace: Workspace, path: Path, cache: Path | None = None) -> tuple[int, int]:
    """Writes the report, picture by picture, and returns how many photos and videos it holds, and its bytes.

    Raises:
        UsageError: there is nothing to report.
        WorkspaceError: it cannot be written.
    """
    entries = Catalog(workspace).entries()
    if not entries:
        raise UsageError(f"no photo or video in {workspace.path(workspace.images)}", "put some in, then: make run")
    thumbnails = Thumbnails(cache or default_folder())
    write_chunks(path, _chunks(workspace, entries, thumbnails))
    return len(entries), path.stat().st_size


def _chunks(workspace: Workspace, entries: list[Entry], thumbnails: Thumbnails) -> Iterator[str]:
    static = files("web_app").joinpath("static")
    style, script = (static.joinpath(name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    hashes = {kind: _hash(text) for kind, text in (("style", style), ("script", script))}
    policy = f"default-src 'none'; img-src data:; style-src {hashes['style']}; script-src {hashes['script']}"
    title = escape(printable(str(workspace.root.resolve().name)))
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}: people and poses</title>\n<style>{style}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        '<main id="report"><noscript>This page needs scripts, which it brings along.</noscript></main>\n'
        '<script type="application/json" id="entries">[\n'
    )
    for number, entry in enumerate(entries):
        # No `<` may stand in a script: it could end it.
        row = json.dumps(_row(workspace, entry, thumbnails), ensure_ascii=False).replace("<", "\\u003c")
        yield f"{',' if number else ''}{row}\n"
    yield f"]</script>\n<script>{script}</script>\n</body>\n</html>\n"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _row(workspace: Workspace, entry: Entry, thumbnails: Thumbnails) -> dict[str, object]:
    picture = ""
    try:
        data = thumbnails.jpeg(picture_path(workspace, entry, best_kind(workspace, entry)), SIDE)
        picture = base64.b64encode(data).decode()
    except ImageError:
        pass  # what failed is told beside it
    return {
        "name": printable(entry.name),
        "kind": "video" if entry.video else "photo",
        "state": entry.state,
        "people": entry.found.people,
        "lowest": entry.lowest,
        "edited": entry.found.edited,
        "failure": [entry.failure.reason, entry.failure.remedy] if entry.failure else None,
        "picture": picture,
    }
