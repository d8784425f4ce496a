"""The story of yolo-stage: each new or changed image is decoded, its people are found, and their cuts are written."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pose_contract.errors import ImageError
from pose_contract.images import Picture, decode_image, read_image_bytes, write_jpeg
from pose_contract.journal import RunLog, Settled
from pose_contract.progress import Progress
from pose_contract.records import ImageAnnot, MadeBy, Person, RunReport
from pose_contract.runs import SeenFiles, is_current, locked
from pose_contract.storage import (
    numbered_files,
    read_annot,
    record_paths,
    remove_file,
    remove_outputs,
    sweep_temporaries,
    write_record,
)
from pose_contract.workers import Backlog, map_ahead, worker_count
from pose_contract.workspace import Workspace, colliding_names, list_images
from yolo_stage import STAGE, __version__
from yolo_stage.detector import Detector
from yolo_stage.draw import draw_boxes
from yolo_stage.letterbox import Letterbox, letterbox
from yolo_stage.model_files import DetectorPlan
from yolo_stage.options import DetectOptions
from yolo_stage.people import Selection, choose_people, people_records


@dataclass(frozen=True)
class Decoded:
    """An image that awaits the network: its pixels, its network input, and how to map boxes back."""

    name: str
    sha256: str
    picture: Picture
    network_input: NDArray[np.float32]
    mapping: Letterbox


def detect_people(options: DetectOptions, plan: DetectorPlan) -> RunReport:
    """Finds the people in every image of the workspace that has no current record.

    Writes cuts/ and inspect/, then annots/ as the done-mark; removes what belongs to images that are gone.

    Raises:
        UsageError: images/ is missing or empty; nothing has been touched.
        WorkspaceError: not writable, disk full, or another run is on it.
    """
    workspace = options.workspace
    listing = list_images(workspace)
    progress = Progress(STAGE, len(listing.names), options.quiet)
    log = RunLog(workspace, STAGE, __version__, made_by(options, plan).options, progress, plan.model, plan.engine)
    log.ignored = listing.ignored
    log.count("images", len(listing.names))
    seen = SeenFiles(workspace)
    with locked(workspace, STAGE), log.kept(), progress:
        progress.say(f"{STAGE}: {plan.why}")
        if listing.ignored:
            progress.say(f"{STAGE}: passed over, no pictures: {', '.join(listing.ignored)}")
        for folder in (workspace.annots, workspace.cuts, workspace.inspect):
            sweep_temporaries(workspace.path(folder))
        for image in remove_stale(workspace):
            progress.say(f"{STAGE}: {image} is gone, its corrected record is kept")
        try:
            _Run(options, plan, log, seen).over(listing.names)
        finally:
            seen.save()
    return log.report("finished")


def made_by(options: DetectOptions, plan: DetectorPlan) -> MadeBy:
    """All that changes results, and nothing else."""
    selection = _selection(options, plan)
    return MadeBy(
        stage=STAGE,
        version=__version__,
        model=plan.model,
        weights_sha256=plan.weights_sha256,
        options={
            "conf_thres": selection.conf_thres,
            "nms_thres": selection.nms_thres,
            "img_size": plan.input_size,
            "cut_scale": options.cut_scale,
            "max_people": options.max_people,
            "person_class": plan.person_class,
            "model_def_sha256": plan.model_def_sha256,
            "engine": plan.engine,
            "precision": plan.precision,
        },
    )


def _selection(options: DetectOptions, plan: DetectorPlan) -> Selection:
    return Selection(options.conf_thres or plan.conf_thres, options.nms_thres, options.max_people)


def remove_stale(workspace: Workspace) -> list[str]:
    """Removes records whose image is gone, with their files; returns the images whose records a person corrected."""
    kept = []
    for path in record_paths(workspace.path(workspace.annots)):
        annot = read_annot(path)
        if annot is None or workspace.path(annot.image).exists() or workspace.path(annot.image).is_symlink():
            continue
        if annot.corrected:
            kept.append(annot.image)
            continue
        stem = path.relative_to(workspace.path(workspace.annots)).as_posix().removesuffix(".json")
        remove_results(workspace, f"{stem}.jpg")
    return kept


def remove_results(workspace: Workspace, name: str) -> None:
    """Removes one image's cuts and inspection picture, its record last: until then a rerun finds what is left."""
    cuts = numbered_files(workspace, workspace.cuts, name).values()
    remove_outputs(cuts, workspace.path(workspace.cuts))
    remove_outputs([workspace.path(workspace.inspect_file(name))], workspace.path(workspace.inspect))
    remove_outputs([workspace.path(workspace.annot_file(name))], workspace.path(workspace.annots))


class _Run:
    """The steps of one run, and what they share."""

    def __init__(self, options: DetectOptions, plan: DetectorPlan, log: RunLog, seen: SeenFiles) -> None:
        self._options = options
        self._workspace = options.workspace
        self._plan = plan
        self._made_by = made_by(options, plan)
        self._selection = _selection(options, plan)
        self._log = log
        self._seen = seen
        self._detector: Detector | None = None

    def over(self, names: Sequence[str]) -> None:
        """Workers decode ahead and write behind while the network runs in this thread."""
        collisions = colliding_names(tuple(names))
        for name, other in collisions.items():
            error = ImageError(f"would write the same files as {other}", "rename one of the two")
            self._log.fail(self._workspace.image_file(name), error)
        size = self._options.batch_size
        workers = worker_count(self._options.n_cpu)
        pool = ThreadPoolExecutor(workers, thread_name_prefix="worker")
        try:
            backlog = Backlog(pool, workers)
            batch: list[Decoded] = []
            images = (name for name in names if name not in collisions)
            for image in map_ahead(pool, self._examine, images, ahead=workers + size):
                if isinstance(image, Settled):
                    self._log.settle(self._workspace.image_file(image.name), image)
                    continue
                batch.append(image)
                if len(batch) == size:
                    self._detect(batch, backlog)
                    batch = []
            if batch:
                self._detect(batch, backlog)
            backlog.finish()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _examine(self, name: str) -> Decoded | Settled:
        """Reads one image and makes the network's input, or finds that there is nothing to do."""
        file = self._workspace.image_file(name)
        annot = read_annot(self._workspace.path(self._workspace.annot_file(name)))
        try:
            known = self._seen.known(file)
            if annot and known and self._is_done(name, annot, known):
                return Settled(name, people=len(annot.people))
            data = read_image_bytes(self._workspace.path(file))
            sha256 = self._seen.sha256(file, data)
            if annot and self._is_done(name, annot, sha256):
                return Settled(name, people=len(annot.people))
            try:
                picture = decode_image(data)
            except ImageError:
                remove_results(self._workspace, name)
                raise
        except ImageError as error:
            return Settled(name, error)
        return Decoded(name, sha256, picture, *letterbox(picture, self._plan.input_size))

    def _is_done(self, name: str, annot: ImageAnnot, sha256: str) -> bool:
        if annot.corrected:
            if annot.image_sha256 != sha256:
                self._log.progress.say(f"{STAGE}: {name} has changed, its corrected record is kept as it is")
            return True
        if self._options.overwrite or annot.image_sha256 != sha256:
            return False
        files = [person.cut.file for person in annot.people] + [self._workspace.inspect_file(name)]
        return is_current(annot.made_by, self._made_by, map(self._workspace.path, files))

    def _detect(self, batch: Sequence[Decoded], backlog: Backlog) -> None:
        """Runs the network on one batch, padded to the fixed size, and hands the results to the writers."""
        if self._detector is None:
            self._detector = self._plan.load()
            self._log.device = self._detector.device
        size = self._plan.input_size
        inputs = np.zeros((self._options.batch_size, 3, size, size), np.float32)
        for row, image in enumerate(batch):
            inputs[row] = image.network_input
        for image, candidates in zip(batch, self._detector.detect(inputs), strict=False):
            backlog.submit(self._write, image, candidates)

    def _write(self, image: Decoded, candidates: NDArray[np.float32]) -> None:
        """Cuts and inspection picture first, the record last; an old record goes before anything is overwritten."""
        height, width = image.picture.shape[:2]
        boxes, scores = choose_people(candidates, image.mapping, self._selection)
        people = people_records(boxes, scores, (width, height), self._options.cut_scale)
        workspace = self._workspace
        annot_path = workspace.path(workspace.annot_file(image.name))
        try:
            remove_file(annot_path)
            people = [self._write_cut(image, person) for person in people]
            for index, path in numbered_files(workspace, workspace.cuts, image.name).items():
                if index >= len(people):
                    remove_file(path)
            write_jpeg(workspace.path(workspace.inspect_file(image.name)), draw_boxes(image.picture, boxes, scores))
            annot = ImageAnnot(
                image=workspace.image_file(image.name),
                image_sha256=image.sha256,
                width=width,
                height=height,
                people=tuple(people),
                made_by=self._made_by,
            )
            write_record(annot_path, annot)
        except ImageError as error:
            self._log.fail(workspace.image_file(image.name), error)
        else:
            self._log.done("processed", len(people))

    def _write_cut(self, image: Decoded, person: Person) -> Person:
        cut = person.cut.model_copy(update={"file": self._workspace.cut_file(image.name, person.index)})
        write_jpeg(
            self._workspace.path(cut.file),
            image.picture[cut.y : cut.y + cut.height, cut.x : cut.x + cut.width],
        )
        return person.model_copy(update={"cut": cut})
