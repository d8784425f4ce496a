"""Databases for the tests of the store: SQLite in a file, and Debian's PostgreSQL where it can be had."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from web_app.watch.store import Store, open_store, sqlite_url
from web_app.watch.tables import Base


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of Debian's PostgreSQL, started for the tests; skips where it cannot be had."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = programs[-1] if programs else shutil.which("initdb")
    if found is None:
        pytest.skip("no PostgreSQL is here: apt-get install postgresql")
    pytest.importorskip("pg8000", reason="pg8000 is not installed")
    folder = tmp_path_factory.mktemp("postgres")
    # It refuses to run as root.
    as_other = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    if as_other:
        for part in (folder, *folder.parents[:3]):
            part.chmod(0o755)
        shutil.chown(folder, "nobody", "nogroup")
    bin_folder, data = Path(found).resolve().parent, folder / "data"
    initdb = [*as_other, str(bin_folder / "initdb"), "-A", "trust", "-U", "pose", "-D", str(data)]
    made = subprocess.run(initdb, capture_output=True, text=True, cwd=folder, timeout=120)
    if made.returncode:
        pytest.skip(f"initdb: {made.stderr[-200:]}")
    port = _free_port()
    server = subprocess.Popen(
        [*as_other, str(bin_folder / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder), "-F"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=folder,
    )  # fmt: skip
    try:
        assert server.stderr is not None
        for line in server.stderr:
            if "ready to accept connections" in line:
                break
        else:
            pytest.skip("PostgreSQL did not start")
        yield f"postgresql://pose@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.communicate(timeout=30)


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store, on either database."""
    if request.param == "sqlite":
        made = open_store(sqlite_url(tmp_path / "deep" / "events.sqlite"))
    else:
        made = open_store(request.getfixturevalue("postgres"))
        with made.writing() as session:
            for table in reversed(Base.metadata.sorted_tables):
                session.execute(table.delete())
    yield made
    made.close()
