"""Carries files between a store and a scratch folder, many at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from pose_cluster.storage.layout import Layout
from pose_cluster.storage.object_store import ObjectStore
from pose_cluster.storage.scratch import Scratch
from pose_cluster.storage.transfers import Part, Putting, Stored, Times, parts, putting
from stage_kit.runs.workers import map_ahead, threads

AT_ONCE = 16
AHEAD = 4 * AT_ONCE


class Carrier:
    """Knows what it has brought, so that it can put what a run has changed."""

    def __init__(self, store: ObjectStore, layout: Layout, scratch: Scratch) -> None:
        self._store = store
        self._layout = layout
        self._scratch = scratch
        self._known: dict[str, Stored] = {}
        self._before: dict[str, Times] = {}

    def forget(self) -> None:
        """Empties scratch. Raises WorkspaceError."""
        self._known.clear()
        self._before.clear()
        self._scratch.clear()

    def bring(self, files: Mapping[str, Stored], to_do: Collection[str] = ()) -> None:
        """Files of the store, each as far as it is needed; see `transfers.parts`. Raises StageError."""
        wanted = parts(self._layout, files, to_do)
        self._each(lambda file: self._bring(file, files[file], wanted[file]), files)

    def bring_all(self, files: Mapping[str, Stored], part: Part) -> None:
        """So much of each of these. Raises StageError."""
        self._each(lambda file: self._bring(file, files[file], part), files)

    def put(self, kept: Collection[str] = ()) -> tuple[str, ...]:
        """What has changed since. Returns the records that somebody has edited meanwhile, and that are left alone.

        Args:
            kept: records that hold a person's work.

        Raises StageError.
        """
        with self._scratch.telling():
            plan = putting(self._layout, self._before, self._scratch.files(), kept)
        edited: list[str] = []
        self._each(lambda record: edited.append(record) if self._is_another(record) else None, plan.replaced)
        if edited:
            plan = plan.without(self._layout, {self._layout.stem_of_record(record) for record in edited})
        self._do(plan)
        return tuple(sorted(edited))

    def _do(self, plan: Putting) -> None:
        self._each(self._store.remove, plan.outdated)
        self._each(self._store.remove, plan.gone)
        self._each(self._put, plan.files)
        self._each(self._put, plan.records)
        self._each(self._store.remove, plan.gone_records)

    def _bring(self, file: str, stored: Stored, part: Part) -> None:
        with self._scratch.telling():
            try:
                target = self._scratch.place(file)
            except (FileExistsError, NotADirectoryError):  # a store may hold both `a` and `a/b`
                return
            head = self._store.head(file, stored.size) if part is Part.HEAD else b""
            if head is None or (part is Part.WHOLE and not self._store.fetch(file, target)):
                return  # it has gone since it was listed
            self._before[file] = self._scratch.finish(file, stored, part, head)
            self._known[file] = stored

    def _is_another(self, record: str) -> bool:
        """Whether a record has been replaced in the store since it was brought; one that is gone is not in the way."""
        known = self._known.get(record)
        return known is not None and self._store.stored(record) not in (None, known)

    def _put(self, file: str) -> None:
        with self._scratch.telling():
            self._store.put(self._scratch.root / file, file)

    def _each(self, action: Callable[[str], object], files: Iterable[str]) -> None:
        with threads("store", AT_ONCE) as pool:
            for _ in map_ahead(pool, action, files, AHEAD):
                pass
