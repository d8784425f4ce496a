"""The steps of yolo-stage: each new or changed image is decoded, its people are found, and their cuts are written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pose_contract.errors import DamagedImageError, ImageError
from pose_contract.records import ImageAnnot, MadeBy, RunReport
from pose_contract.video_records import VideoAnnot
from stage_kit.networks.calibration import spread
from stage_kit.pictures.images import Picture, decode_image, fitting_into_memory, read_image, read_image_bytes
from stage_kit.pictures.letterbox import Letterbox
from stage_kit.runs.batch_run import BatchRun
from stage_kit.runs.found_records import found_record, sealed_bytes
from stage_kit.runs.listing import image_listing, list_images
from stage_kit.runs.numbered_files import NumberedFiles
from stage_kit.runs.seen import SeenFiles, is_current
from stage_kit.runs.steps import Listing, Loaded, Outputs, Settled
from stage_kit.videos.samples import sampled_frames
from stage_kit.videos.standing import remove_stale_videos
from yolo_stage import facts
from yolo_stage.corrections import Corrected, Corrections, corrected_outputs
from yolo_stage.detector import Candidates, Detector
from yolo_stage.detector_plan import DetectorPlan
from yolo_stage.fitting import fitted
from yolo_stage.options import DetectOptions
from yolo_stage.people import choose_people, people_records
from yolo_stage.rectangles import RULE
from yolo_stage.results import draw_results, name_cuts, remove_results, remove_stale
from yolo_stage.videos import VideoDetection, examined_video


@dataclass(frozen=True)
class Decoded:
    """An image that awaits the network: its pixels, its network input [1, 3, H, W], and how to map boxes back."""

    name: str
    sha256: str
    picture: Picture
    network_input: NDArray[np.float32]
    mapping: Letterbox
    replaces: bytes | None = None

    @property
    def rows(self) -> int:
        """See `stage_kit.runs.steps.Image`."""
        return 1

    @property
    def pixels(self) -> int:
        """See `stage_kit.runs.steps.Image`."""
        return self.mapping.width * self.mapping.height


DetectionRun = BatchRun[Decoded | Corrected, Candidates]


def detect_people(options: DetectOptions, plan: DetectorPlan) -> RunReport:
    """Finds the people in every image of the workspace that has no current record.

    Writes cuts/ and inspect/, then annots/ as the done-mark; removes what belongs to images that are gone.

    Raises:
        UsageError: images/ is missing or empty; nothing has been touched.
        WorkspaceError: not writable, disk full, or another run is on it.
    """
    return detection_run(options, plan).whole()


def detection_run(options: DetectOptions, plan: DetectorPlan, shard: str = "") -> DetectionRun:
    """The run that `detect_people` does whole; with a `shard`, for a list of names beside other processes."""
    seen = SeenFiles(options.workspace, shard)
    run = options.run_facts(facts(), made_by(options, plan), plan, options.n_cpu)
    return BatchRun(run, DetectionSteps(options, plan, seen), seen)


def made_by(options: DetectOptions, plan: DetectorPlan) -> MadeBy:
    """All that changes results, and nothing else."""
    selection = plan.selection(options)
    return MadeBy(
        stage=facts().name,
        results=facts().results,
        model=plan.model,
        weights_sha256=plan.weights_sha256,
        options={
            "conf_thres": selection.conf_thres,
            "nms_thres": selection.nms_thres,
            "img_size": plan.input_size,
            **({"input_rule": RULE} if plan.rectangular else {}),
            "cut_scale": options.cut_scale,
            "max_people": options.max_people,
            "person_class": plan.person_class,
            "model_def_sha256": plan.model_def_sha256,
            "engine": plan.engine,
            "precision": plan.precision,
            **({"calibration": plan.calibration()} if plan.calibration else {}),
        },
    )


class DetectionSteps:
    """See `stage_kit.runs.steps.Steps`."""

    def __init__(self, options: DetectOptions, plan: DetectorPlan, seen: SeenFiles) -> None:
        self._options = options
        self._workspace = options.workspace
        self._plan = plan
        self._made_by = made_by(options, plan)
        self._seen = seen
        self._corrections = Corrections(options.workspace, seen, options.cut_scale, options.max_file_mb)
        self._cuts = NumberedFiles(self._workspace.path(self._workspace.cuts))
        self._detector: Detector | None = None

    def listing(self) -> Listing:
        """The pictures in images/; of two that would share outputs the second fails."""
        return image_listing(self._workspace)

    def clear_stale(self) -> Sequence[str]:
        """Removes what belongs to images that are gone."""
        workspace = self._workspace
        shown = workspace.inspect, workspace.cuts
        videos = remove_stale_videos(workspace, workspace.annots, VideoAnnot, shown, workspace.image_file)
        return remove_stale(workspace, self._cuts) + videos

    def examine(self, name: str) -> Decoded | Corrected | Settled:
        """Reads one image, unless its record is current."""
        workspace, file = self._workspace, self._workspace.image_file(name)
        try:
            found = found_record(workspace, workspace.annot_file(name), ImageAnnot)
            if found and found.edited:
                return self._corrections.examine(name, found)
            annot = found.record if found else None
            known = self._seen.known(file)
            if annot and known and self._is_done(name, annot, known):
                return Settled(name, people=len(annot.people))
            data = read_image_bytes(workspace.path(file), self._options.max_file_mb)
            sha256 = self._seen.sha256(file, data)
            if annot and self._is_done(name, annot, sha256):
                return Settled(name, people=len(annot.people))
            return replace(self._decoded(name, data, sha256), replaces=found.data if found else None)
        except ImageError as error:
            return Settled(name, error)

    def examine_video(self, name: str) -> VideoDetection | Settled:
        """Reads the header of a video's record, if there is one."""
        return examined_video(self._options, self._plan, self._made_by, self._seen, name)

    def _decoded(self, name: str, data: bytes, sha256: str) -> Decoded:
        try:
            picture = decode_image(data)
            with fitting_into_memory():
                network_input, mapping = fitted(self._plan, picture)
        except DamagedImageError:  # whatever else keeps it from being read may pass
            remove_results(self._workspace, name, self._cuts)
            raise
        return Decoded(name, sha256, picture, network_input[None], mapping)

    def _is_done(self, name: str, annot: ImageAnnot, sha256: str) -> bool:
        if self._options.overwrite or annot.image_sha256 != sha256:
            return False
        files = [person.cut.file for person in annot.people if person.cut] + [self._workspace.inspect_file(name)]
        return is_current(annot.made_by, self._made_by, map(self._workspace.path, files))

    def forget_listings(self) -> None:
        """Of the cuts."""
        self._cuts.forget()

    def load(self, names: Sequence[str]) -> Loaded:
        """Loads the detector; int8 is calibrated on some of the images."""
        self._detector = detector = self._plan.load(lambda: self._samples(names))
        self._made_by = made_by(self._options, self._plan)  # int8 has been calibrated now
        asked = self._options.batch_size
        fewest, most = (asked, asked) if asked else detector.at_once
        return Loaded(detector.device, detector.fixed_batch, fewest, most)

    def _samples(self, names: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        for name in spread(names):
            with contextlib.suppress(ImageError):
                picture = read_image(self._workspace.path(self._workspace.image_file(name)), self._options.max_file_mb)
                yield fitted(self._plan, picture)[0][None]
        if not names:
            videos = list_images(self._workspace).videos
            for frame in sampled_frames(self._workspace.path(self._workspace.image_file(name)) for name in videos):
                yield fitted(self._plan, frame.picture)[0][None]

    def inputs(self, image: Decoded | Corrected) -> NDArray[np.float32]:
        """The network input of an image."""
        assert isinstance(image, Decoded), "a corrected record has no rows"
        return image.network_input

    def answers(self, inputs: NDArray[np.float32]) -> Sequence[Candidates]:
        """The network's candidates for a batch of images."""
        assert self._detector is not None, "it is loaded before the first batch"
        return self._detector.detect(inputs)

    def outputs(self, image: Decoded | Corrected, answers: Sequence[Candidates]) -> Outputs:
        """Cuts, inspection picture and record of one image."""
        if isinstance(image, Corrected):
            return corrected_outputs(self._workspace, image, self._cuts)
        annot = self._annot(image, answers[0])
        return Outputs(
            name=image.name,
            people=len(annot.people),
            files=draw_results(image.picture, annot, self._workspace.inspect_file(image.name)),
            record=(self._workspace.annot_file(image.name), sealed_bytes(annot)),
            replaces=image.replaces,
            numbered=(self._cuts,),
        )

    def _annot(self, image: Decoded, candidates: Candidates) -> ImageAnnot:
        height, width = image.picture.shape[:2]
        selection = self._plan.selection(self._options)
        boxes, scores = choose_people(candidates, image.mapping, selection)
        people = people_records(boxes, scores, (width, height), self._options.cut_scale)
        return ImageAnnot(
            image=self._workspace.image_file(image.name),
            image_sha256=image.sha256,
            width=width,
            height=height,
            people=name_cuts(self._workspace, image.name, people),
            made_by=self._made_by,
        )

    def write_tables(self) -> Sequence[tuple[str, ImageError]]:
        """Nothing: yolo-stage has no tables."""
        return ()
