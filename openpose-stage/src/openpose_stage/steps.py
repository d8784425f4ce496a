"""The steps of openpose-stage: each new or changed photo goes whole through the network, and all its people are read
out of the maps at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from openpose_stage import facts
from openpose_stage.estimate import Reading, people_in
from openpose_stage.explain import explained
from openpose_stage.fitting import RULE, Fit, fitted, scaled
from openpose_stage.maps import Maps, mean_of
from openpose_stage.model_files import OpenposePlan
from openpose_stage.network import FieldNetwork
from openpose_stage.options import OpenposeOptions
from openpose_stage.pictures import with_poses
from openpose_stage.results import (
    final_comment,
    found_poses,
    remove_results,
    remove_stale,
    sheet_files,
)
from openpose_stage.times import Times
from openpose_stage.videos import VideoPosing, examined_video
from pose_contract.errors import DamagedImageError, ImageError
from pose_contract.names import colliding_names
from pose_contract.records import ImagePoses, MadeBy, RunReport
from pose_contract.video_records import VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.export.aggregates import write_tables
from stage_kit.pictures.images import (
    Picture,
    decode_image,
    encode_jpeg,
    fitting_into_memory,
    read_image,
    read_image_bytes,
    read_jpeg_comment,
    upright_size,
)
from stage_kit.runs.batch_run import BatchRun
from stage_kit.runs.found_records import FoundRecord, sealed_bytes
from stage_kit.runs.listing import list_images
from stage_kit.runs.posed_records import Redraw, sound_poses
from stage_kit.runs.record_bounds import require_fits, require_image
from stage_kit.runs.seen import SeenFiles, is_current
from stage_kit.runs.steps import Listing, Loaded, Outputs, Settled
from stage_kit.videos.standing import remove_stale_videos


@dataclass(frozen=True)
class Decoded:
    """A photo that awaits the network: its pixels, its input [1, H, W, 3], and how to map points back."""

    name: str
    sha256: str
    picture: Picture
    network_input: NDArray[np.uint8]
    fit: Fit
    replaces: bytes | None = None
    rows: int = 1

    @property
    def pixels(self) -> int:
        """See `stage_kit.runs.steps.Image`."""
        return self.fit.width * self.fit.height


OpenposeRun = BatchRun[Decoded | Redraw, Maps]


def find_poses(options: OpenposeOptions, plan: OpenposePlan, times: Times | None = None) -> RunReport:
    """Finds the poses in every photo and video of the workspace that has no current record.

    Writes openpose/final/ and, if asked, openpose/maps/, then openpose/poses/ as the done-mark, then the tables.

    Args:
        options: what is asked for.
        plan: the network.
        times: is told what took how long.

    Raises:
        UsageError: images/ is missing or empty; nothing has been touched.
        WorkspaceError: not writable, disk full, or another run is on it.
    """
    return openpose_run(options, plan, times=times).whole()


def openpose_run(
    options: OpenposeOptions, plan: OpenposePlan, shard: str = "", times: Times | None = None
) -> OpenposeRun:
    """The run that `find_poses` does whole; with a `shard`, for a list of names beside other processes."""
    seen = SeenFiles(options.workspace, shard)
    run = options.run_facts(facts(), made_by(options, plan), plan, options.n_cpu)
    return BatchRun(run, OpenposeSteps(options, plan, seen, times or Times()), seen)


def made_by(options: OpenposeOptions, plan: OpenposePlan) -> MadeBy:
    """All that changes results, and nothing else."""
    decode = options.decode
    chosen: dict[str, JsonValue] = {
        "height": plan.height,
        "scales": list(options.model.scales),
        "input_rule": RULE,
        "engine": plan.engine,
        "precision": plan.precision,
    }
    if plan.engine == "opencv":
        chosen["norm"] = options.model.norm
    rules = decode.rules(plan.threshold)
    for part in (rules.points, rules.links, rules.persons):
        chosen |= asdict(part)
    chosen |= {"seed_links": decode.seed_links, "single": decode.single}
    return MadeBy(
        stage=facts().name,
        results=facts().results,
        model=plan.model,
        weights_sha256=plan.weights_sha256,
        options=chosen,
    )


def reading_of(options: OpenposeOptions, plan: OpenposePlan) -> Reading:
    """How the maps of a run are read."""
    decode = options.decode
    return Reading(plan.layout, plan.stride, decode.rules(plan.threshold), decode.single)


def maps_of(network: FieldNetwork, pictures: NDArray[np.uint8], scales: Sequence[float], multiple: int) -> list[Maps]:
    """The maps of inputs [N, H, W, 3]: the mean over all scales, at the first one's size."""
    several = [network.maps(scaled(pictures, scale, multiple)) for scale in scales]
    return [mean_of(list(one)) for one in zip(*several, strict=True)]


class OpenposeSteps:
    """See `stage_kit.runs.steps.Steps`."""

    def __init__(self, options: OpenposeOptions, plan: OpenposePlan, seen: SeenFiles, times: Times) -> None:
        self._options = options
        self._workspace: Workspace = options.workspace
        self._plan = plan
        self._made_by = made_by(options, plan)
        self._reading = reading_of(options, plan)
        self._seen = seen
        self._times = times
        self._network: FieldNetwork | None = None

    def listing(self) -> Listing:
        """The photos and videos in images/; of two photos that would share outputs the second fails."""
        found = list_images(self._workspace)
        collisions = colliding_names(found.names)
        failures = {
            name: ImageError(f"would write the same files as {other}", "rename one of the two")
            for name, other in collisions.items()
        }
        for name in found.unreadable_names:
            failures[name] = ImageError("has a name that is no UTF-8 text", "rename it: convmv")
        names = tuple(name for name in found.names if name not in collisions)
        return Listing(names, failures, found.ignored, found.videos)

    def clear_stale(self) -> Sequence[str]:
        """Removes what belongs to photos and videos that are gone."""
        workspace = self._workspace
        poses = f"{workspace.output}/poses"
        return remove_stale(workspace) + remove_stale_videos(
            workspace, poses, VideoPoses, (workspace.final,), workspace.image_file
        )

    def examine(self, name: str) -> Decoded | Redraw | Settled:
        """Reads one photo, unless its record is current."""
        workspace, file = self._workspace, self._workspace.image_file(name)
        try:
            found = found_poses(workspace, name)
            known = self._seen.known(file)
            if found and known:
                current = self._current(name, found, known)
                if current is not None:
                    return current
            data = read_image_bytes(workspace.path(file), self._options.max_file_mb)
            sha256 = self._seen.sha256(file, data)
            current = self._current(name, found, sha256, data) if found else None
            return current or self._decoded(name, data, sha256, found)
        except DamagedImageError as error:  # whatever else keeps it from being read may pass
            if found is None or not found.edited:
                remove_results(workspace, name)
            return Settled(name, error)
        except ImageError as error:
            return Settled(name, error)

    def _decoded(self, name: str, data: bytes, sha256: str, found: FoundRecord[ImagePoses] | None) -> Decoded:
        picture = decode_image(data)
        with fitting_into_memory():
            network_input, fit = fitted(picture, self._plan.height, self._plan.multiple)
        return Decoded(name, sha256, picture, network_input[None], fit, found.data if found else None)

    def _current(
        self, name: str, found: FoundRecord[ImagePoses], sha256: str, data: bytes | None = None
    ) -> Redraw | Settled | None:
        """The skip rule; None sends the photo through the network."""
        workspace, poses, note = self._workspace, found.record, found.note
        if found.edited:
            if data is None:
                data = read_image_bytes(workspace.path(workspace.image_file(name)), self._options.max_file_mb)
            require_image(poses, found.file, workspace.image_file(name))
            same = poses.image_sha256 == sha256
            require_fits(found, upright_size(data) if same else None)
            if not same:
                note = f"{name} has changed, its poses, edited by hand, are kept as they are"
        elif (
            self._options.overwrite
            or poses.image_sha256 != sha256
            or poses.image != workspace.image_file(name)
            or not is_current(poses.made_by, self._made_by, map(workspace.path, self._sheets(name).values()))
        ):
            return None
        final = workspace.path(workspace.final_file(name))
        if read_jpeg_comment(final) == final_comment(found.data, self._options.style):
            return Settled(name, people=len(poses.people), note=note)
        return Redraw(name, poses, found.data, note)

    def _sheets(self, name: str) -> dict[str, str]:
        return sheet_files(self._workspace, name) if self._options.explain else {}

    def examine_video(self, name: str) -> VideoPosing | Settled:
        """Reads the header of a video's record, if there is one."""
        return examined_video(self._options, self._plan, self._reading, self._made_by, self._seen, name, self._times)

    def forget_listings(self) -> None:
        """Nothing: no folder's listing is kept."""

    def load(self, names: Sequence[str]) -> Loaded:  # noqa: ARG002 - nothing is calibrated
        """Loads the network."""
        self._network = network = self._plan.load(tuple)
        asked = self._options.batch_size
        fewest, most = (asked, asked) if asked else network.at_once
        return Loaded(network.device, network.fixed_batch, fewest, most)

    def inputs(self, image: Decoded | Redraw) -> NDArray[np.uint8]:
        """The network's input for a photo."""
        assert isinstance(image, Decoded), "what is only drawn anew has no rows"
        return image.network_input

    def answers(self, inputs: NDArray[np.uint8]) -> Sequence[Maps]:
        """The maps of a batch of inputs of one size."""
        assert self._network is not None, "it is loaded before the first batch"
        with self._times.of("network", len(inputs)):
            return maps_of(self._network, inputs, self._options.model.scales, self._plan.multiple)

    def outputs(self, image: Decoded | Redraw, answers: Sequence[Maps]) -> Outputs:
        """The pictures of one photo and, unless they alone are made anew, its record."""
        if isinstance(image, Redraw):
            picture = read_image(self._workspace.path(image.poses.image), self._options.max_file_mb)
            files = self._final(image.name, image.poses, image.record, picture)
            return Outputs(image.name, len(image.poses.people), files, done="redrawn", note=image.note)
        poses = self._poses(image, answers[0])
        record = sealed_bytes(poses)
        files = self._final(image.name, poses, record, image.picture)
        if self._options.explain:
            sheets = explained(image.picture, image.fit, answers[0], self._reading)
            files |= {file: sheets[sheet] for sheet, file in self._sheets(image.name).items()}
        return Outputs(
            name=image.name,
            people=len(poses.people),
            files=files,
            record=(self._workspace.poses_file(image.name), record),
            replaces=image.replaces,
        )

    def _poses(self, image: Decoded, maps: Maps) -> ImagePoses:
        with self._times.of("reading its maps"):
            people = people_in(maps, image.fit, self._reading)
        return ImagePoses(
            image=self._workspace.image_file(image.name),
            image_sha256=image.sha256,
            width=image.fit.width,
            height=image.fit.height,
            skeleton=self._plan.layout.skeleton.name,
            people=people,
            made_by=self._made_by,
        )

    def _final(self, name: str, poses: ImagePoses, record: bytes, picture: Picture) -> dict[str, bytes]:
        style = self._options.style
        drawn = with_poses(picture, poses.people, poses.skeleton, style)
        return {self._workspace.final_file(name): encode_jpeg(drawn, final_comment(record, style))}

    def write_tables(self) -> Sequence[tuple[str, ImageError]]:
        """openpose/keypoints.csv and the files for pycocotools."""
        refused = write_tables(self._workspace, self._plan.layout.skeleton, partial(sound_poses, self._workspace))
        return [] if refused is None else [(self._workspace.output, refused)]
