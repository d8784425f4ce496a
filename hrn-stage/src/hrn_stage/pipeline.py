"""The story of hrn-stage: each annot's cuts go through the network, and the poses are pasted onto the image."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hrn_stage import STAGE, __version__
from hrn_stage.estimator import PoseEstimator
from hrn_stage.inference import Estimated, decode_method, estimate_people
from hrn_stage.intake import Intake, Redraw, read_cut
from hrn_stage.model_files import EstimatorPlan
from hrn_stage.options import EstimateOptions
from hrn_stage.people import Gathering, poses_record, prepare_person
from hrn_stage.pictures import Pictures
from hrn_stage.preprocess import normalize
from hrn_stage.results import debug_pictures, remove_stale, write_tables
from stage_kit.networks.allocator import keep_freed_memory
from pose_contract.errors import ImageError, UsageError
from stage_kit.pictures.images import fitting_into_memory, read_image
from stage_kit.runs.journal import RunLog, Settled
from stage_kit.command.progress import Progress
from pose_contract.records import ImagePoses, MadeBy, RunReport
from stage_kit.runs.seen import SeenFiles, locked
from pose_contract.storage import (
    NumberedFiles,
    read_annot,
    record_bytes,
    record_paths,
    remove_file,
    sweep_temporaries,
    write_bytes,
)
from stage_kit.runs.workers import AHEAD, WRITERS, Backlog, BatchSize, map_ahead, take_short_turns, threads, worker_count
from pose_contract.workspace import Workspace

Row = tuple[Gathering, int]  # an image, and which of its people

CALIBRATION = 160  # photos at most whose people int8 is calibrated and measured on


def estimate_poses(options: EstimateOptions, plan: EstimatorPlan) -> RunReport:
    """Finds the poses of all people in annots/ that have no current record.

    Writes final/ and the debug pictures, then output/poses/ as the done-mark; then rebuilds the aggregates.

    Raises:
        UsageError: there are no annots; nothing has been touched.
        WorkspaceError: not writable, disk full, or another run is on it.
    """
    workspace = options.workspace
    names = list_annots(workspace)
    progress = Progress(STAGE, len(names), options.quiet)
    log = RunLog(workspace, STAGE, __version__, made_by(plan).options, progress, plan.model, plan.engine)
    log.count("images", len(names))
    seen = SeenFiles(workspace)
    with locked(workspace, STAGE), log.kept(), progress:
        progress.say(f"{STAGE}: {plan.why}")
        if plan.config.DEBUG.DEBUG and not debug_pictures(plan.config).folders(workspace):
            progress.say(f"{STAGE}: DEBUG.DEBUG is true, but no DEBUG.SAVE_HEATMAPS_PRED or SAVE_BATCH_IMAGES_PRED is")
        for folder in (workspace.final, workspace.output):
            sweep_temporaries(workspace.path(folder))
        for image in remove_stale(workspace):
            progress.say(f"{STAGE}: {image} has no annot any more, its corrected poses are kept")
        try:
            _Run(options, plan, log, seen).over(names)
        finally:
            seen.save()
        refused = write_tables(workspace, plan.skeleton)
        if refused is not None:
            log.complain(workspace.output, refused)
    return log.report("finished")


def list_annots(workspace: Workspace) -> list[str]:
    """The annots to follow, relative to annots/, in sorted order. Raises UsageError where there are none."""
    folder = workspace.path(workspace.annots)
    names = [path.relative_to(folder).as_posix() for path in record_paths(folder)]
    if not names:
        raise UsageError(f"no annots in {folder}", "run yolo-stage first: make yolo")
    return names


def made_by(plan: EstimatorPlan) -> MadeBy:
    """All that changes results, and nothing else; the annot's hash is added per image."""
    test = plan.config.TEST
    method = decode_method(plan.config)
    return MadeBy(
        stage=STAGE,
        version=__version__,
        model=plan.model,
        weights_sha256=plan.weights_sha256,
        options={
            "image_size": list(plan.config.MODEL.IMAGE_SIZE),
            "color_rgb": plan.config.DATASET.COLOR_RGB,
            "flip_test": test.FLIP_TEST,
            "shift_heatmap": test.SHIFT_HEATMAP,
            "decode": method,
            "blur_kernel": test.BLUR_KERNEL if method == "dark" else None,
            "network_sha256": plan.network_sha256,
            "engine": plan.engine,
            "precision": plan.precision,
        },
    )


class _Run:
    """The steps of one run, and what they share."""

    def __init__(self, options: EstimateOptions, plan: EstimatorPlan, log: RunLog, seen: SeenFiles) -> None:
        self._options = options
        self._workspace = options.workspace
        self._plan = plan
        self._made_by = made_by(plan)
        self._log = log
        self._debug = debug_pictures(plan.config)
        self._debug_before = [
            NumberedFiles(self._workspace.path(folder)) for folder in self._debug.folders(self._workspace)
        ]
        self._pictures = Pictures(options.workspace, options.style, self._debug)
        self._intake = Intake(
            workspace=options.workspace,
            made_by=self._made_by,
            input_wh=plan.config.MODEL.IMAGE_SIZE,
            style=options.style,
            overwrite=options.overwrite,
            debug=self._debug,
            seen=seen,
            say=log.progress.say,
        )
        self._estimator: PoseEstimator | None = None
        self._names: Sequence[str] = ()
        self._batch_size = BatchSize(1, 1)

    def over(self, names: Sequence[str]) -> None:
        """Workers warp cuts ahead and draw behind while the network runs, and writers wait for the disk."""
        keep_freed_memory()
        take_short_turns()
        self._names = names
        workers, under_way = min(worker_count(0), self._plan.config.WORKERS or 1), self._plan.batches_at_once
        with threads("disk", WRITERS) as disk, threads("worker", workers) as pool, threads("net", under_way) as network:
            self._drawing, self._writing = Backlog(pool, workers), Backlog(disk, WRITERS)
            examined = map_ahead(pool, self._intake.examine, names, AHEAD * workers)
            # One batch more than run waits, so that the network never does.
            for batch, estimated in map_ahead(network, self._estimate, self._batches(examined), under_way + 1):
                self._gather(batch, estimated)
            self._drawing.finish()
            self._writing.finish()

    def _batches(self, examined: Iterable[Gathering | Redraw | Settled]) -> Iterator[list[Row]]:
        """Gathers whom the network is to see; what need not go through it is dealt with on the way."""
        waiting: deque[Row] = deque()
        for image in examined:
            if isinstance(image, Settled):
                self._log.settle(self._workspace.image_file(image.name), image)
            elif isinstance(image, Redraw):
                self._drawing.submit(self._redraw, image)
            elif image.complete:
                self._drawing.submit(self._draw, image)
            else:
                if self._estimator is None:
                    self._estimator = self._load()
                waiting.extend((image, index) for index in range(len(image.people)))
            while len(waiting) >= (size := self._batch_size.now):
                yield [waiting.popleft() for _ in range(size)]
        if waiting:
            yield list(waiting)

    def _load(self) -> PoseEstimator:
        estimator = self._plan.load(self._samples)
        asked = self._options.people_per_batch
        wanted = (0, 0) if self._options.batch_size else estimator.at_once
        self._batch_size = BatchSize(*(max(asked, people) for people in wanted))
        self._log.device = estimator.device
        return estimator

    def _estimate(self, batch: list[Row]) -> tuple[list[Row], Estimated]:
        """Runs the network on one batch of people."""
        assert self._estimator is not None, "it is loaded before the first batch"
        people = [image.people[index] for image, index in batch]
        config, skeleton = self._plan.config, self._plan.skeleton
        begun = time.perf_counter()
        estimated = estimate_people(people, self._estimator, config, skeleton, self._batch_size.now)
        self._batch_size.took(len(batch), time.perf_counter() - begun)
        return batch, estimated

    def _gather(self, batch: Sequence[Row], estimated: Estimated) -> None:
        """Gives the people back to their images; those that are complete are drawn."""
        for row, (image, index) in enumerate(batch):
            image.keypoints_xy[index], image.scores[index] = estimated.keypoints_xy[row], estimated.scores[row]
            if self._debug.heatmaps:
                image.heatmaps[index] = estimated.heatmaps[row]
            if image.complete:
                self._drawing.submit(self._draw, image)

    def _samples(self) -> Iterator[NDArray[np.float32]]:
        """Network inputs of some people, spread over the run, for int8 to be calibrated on."""
        config = self._plan.config
        annots = self._names[:: max(1, len(self._names) // CALIBRATION)][:CALIBRATION]
        for name in annots:
            annot = read_annot(self._workspace.path(self._workspace.annots) / name)
            for person in annot.people if annot else ():
                with contextlib.suppress(ImageError):
                    prepared = prepare_person(person, read_cut(self._workspace, person), config.MODEL.IMAGE_SIZE)
                    yield normalize(prepared.network_input[None], config.DATASET.COLOR_RGB)

    def _draw(self, image: Gathering) -> None:
        poses = poses_record(image, self._plan.skeleton, self._made_by)
        record = record_bytes(poses)
        pictures = self._pictures
        try:
            with fitting_into_memory():
                picture = read_image(self._workspace.path(poses.image))
                files = pictures.debugging(image, poses, picture) | pictures.final(image.name, poses, record, picture)
        except ImageError as error:
            self._log.fail(poses.image, error)
        else:
            self._writing.submit(self._write, image.name, files, poses, record)

    def _write(self, name: str, files: Mapping[str, bytes], poses: ImagePoses, record: bytes) -> None:
        """Debug and final pictures first, the record last; an old record goes before anything is overwritten."""
        workspace = self._workspace
        path = workspace.path(workspace.poses_file(name))
        try:
            remove_file(path)
            for pictures in self._debug_before:
                for index, stale in pictures.of(name).items():
                    if index >= len(poses.people):
                        remove_file(stale)
            for file, data in files.items():
                write_bytes(workspace.path(file), data)
            write_bytes(path, record)
        except ImageError as error:
            self._log.fail(poses.image, error)
        else:
            self._log.done("processed", len(poses.people))

    def _redraw(self, image: Redraw) -> None:
        try:
            with fitting_into_memory():
                picture = read_image(self._workspace.path(image.poses.image))
                files = self._pictures.final(image.name, image.poses, image.record, picture)
        except ImageError as error:
            self._log.fail(image.poses.image, error)
        else:
            self._writing.submit(self._write_redrawn, files, image.poses)

    def _write_redrawn(self, files: Mapping[str, bytes], poses: ImagePoses) -> None:
        try:
            for file, data in files.items():
                write_bytes(self._workspace.path(file), data)
        except ImageError as error:
            self._log.fail(poses.image, error)
        else:
            self._log.done("redrawn", len(poses.people))
