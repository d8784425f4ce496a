"""A stage's run over a workspace in an object store: what it needs is brought to scratch, what it made is put back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from pose_cluster.storage.carrier import Carrier
from pose_cluster.storage.depot import bring_settings
from pose_cluster.storage.layout import Layout, beginnings, orphans
from pose_cluster.storage.object_store import ObjectStore
from pose_cluster.storage.persons_work import holds_a_persons_work
from pose_cluster.storage.scratch import Scratch
from pose_cluster.storage.seen_objects import SeenObjects
from pose_cluster.storage.transfers import Part, Stored
from pose_contract.errors import StageError, WorkspaceError
from pose_contract.records import Failure, RunReport
from pose_contract.workspace import Workspace
from stage_kit.runs.stage_run import StageRun, open_run
from stage_kit.runs.steps import Listing
from stage_kit.stages import StageFacts
from stage_kit.videos.segments import Segment

EDITED = "was edited during the run, and is kept"


class StoredRun:
    """See `stage_kit.runs.stage_run.StageRun`. `inner` is the stage's own run over the scratch folder."""

    def __init__(self, store: ObjectStore, layout: Layout, scratch: Scratch, inner: StageRun) -> None:
        self._store = store
        self._layout = layout
        self._scratch = scratch
        self._carrier = Carrier(store, layout, scratch)
        self._inner = inner
        self._listed = False

    def listing(self) -> Listing:
        """Names alone are brought, and what may be stale."""
        with self._telling():
            if not self._listed:
                self._carrier.forget()
                self._bring_names()
                self._listed = True
            return self._inner.listing()

    def prologue(self) -> None:
        """See `StageRun`."""
        with self._telling():
            self.listing()
            self._inner.prologue()
            self._carrier.put()

    def unsettled(self, names: Sequence[str], shard: str) -> tuple[str, ...]:
        """See `StageRun`."""
        with self._telling():
            return self._inner.unsettled(names, shard)

    def shard(self, names: Sequence[str], shard: str, among: Sequence[str] = ()) -> RunReport:
        """Records and sizes are brought, then the bytes of what is to be done; at the end the records go last."""
        self._listed = False
        seen = SeenObjects(self._store, self._scratch, shard, names)
        with self._telling():
            self._carrier.forget()
            try:
                seen.bring()
                kept = self._bring_shard(names, shard)
                try:
                    report = self._inner.shard(names, shard, among)
                except WorkspaceError as error:  # what is done need not be done again
                    with contextlib.suppress(StageError):
                        self._carrier.put(kept)
                    raise self._scratch.meant_by(error) from error
                edited = self._carrier.put(kept)
                seen.put()
            finally:
                with contextlib.suppress(StageError):
                    self._carrier.forget()
        return self._of_store(_with_edited(report, edited))

    def cut(self, name: str, shard: str, seconds: float) -> tuple[Segment, ...]:  # noqa: ARG002
        """Nothing: each segment's worker would fetch the whole video."""
        return ()

    def segment(self, name: str, segment: Segment, shards: tuple[str, str], among: Sequence[str] = ()) -> RunReport:
        """Nobody asks for one, as no video is cut."""
        raise NotImplementedError

    def epilogue(self, of_shards: RunReport | None = None) -> RunReport:
        """Where the stage makes tables, all its records are brought, many at a time."""
        self._listed = False
        with self._telling():
            self._carrier.forget()
            try:
                self._bring_for_tables()
                report = self._of_store(self._inner.epilogue(of_shards))
                self._carrier.put()
                if of_shards is not None:
                    path = Workspace(self._scratch.root).report_path(report.stage)
                    self._store.put(path, path.relative_to(self._scratch.root).as_posix())
            finally:
                with contextlib.suppress(StageError):
                    self._carrier.forget()
        return report

    def _bring_names(self) -> None:
        layout, store = self._layout, self._store
        sources = store.listed(layout.sources)
        self._carrier.bring_all(sources, Part.HOLE)
        self._bring_tables(Part.HOLE)
        for folder in layout.records:
            records = store.listed(folder)
            stale = orphans((file[len(folder) + 1 :] for file in records), map(layout.below, sources))
            if stale:
                self._carrier.bring(self._family(sorted(stale), layout.writes))

    def _bring_shard(self, names: Sequence[str], shard: str) -> frozenset[str]:
        """Returns the records that hold a person's work, of those that are to be made anew."""
        layout = self._layout
        stems = {layout.stem(name): name for name in names}
        files = self._family(sorted(stems), layout.folders)
        made = {layout.stem_of_record(file) for file in files if layout.is_own_record(file)} & stems.keys()
        self._carrier.bring(files, stems.keys() - made)
        unsettled = self._inner.unsettled([stems[stem] for stem in sorted(made)], shard)
        again = {layout.stem(name) for name in unsettled}
        self._carrier.bring({file: files[file] for file in files if layout.belongs(file, again)}, again)
        records = (file for file in files if layout.is_own_record(file) and layout.stem_of_record(file) in again)
        return frozenset(file for file in records if holds_a_persons_work(layout, self._scratch.root, file))

    def _bring_for_tables(self) -> None:
        layout = self._layout
        if not layout.stage.tables:
            return
        for folder in layout.records:
            self._carrier.bring_all(self._store.listed(folder), Part.WHOLE)
        self._bring_tables(Part.WHOLE)

    def _bring_tables(self, parts: Part) -> None:
        """What tables there are, so that one that goes is removed; those in parts as far as they are needed."""
        if self._layout.tables:
            self._carrier.bring_all(self._store.beside(self._layout.tables), Part.HOLE)
            self._carrier.bring_all(self._store.listed(self._layout.table_parts), parts)

    def _family(self, stems: Sequence[str], folders: Sequence[str]) -> dict[str, Stored]:
        """The files of these stems."""
        found: dict[str, Stored] = {}
        wanted = frozenset(stems)
        for folder in self._deep(folders):
            for beginning in beginnings(stems):
                listed = self._store.listed(folder, beginning)
                found |= {file: stored for file, stored in listed.items() if self._layout.belongs(file, wanted)}
        return found

    def _deep(self, folders: Sequence[str]) -> Iterator[str]:
        """`output` holds no records and pictures itself, but folders of them."""
        for folder in folders:
            if folder == self._layout.names.output:
                yield from self._store.folders(folder)
            else:
                yield folder

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Errors name the store where the stage names its scratch folder."""
        try:
            yield
        except StageError as error:
            raise type(error)(self._in_words(error.reason), self._in_words(error.remedy)) from error

    def _in_words(self, text: str) -> str:
        return text.replace(str(self._scratch.root), self._store.uri)

    def _of_store(self, report: RunReport) -> RunReport:
        failures = (
            failure.model_copy(
                update={"reason": self._in_words(failure.reason), "remedy": self._in_words(failure.remedy)}
            )
            for failure in report.failures
        )
        return report.model_copy(update={"failures": tuple(failures)})


def open_stored_run(stage: StageFacts, words: Sequence[str], store: ObjectStore, scratch: Scratch) -> StoredRun:
    """The stage's run over a store, as the words of its own command ask for it; `--workspace` is not among them.

    Raises what `stage_run.open_run` raises.
    """
    bring_settings(store, scratch)
    inner = open_run(stage, ("--workspace", str(scratch.root), *words))
    return StoredRun(store, Layout(stage), scratch, inner)


def _with_edited(report: RunReport, edited: Sequence[str]) -> RunReport:
    """The report, if somebody has edited records meanwhile: their pictures have failed."""
    if not edited:
        return report
    counts = report.counts
    failures = [Failure(file=file, reason=EDITED, remedy="run the stage again") for file in edited]
    done = max(counts.processed - len(edited), 0)
    counts = counts.model_copy(update={"processed": done, "failed": counts.failed + len(edited)})
    return report.model_copy(update={"counts": counts, "failures": (*report.failures, *failures)})
