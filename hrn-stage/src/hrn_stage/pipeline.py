"""The story of hrn-stage: each annot's cuts go through the network, and the poses are pasted onto the image."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from hrn_stage import STAGE, __version__
from hrn_stage.draw import DrawnPose, DrawStyle, draw_heatmap_sheet, draw_poses
from hrn_stage.estimator import PoseEstimator
from hrn_stage.inference import decode_method, estimate_people
from hrn_stage.intake import Intake, Redraw, read_cut
from hrn_stage.model_files import EstimatorPlan
from hrn_stage.options import EstimateOptions
from hrn_stage.people import Gathering, poses_record, prepare_person
from hrn_stage.preprocess import normalize
from hrn_stage.results import debug_pictures, final_comment, remove_stale, write_tables
from hrn_stage.skeletons import skeleton_named
from pose_contract.errors import ImageError, UsageError
from pose_contract.images import Picture, read_image, write_jpeg
from pose_contract.journal import RunLog, Settled
from pose_contract.progress import Progress
from pose_contract.records import ImagePoses, MadeBy, PersonPose, RunReport
from pose_contract.runs import SeenFiles, locked
from pose_contract.storage import (
    numbered_files,
    read_annot,
    record_bytes,
    record_paths,
    remove_file,
    sweep_temporaries,
    write_bytes,
)
from pose_contract.workers import Backlog, map_ahead, worker_count
from pose_contract.workspace import Workspace

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


def paste_poses(picture: Picture, people: Sequence[PersonPose], skeleton_name: str, style: DrawStyle) -> Picture:
    """The picture with everybody's skeleton on it; a keypoint that a corrected record leaves out is not drawn.

    Raises:
        ImageError: the record names a skeleton that nobody knows.
    """
    skeleton = skeleton_named(skeleton_name)
    drawn = []
    for person in people:
        points = {point.name: point for point in person.keypoints}
        rows = [(p.x, p.y, p.score) if (p := points.get(name)) else (0, 0, 0) for name in skeleton.keypoints]
        table = np.array(rows, np.float64)
        drawn.append(DrawnPose(table[:, :2], table[:, 2]))
    return draw_poses(picture, drawn, skeleton, style)


class _Run:
    """The steps of one run, and what they share."""

    def __init__(self, options: EstimateOptions, plan: EstimatorPlan, log: RunLog, seen: SeenFiles) -> None:
        self._options = options
        self._workspace = options.workspace
        self._plan = plan
        self._made_by = made_by(plan)
        self._log = log
        self._debug = debug_pictures(plan.config)
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
        self._batch_size = options.batch_size or max(options.people_per_batch, plan.at_once)

    def over(self, names: Sequence[str]) -> None:
        """Workers warp cuts ahead and draw behind while the network runs in this thread."""
        self._names = names
        size = self._batch_size
        workers = min(worker_count(0), self._plan.config.WORKERS or 1)
        pool = ThreadPoolExecutor(workers, thread_name_prefix="worker")
        waiting: deque[tuple[Gathering, int]] = deque()
        try:
            backlog = Backlog(pool, workers)
            for image in map_ahead(pool, self._intake.examine, names, ahead=workers + size):
                if isinstance(image, Settled):
                    self._log.settle(self._workspace.image_file(image.name), image)
                elif isinstance(image, Redraw):
                    backlog.submit(self._redraw, image)
                elif image.complete:
                    backlog.submit(self._write, image)
                else:
                    waiting.extend((image, index) for index in range(len(image.people)))
                while len(waiting) >= size:
                    self._estimate([waiting.popleft() for _ in range(size)], backlog)
            if waiting:
                self._estimate(list(waiting), backlog)
            backlog.finish()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _estimate(self, rows: Sequence[tuple[Gathering, int]], backlog: Backlog) -> None:
        """Runs the network on one batch of people and hands complete images to the writers."""
        if self._estimator is None:
            self._estimator = self._plan.load(self._samples)
            self._log.device = self._estimator.device
        people = [image.people[index] for image, index in rows]
        estimated = estimate_people(people, self._estimator, self._plan.config, self._plan.skeleton, self._batch_size)
        for row, (image, index) in enumerate(rows):
            image.keypoints_xy[index], image.scores[index] = estimated.keypoints_xy[row], estimated.scores[row]
            if self._debug.heatmaps:
                image.heatmaps[index] = estimated.heatmaps[row]
            if image.complete:
                backlog.submit(self._write, image)

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

    def _write(self, image: Gathering) -> None:
        """Debug and final pictures first, the record last; an old record goes before anything is overwritten."""
        workspace = self._workspace
        poses = poses_record(image, self._plan.skeleton, self._made_by)
        record = record_bytes(poses)
        path = workspace.path(workspace.poses_file(image.name))
        try:
            picture = read_image(workspace.path(poses.image))
            remove_file(path)
            self._write_debug(image, poses, picture)
            self._write_final(image.name, poses, record, picture)
            write_bytes(path, record)
        except ImageError as error:
            self._log.fail(poses.image, error)
        else:
            self._log.done("processed", len(poses.people))

    def _redraw(self, image: Redraw) -> None:
        try:
            picture = read_image(self._workspace.path(image.poses.image))
            self._write_final(image.name, image.poses, image.record, picture)
        except ImageError as error:
            self._log.fail(image.poses.image, error)
        else:
            self._log.done("redrawn", len(image.poses.people))

    def _write_final(self, name: str, poses: ImagePoses, record: bytes, picture: Picture) -> None:
        final = paste_poses(picture, poses.people, poses.skeleton, self._options.style)
        path = self._workspace.path(self._workspace.final_file(name))
        write_jpeg(path, final, final_comment(record, self._options.style))

    def _write_debug(self, image: Gathering, poses: ImagePoses, picture: Picture) -> None:
        workspace, skeleton = self._workspace, self._plan.skeleton
        for folder in self._debug.folders(workspace):
            for index, path in numbered_files(workspace, folder, image.name).items():
                if index >= len(image.people):
                    remove_file(path)
        for index, person in enumerate(image.people):
            if self._debug.heatmaps:
                sheet = draw_heatmap_sheet(person.network_input, image.heatmaps[index], skeleton.keypoints)
                write_jpeg(workspace.path(workspace.heatmap_file(image.name, index)), sheet)
            if self._debug.cuts:
                cut = image.annot.people[index].cut
                assert cut is not None, "nobody without a cut comes this far"
                pasted = paste_poses(picture, [poses.people[index]], poses.skeleton, self._options.style)
                inside = pasted[cut.y : cut.y + cut.height, cut.x : cut.x + cut.width]
                write_jpeg(workspace.path(workspace.cut_inspect_file(image.name, index)), inside)
