"""What one run of openpose-stage is asked to do: frozen and validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeVar

from openpose_stage import STAGE
from openpose_stage.decode import DecodeRules, OwnRules
from openpose_stage.links import LinkRules, Pairing
from openpose_stage.persons import PersonRules
from openpose_stage.points import Peaks, PointRules
from pose_contract.errors import UsageError
from pose_contract.workspace import Workspace
from stage_kit.command.run_options import MAX_BATCH, MAX_READ_MB, RunOptions, require
from stage_kit.export.asked_tables import CSV_ALONE, AskedTables
from stage_kit.pictures.draw_style import DrawStyle

Model = Literal["auto", "lite", "hpe-0001", "coco", "mpi", "mpi-fast", "body25"]
Value = TypeVar("Value", int, float)
FOLDER = "openpose"
LARGEST_SIDE, LARGEST_SCALE, MOST_SCALES = 2048, 4.0, 5
LARGEST_UPSAMPLE, MOST_SAMPLES = 8, 100
MOST_EXPLAINED = 100  # frames of a video, each 3 MB of pictures


@dataclass(frozen=True)
class ModelOptions:
    """Which network, from which file, in which arithmetic, on pictures of which height.

    `height` None is the network's own; `scales` are factors of it whose maps are averaged.
    """

    model: Model = "auto"
    weights_path: Path | None = None
    precision: str = "auto"
    norm: Literal["openpose", "seed"] = "openpose"
    height: int | None = None
    scales: tuple[float, ...] = (1.0,)
    trust: bool = False

    def __post_init__(self) -> None:
        """Refuses values without a meaning. Raises UsageError."""
        fits = self.height is None or 64 <= self.height <= LARGEST_SIDE
        require(fits, "height", self.height, f"64 to {LARGEST_SIDE}", STAGE)
        fits = 0 < len(self.scales) <= MOST_SCALES and all(0.1 <= scale <= LARGEST_SCALE for scale in self.scales)
        require(fits, "scales", self.scales, f"1 to {MOST_SCALES} factors from 0.1 to {LARGEST_SCALE:g}", STAGE)


@dataclass(frozen=True)
class DecodeOptions:
    """How maps are read, under the flags' names; None is the network's own."""

    threshold: float | None = None
    peaks: Peaks = "nms"
    smooth: float = 0.0
    upsample: int | None = None
    samples: int = 10
    least_field: float = 0.1
    min_good: int = 8
    pairing: Pairing = "greedy"
    min_points: int | None = None
    min_mean: float | None = None
    seed_links: bool = False
    single: bool = False

    def __post_init__(self) -> None:
        """Refuses values without a meaning. Raises UsageError."""
        fits = self.threshold is None or 0 < self.threshold < 1
        require(fits, "threshold", self.threshold, "over 0, under 1", STAGE)
        rules = self.rules(OwnRules())
        upsample, persons = rules.points.upsample, rules.persons
        require(0 <= self.smooth <= 10, "smooth", self.smooth, "0 to 10", STAGE)
        require(1 <= upsample <= LARGEST_UPSAMPLE, "upsample", upsample, f"1 to {LARGEST_UPSAMPLE}", STAGE)
        require(2 <= self.samples <= MOST_SAMPLES, "samples", self.samples, f"2 to {MOST_SAMPLES}", STAGE)
        require(0 <= self.least_field <= 1, "least_field", self.least_field, "0 to 1", STAGE)
        require(0 <= self.min_good <= self.samples, "min_good", self.min_good, "0 to --samples", STAGE)
        if self.pairing == "hungarian" and find_spec("scipy") is None:
            raise UsageError("--pairing hungarian needs SciPy, which is not installed here", "give --pairing greedy")
        require(1 <= persons.min_points <= 25, "min_points", persons.min_points, "1 to 25", STAGE)
        require(0 <= persons.min_mean <= 2, "min_mean", persons.min_mean, "0 to 2", STAGE)

    @classmethod
    def of(cls, flags: Mapping[str, Any]) -> DecodeOptions:
        """From a command's flags, which have the same names."""
        given: dict[str, Any] = {one.name: flags[one.name] for one in fields(cls)}
        switches: dict[str, Any] = {name: bool(given[name]) for name in ("seed_links", "single")}
        return cls(**given | switches)

    def rules(self, own: OwnRules) -> DecodeRules:
        """What the decoder takes; `own` are the network's."""
        return DecodeRules(
            PointRules(_or(self.threshold, own.threshold), self.peaks, self.smooth, _or(self.upsample, own.upsample)),
            LinkRules(self.samples, self.least_field, self.min_good, self.pairing),
            PersonRules(_or(self.min_points, own.min_points), _or(self.min_mean, own.min_mean)),
        )


def _or(given: Value | None, own: Value) -> Value:
    return own if given is None else given


@dataclass(frozen=True)
class OpenposeOptions(RunOptions):
    """One run. `n_cpu` 0 is one worker per core, `batch_size` None the engine's. `explain` draws every step of photos,
    `explain_frames` of these frames of every video, `movies` the skeletons of videos."""

    model: ModelOptions = field(default_factory=ModelOptions)
    decode: DecodeOptions = field(default_factory=DecodeOptions)
    style: DrawStyle = field(default_factory=DrawStyle)
    explain: bool = False
    explain_frames: tuple[int, ...] = ()
    movies: bool = True
    batch_size: int | None = None
    n_cpu: int = 0
    tables: AskedTables = CSV_ALONE

    def __post_init__(self) -> None:
        """Refuses values without a meaning. Raises UsageError."""
        fits = self.batch_size is None or 1 <= self.batch_size <= MAX_BATCH
        require(fits, "batch_size", self.batch_size, f"1 to {MAX_BATCH}", STAGE)
        fits = len(self.explain_frames) <= MOST_EXPLAINED
        require(fits, "explain_frames", len(self.explain_frames), f"at most {MOST_EXPLAINED} frames", STAGE)
        require(self.n_cpu >= 0, "n_cpu", self.n_cpu, "0 (automatic) or more", STAGE)
        require(1 <= self.max_file_mb <= MAX_READ_MB, "max_file_mb", self.max_file_mb, f"1 to {MAX_READ_MB}", STAGE)


def own_folders(workspace: Workspace) -> Workspace:
    """The workspace with this stage's folders in the place of hrn-stage's: openpose/poses, openpose/final, tables."""
    return replace(workspace, output=FOLDER, final=f"{FOLDER}/final")


def scales_in(text: str) -> tuple[float, ...]:
    """`1,1.5` -> (1.0, 1.5). Raises UsageError."""
    try:
        return tuple(float(word) for word in text.replace(",", " ").split())
    except ValueError:
        raise UsageError(f"--scales: {text!r} is no list of numbers", "for example: --scales 1,1.5") from None


def frames_in(text: str) -> tuple[int, ...]:
    """`10,50` -> (10, 50); nothing of an empty text. Raises UsageError."""
    words = text.replace(",", " ").split()
    if not all(word.isascii() and word.isdecimal() and len(word) < 10 for word in words):
        raise UsageError(
            f"--explain_frames: {text!r} is no list of frames, which count from 0", "for example: --explain_frames 0,50"
        )
    return tuple(sorted(set(map(int, words))))
