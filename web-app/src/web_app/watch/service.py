"""The watcher of a server, made when it is first asked for: a server that only shows photos opens no database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pose_contract.workspace import Workspace
from web_app.watch.estimators import Networks, load_networks
from web_app.watch.people import Estimator
from web_app.watch.sources import Source, listed_sources
from web_app.watch.store import Store, open_store, sqlite_url
from web_app.watch.watcher import Watcher
from web_app.watch.writing import EventWriter

DATABASE = "watch.sqlite"


@dataclass(frozen=True)
class WatchSettings:
    """What may be watched, by which networks, and where events are kept.

    Attributes:
        given: sources that were named on the command line.
        database: a URL; empty: a file in the workspace's reports/.
        retention_days: older sessions are deleted at the start.
        load: makes the estimator; None: the networks.
    """

    given: tuple[Source, ...] = ()
    networks: Networks = field(default_factory=Networks)
    database: str = field(default="", repr=False)
    retention_days: float | None = None
    paced: bool = True
    load: Callable[[], Estimator] | None = None


class WatchService:
    """See the module; threads may share it."""

    def __init__(self, workspace: Workspace, settings: WatchSettings | None = None) -> None:
        self._workspace = workspace
        self._settings = settings or WatchSettings()
        self._lock = threading.RLock()
        self._store: Store | None = None
        self._watcher: Watcher | None = None
        self._listed: dict[str, Source] | None = None
        self.is_ending = False

    def sources(self) -> dict[str, Source]:
        """By id. A workspace's videos are listed anew at each start."""
        with self._lock:
            if self._listed is None:
                self._listed = listed_sources(self._workspace, self._settings.given)
            return self._listed

    def store(self) -> Store:
        """Raises StoreError, UsageError."""
        with self._lock:
            if self._store is None:
                self._store = open_store(self._settings.database or self._own_database())
            return self._store

    def watcher(self) -> Watcher:
        """Raises StoreError."""
        with self._lock:
            if self._watcher is None:
                settings = self._settings
                load = settings.load or (lambda: load_networks(settings.networks))
                writer = EventWriter(self.store(), settings.retention_days)
                self._watcher = Watcher(self.sources(), writer, load, settings.paced)
            return self._watcher

    def start(self, source_id: str) -> None:
        """Watches that source."""
        self.watcher().start(source_id)

    def stop(self) -> None:
        """Watches nothing."""
        if self._watcher is not None:
            self._watcher.stop()

    def status(self) -> dict[str, Any]:
        """What is watched."""
        return self.watcher().status()

    def end_streams(self) -> None:
        """Endless answers end within a second: a server that stops waits for them."""
        self.is_ending = True

    def close(self) -> None:
        """Ends what was started."""
        self.end_streams()
        with self._lock:
            if self._watcher is not None:
                self._watcher.close()
            if self._store is not None:
                self._store.close()

    def _own_database(self) -> str:
        return sqlite_url(self._workspace.path(self._workspace.reports) / DATABASE)
