"""The story of yolo-stage: each new or changed image is decoded, its people are found, and their cuts are written."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stage_kit.networks.allocator import keep_freed_memory
from pose_contract.errors import ImageError
from stage_kit.pictures.images import Picture, read_image
from stage_kit.runs.journal import RunLog, Settled
from stage_kit.command.progress import Progress
from pose_contract.records import ImageAnnot, MadeBy, RunReport
from stage_kit.runs.seen import SeenFiles, locked
from pose_contract.storage import NumberedFiles, remove_file, sweep_temporaries
from stage_kit.runs.workers import AHEAD, WRITERS, Backlog, BatchSize, map_ahead, take_short_turns, threads, worker_count
from pose_contract.workspace import colliding_names, list_images
from yolo_stage import STAGE, __version__
from yolo_stage.detector import Detector
from yolo_stage.intake import Corrected, Decoded, Intake
from stage_kit.pictures.letterbox import letterbox
from yolo_stage.model_files import DetectorPlan
from yolo_stage.options import DetectOptions
from yolo_stage.people import Selection, choose_people, people_records
from yolo_stage.results import draw_results, name_cuts, remove_stale, write_results

CALIBRATION = 160  # images at most that int8 is calibrated and measured on
PIXELS_AT_ONCE = 8_000_000  # of the pictures that wait for each other in a batch


def detect_people(options: DetectOptions, plan: DetectorPlan) -> RunReport:
    """Finds the people in every image of the workspace that has no current record.

    Writes cuts/ and inspect/, then annots/ as the done-mark; removes what belongs to images that are gone.

    Raises:
        UsageError: images/ is missing or empty; nothing has been touched.
        WorkspaceError: not writable, disk full, or another run is on it.
    """
    workspace = options.workspace
    listing = list_images(workspace)
    progress = Progress(STAGE, len(listing.names) + len(listing.unreadable_names), options.quiet)
    log = RunLog(workspace, STAGE, __version__, made_by(options, plan).options, progress, plan.model, plan.engine)
    log.ignored = listing.ignored
    log.count("images", len(listing.names) + len(listing.unreadable_names))
    seen, cuts = SeenFiles(workspace), NumberedFiles(workspace.path(workspace.cuts))
    with locked(workspace, STAGE), log.kept(), progress:
        progress.say(f"{STAGE}: {plan.why}")
        if listing.ignored:
            progress.say(f"{STAGE}: passed over, no pictures: {', '.join(listing.ignored)}")
        for name in listing.unreadable_names:
            log.fail(workspace.image_file(name), ImageError("has a name that is no UTF-8 text", "rename it: convmv"))
        for folder in (workspace.annots, workspace.cuts, workspace.inspect):
            sweep_temporaries(workspace.path(folder))
        for image in remove_stale(workspace, cuts):
            progress.say(f"{STAGE}: {image} is gone, its corrected record is kept")
        try:
            _Run(options, plan, log, seen, cuts).over(listing.names)
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


class _Run:
    """The steps of one run, and what they share."""

    def __init__(
        self, options: DetectOptions, plan: DetectorPlan, log: RunLog, seen: SeenFiles, cuts: NumberedFiles
    ) -> None:
        self._options = options
        self._workspace = options.workspace
        self._plan = plan
        self._made_by = made_by(options, plan)
        self._selection = _selection(options, plan)
        self._log = log
        self._cuts = cuts
        self._intake = Intake(
            workspace=options.workspace,
            made_by=self._made_by,
            input_size=plan.input_size,
            cut_scale=options.cut_scale,
            overwrite=options.overwrite,
            seen=seen,
            cuts=cuts,
            say=log.progress.say,
        )
        self._detector: Detector | None = None
        self._names: Sequence[str] = ()
        self._batch_size = BatchSize(1, 1)

    def over(self, names: Sequence[str]) -> None:
        """Workers decode ahead and draw behind while the network runs, and writers wait for the disk."""
        keep_freed_memory()
        take_short_turns()
        self._names = names
        workers, under_way = worker_count(self._options.n_cpu), self._plan.batches_at_once
        with threads("disk", WRITERS) as disk, threads("worker", workers) as pool, threads("net", under_way) as network:
            self._drawing, self._writing = Backlog(pool, workers), Backlog(disk, WRITERS)
            examined = map_ahead(pool, self._intake.examine, self._without_collisions(), AHEAD * workers)
            # One batch more than run waits, so that the network never does.
            for batch, candidates in map_ahead(network, self._detect, self._batches(examined), under_way + 1):
                for image, rows in zip(batch, candidates, strict=False):
                    self._drawing.submit(self._draw, image, rows)
            self._drawing.finish()
            self._writing.finish()

    def _without_collisions(self) -> Iterator[str]:
        collisions = colliding_names(tuple(self._names))
        for name, other in collisions.items():
            error = ImageError(f"would write the same files as {other}", "rename one of the two")
            self._log.fail(self._workspace.image_file(name), error)
        return (name for name in self._names if name not in collisions)

    def _batches(self, examined: Iterable[Decoded | Corrected | Settled]) -> Iterator[list[Decoded]]:
        """Gathers what the network is to see; what need not go through it is dealt with on the way."""
        batch: list[Decoded] = []
        for image in examined:
            if isinstance(image, Settled):
                self._log.settle(self._workspace.image_file(image.name), image)
                continue
            if isinstance(image, Corrected):
                self._drawing.submit(self._draw_corrected, image)
                continue
            if self._detector is None:
                self._detector = self._load()
            batch.append(image)
            if self._is_full(batch):
                yield batch
                batch = []
        if batch:
            yield batch

    def _load(self) -> Detector:
        detector = self._plan.load(self._samples)
        asked = self._options.batch_size
        self._batch_size = BatchSize(*((asked, asked) if asked else detector.at_once))
        self._log.device = detector.device
        return detector

    def _is_full(self, batch: Sequence[Decoded]) -> bool:
        assert self._detector is not None, "it is loaded before the first image is put into a batch"
        pixels = sum(image.mapping.width * image.mapping.height for image in batch)
        too_many = pixels >= PIXELS_AT_ONCE and not self._detector.fixed_batch
        return len(batch) >= self._batch_size.now or too_many

    def _detect(self, batch: list[Decoded]) -> tuple[list[Decoded], list[NDArray[np.float32]]]:
        """Runs the network on one batch, padded where its size must not change."""
        assert self._detector is not None, "it is loaded before the first batch"
        size = self._plan.input_size
        rows = self._batch_size.now if self._detector.fixed_batch else len(batch)
        inputs = np.zeros((rows, 3, size, size), np.float32)
        for row, image in enumerate(batch):
            inputs[row] = image.network_input
        begun = time.perf_counter()
        candidates = self._detector.detect(inputs)
        self._batch_size.took(len(batch), time.perf_counter() - begun)
        return batch, candidates

    def _samples(self) -> Iterator[NDArray[np.float32]]:
        """Network inputs of some images, spread over the run, for int8 to be calibrated on."""
        for name in self._names[:: max(1, len(self._names) // CALIBRATION)][:CALIBRATION]:
            with contextlib.suppress(ImageError):
                picture = read_image(self._workspace.path(self._workspace.image_file(name)))
                yield letterbox(picture, self._plan.input_size)[0][None]

    def _draw(self, image: Decoded, candidates: NDArray[np.float32]) -> None:
        height, width = image.picture.shape[:2]
        workspace = self._workspace
        boxes, scores = choose_people(candidates, image.mapping, self._selection)
        people = people_records(boxes, scores, (width, height), self._options.cut_scale)
        annot = ImageAnnot(
            image=workspace.image_file(image.name),
            image_sha256=image.sha256,
            width=width,
            height=height,
            people=name_cuts(workspace, image.name, people),
            made_by=self._made_by,
        )
        self._draw_annot(image.name, image.picture, annot)

    def _draw_corrected(self, image: Corrected) -> None:
        self._draw_annot(image.name, image.picture, image.annot)

    def _draw_annot(self, name: str, picture: Picture, annot: ImageAnnot) -> None:
        try:
            files = draw_results(picture, annot, self._workspace.inspect_file(name))
        except ImageError as error:
            self._log.fail(annot.image, error)
        else:
            self._writing.submit(self._write, name, files, annot)

    def _write(self, name: str, files: Mapping[str, bytes], annot: ImageAnnot) -> None:
        """An old record goes before anything is overwritten: files of two runs must not pass for those of one.

        A corrected record stays where it is until its cuts fit it; only their rectangles are written into it.
        """
        try:
            if not annot.corrected:
                remove_file(self._workspace.path(self._workspace.annot_file(name)))
            write_results(self._workspace, name, files, annot, self._cuts)
        except ImageError as error:
            self._log.fail(annot.image, error)
        else:
            self._log.done("redrawn" if annot.corrected else "processed", len(annot.people))
