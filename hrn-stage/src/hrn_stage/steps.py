"""The steps of hrn-stage: each annot's cuts go through the network, and the poses are pasted onto the image."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from hrn_stage import facts
from hrn_stage.config_keys import PUBLISHED_CONTEXT
from hrn_stage.estimator import PoseEstimator
from hrn_stage.inference import Estimated, decode_method, estimate_people, keypoints_in_image
from hrn_stage.intake import PoseIntake, Prepared, read_cut
from hrn_stage.model_files import EstimatorPlan
from hrn_stage.options import EstimateOptions
from hrn_stage.people import person_pose, prepare_person
from hrn_stage.pictures import Pictures
from hrn_stage.preprocess import normalize
from hrn_stage.results import debug_pictures, remove_stale
from hrn_stage.videos import VideoEstimation, examined_video, sampled_people
from pose_contract.errors import ImageError, UsageError
from pose_contract.records import ImagePoses, MadeBy, RunReport
from pose_contract.storage import read_annot, record_paths
from pose_contract.video_records import VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.export.aggregates import write_tables
from stage_kit.networks.calibration import spread
from stage_kit.pictures.images import read_image
from stage_kit.runs.batch_run import BatchRun
from stage_kit.runs.found_records import sealed_bytes
from stage_kit.runs.numbered_files import NumberedFiles
from stage_kit.runs.posed_records import Redraw, sound_poses
from stage_kit.runs.seen import SeenFiles
from stage_kit.runs.steps import Listing, Loaded, Outputs, Settled
from stage_kit.runs.table_parts import parts_of
from stage_kit.runs.workers import worker_count
from stage_kit.videos.standing import remove_stale_videos, video_records

EstimationRun = BatchRun[Prepared | Redraw, Estimated]
MOST_ANNOTS = 1600  # that are read for int8 to be calibrated on some of their people


def estimate_poses(options: EstimateOptions, plan: EstimatorPlan) -> RunReport:
    """Finds the poses of all people in annots/ that have no current record.

    Writes final/ and the debug pictures, then output/poses/ as the done-mark; then rebuilds the aggregates.

    Raises:
        UsageError: there are no annots; nothing has been touched.
        WorkspaceError: not writable, disk full, or another run is on it.
    """
    return estimation_run(options, plan).whole()


def estimation_run(options: EstimateOptions, plan: EstimatorPlan, shard: str = "") -> EstimationRun:
    """The run that `estimate_poses` does whole; with a `shard`, for a list of annots beside other processes."""
    workers = min(worker_count(0), plan.config.WORKERS or 1)
    seen, parts = SeenFiles(options.workspace, shard), parts_of(options.workspace, options.tables)
    run = options.run_facts(facts(), made_by(plan), plan, workers)
    return BatchRun(run, EstimationSteps(options, plan, seen), seen, parts)


def list_annots(workspace: Workspace) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The annots to follow, relative to annots/, and the names of the videos that have one, both in sorted order.

    Raises UsageError where there are none.
    """
    folder = workspace.path(workspace.annots)
    names = tuple(path.relative_to(folder).as_posix() for path in record_paths(folder))
    videos = tuple(name for name in video_records(folder) if workspace.path(workspace.video_annot_file(name)).exists())
    if not names and not videos:
        raise UsageError(f"no annots in {folder}", "run yolo-stage first: make yolo")
    return names, videos


def made_by(plan: EstimatorPlan) -> MadeBy:
    """All that changes results, and nothing else; the annot's hash is added per image."""
    test = plan.config.TEST
    method = decode_method(plan.config)
    options: dict[str, JsonValue] = {
        "image_size": list(plan.config.MODEL.IMAGE_SIZE),
        "color_rgb": plan.config.DATASET.COLOR_RGB,
        "flip_test": test.FLIP_TEST,
        "shift_heatmap": test.SHIFT_HEATMAP,
        "decode": method,
        "blur_kernel": test.BLUR_KERNEL if method == "dark" else None,
        "network_sha256": plan.network_sha256,
        "engine": plan.engine,
        "precision": plan.precision,
    }
    if test.CROP_CONTEXT != PUBLISHED_CONTEXT:
        options["crop_context"] = test.CROP_CONTEXT
    if plan.calibration:
        options["calibration"] = plan.calibration()
    return MadeBy(
        stage=facts().name,
        results=facts().results,
        model=plan.model,
        weights_sha256=plan.weights_sha256,
        options=options,
    )


class EstimationSteps:
    """See `stage_kit.runs.steps.Steps`."""

    def __init__(self, options: EstimateOptions, plan: EstimatorPlan, seen: SeenFiles) -> None:
        self._options = options
        self._workspace = options.workspace
        self._plan = plan
        self._made_by = made_by(plan)
        self._seen = seen
        self._debug = debug_pictures(plan.config)
        self._numbered = tuple(
            NumberedFiles(self._workspace.path(folder)) for folder in self._debug.folders(self._workspace)
        )
        self._pictures = Pictures(options.workspace, options.style, self._debug)
        self._intake = PoseIntake(
            workspace=options.workspace,
            made_by=self._made_by,
            input_wh=plan.config.MODEL.IMAGE_SIZE,
            style=options.style,
            overwrite=options.overwrite,
            debug=self._debug,
            seen=seen,
            max_file_mb=options.max_file_mb,
            context=plan.config.TEST.CROP_CONTEXT,
        )
        self._estimator: PoseEstimator | None = None

    def listing(self) -> Listing:
        """The annots."""
        names, videos = list_annots(self._workspace)
        return Listing(names, videos=videos)

    def examine_video(self, name: str) -> VideoEstimation | Settled:
        """Reads the headers of a video's annot and poses."""
        return examined_video(self._options, self._plan.skeleton, self._made_by, self._seen, name)

    def clear_stale(self) -> Sequence[str]:
        """Removes what belongs to annots that are gone."""
        workspace = self._workspace
        poses = f"{workspace.output}/poses"
        lines = remove_stale(workspace)
        lines += remove_stale_videos(workspace, poses, VideoPoses, [workspace.final], workspace.video_annot_file)
        if self._plan.config.DEBUG.DEBUG and not self._debug.folders(self._workspace):
            lines.append("DEBUG.DEBUG is true, but no DEBUG.SAVE_HEATMAPS_PRED or SAVE_BATCH_IMAGES_PRED is")
        return lines

    def examine(self, name: str) -> Prepared | Redraw | Settled:
        """Reads one annot and, unless its poses are current, its cuts."""
        return self._intake.examine(name)

    def forget_listings(self) -> None:
        """Of the debug pictures."""
        for numbered in self._numbered:
            numbered.forget()

    def load(self, names: Sequence[str]) -> Loaded:
        """Loads the network; int8 is calibrated on some of the people. The YAML may ask for more of them at a time."""
        self._estimator = estimator = self._plan.load(lambda: self._samples(names))
        self._made_by = made_by(self._plan)  # int8 has been calibrated now
        self._intake = replace(self._intake, made_by=self._made_by)
        asked = self._options.people_per_batch
        fewest, most = (0, 0) if self._options.batch_size else estimator.at_once
        return Loaded(estimator.device, estimator.fixed_batch, max(asked, fewest), max(asked, most))

    def _samples(self, names: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        config = self._plan.config
        folder = self._workspace.path(self._workspace.annots)
        annots = (read_annot(folder / name) for name in spread(names, MOST_ANNOTS))
        for person in spread([person for annot in annots if annot for person in annot.people]):
            with contextlib.suppress(ImageError):
                cut = read_cut(self._workspace, person)
                prepared = prepare_person(person, cut, config.MODEL.IMAGE_SIZE, config.TEST.CROP_CONTEXT)
                yield normalize(prepared.network_input[None], config.DATASET.COLOR_RGB)
        if not names:
            for row in sampled_people(self._workspace, list_annots(self._workspace)[1], config):
                yield normalize(row[None], config.DATASET.COLOR_RGB)

    def inputs(self, image: Prepared | Redraw) -> NDArray[np.uint8]:
        """The people of an image, [P, H, W, 3]."""
        assert isinstance(image, Prepared), "what is only drawn anew has no rows"
        return np.stack([person.network_input for person in image.people])

    def answers(self, inputs: NDArray[np.uint8]) -> Sequence[Estimated]:
        """Heatmaps and their keypoints of a batch of people."""
        assert self._estimator is not None, "it is loaded before the first batch"
        return estimate_people(inputs, self._estimator, self._plan.config, self._plan.skeleton)

    def outputs(self, image: Prepared | Redraw, answers: Sequence[Estimated]) -> Outputs:
        """The pictures of one image and, unless they alone are made anew, its record."""
        if isinstance(image, Redraw):
            picture = read_image(self._workspace.path(image.poses.image), self._options.max_file_mb)
            files = self._pictures.final(image.name, image.poses, image.record, picture)
            return Outputs(image.name, len(image.poses.people), files, done="redrawn", note=image.note)
        poses = self._poses(image, answers)
        record = sealed_bytes(poses)
        picture = read_image(self._workspace.path(poses.image), self._options.max_file_mb)
        debugging = self._pictures.debugging(image, answers, poses, picture)
        return Outputs(
            name=image.name,
            people=len(poses.people),
            files=debugging | self._pictures.final(image.name, poses, record, picture),
            record=(self._workspace.poses_file(image.name), record),
            replaces=image.replaces,
            numbered=self._numbered,
        )

    def _poses(self, image: Prepared, answers: Sequence[Estimated]) -> ImagePoses:
        annot, skeleton = image.annot, self._plan.skeleton
        keypoints = keypoints_in_image(answers, image.people, self._plan.config) if answers else ()
        people = [
            person_pose(person, keypoints_xy, answer.scores, skeleton)
            for person, keypoints_xy, answer in zip(annot.people, keypoints, answers, strict=True)
        ]
        return ImagePoses(
            image=annot.image,
            image_sha256=annot.image_sha256,
            width=annot.width,
            height=annot.height,
            skeleton=skeleton.name,
            people=tuple(people),
            made_by=self._made_by.model_copy(update={"annot_sha256": image.annot_sha256}),
        )

    def write_tables(self) -> Sequence[tuple[str, ImageError]]:
        """The aggregates of all records."""
        read = partial(sound_poses, self._workspace)
        refused = write_tables(self._workspace, self._plan.skeleton, read, self._options.tables)
        return [] if refused is None else [(self._workspace.output, refused)]
