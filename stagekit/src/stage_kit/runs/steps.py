"""What a stage must say about its work, so that `batch_run` can do the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from numpy.typing import NDArray

from pose_contract.errors import ImageError
from stage_kit.runs.numbered_files import NumberedFiles
from stage_kit.videos.steps import VideoWork

Rows = NDArray[Any]


@dataclass(frozen=True)
class Settled:
    """An image that needs no work: all is current, or it cannot be processed. `note` is told to the user."""

    name: str
    error: ImageError | None = None
    people: int = 0
    note: str = ""


class Image(Protocol):
    """An image that is to be worked on, as `Steps.examine` gives it."""

    @property
    def name(self) -> str:
        """Below images/."""

    @property
    def rows(self) -> int:
        """How many rows of the network's input it has: one, one per person, or none where nothing is left to ask."""

    @property
    def pixels(self) -> int:
        """Of the picture that it holds in memory until the network has answered."""


@dataclass(frozen=True)
class Outputs:
    """What is written of one image, as bytes by file name in the workspace.

    Attributes:
        name: of the image, below images/.
        people: how many are in it.
        files: pictures, written first.
        record: file name and bytes, written last, as the done-mark; None where the record on disk stays.
        kept: whether the old record stays in place until the new one takes it: it holds a person's work.
        replaces: the old record's bytes, if any, when the image was examined; where it has others, a person wrote them.
        numbered: files of the image's people; those of people whom it has no longer are removed.
        done: what the run's report counts.
        note: told to the user.
    """

    name: str
    people: int
    files: Mapping[str, bytes]
    record: tuple[str, bytes] | None = None
    kept: bool = False
    replaces: bytes | None = None
    numbered: tuple[NumberedFiles, ...] = ()
    done: Literal["processed", "redrawn"] = "processed"
    note: str = ""


@dataclass(frozen=True)
class Listing:
    """The names that a run goes through, in order; what fails at once; what is passed over; the videos."""

    names: tuple[str, ...]
    failures: Mapping[str, ImageError] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    videos: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loaded:
    """What the scheduler must know of a network: its device, whether all batches must be alike, and how large."""

    device: str
    fixed_batch: bool
    fewest: int
    most: int


ImageT = TypeVar("ImageT", bound=Image)
Answer = TypeVar("Answer")


class Steps(Protocol[ImageT, Answer]):
    """The work of one stage. All but `listing`, `clear_stale` and `write_tables` may be called from any thread."""

    def listing(self) -> Listing:
        """What there is to do. Raises UsageError where there is nothing; nothing has been touched then."""

    def clear_stale(self) -> Sequence[str]:
        """Removes outputs whose input is gone; returns what is to be told of those that are kept."""

    def examine(self, name: str) -> ImageT | Settled:
        """Whether there is anything to do for one name; reads and prepares what the network is to see."""

    def examine_video(self, name: str) -> VideoWork[Answer, Any] | Settled:
        """Whether there is anything to do for one video."""

    def forget_listings(self) -> None:
        """What has been listed of folders is true no longer: files have been brought, and taken away."""

    def load(self, names: Sequence[str]) -> Loaded:
        """Loads the network, when the first image needs it. `names`: of the run, for int8 to be calibrated on some."""

    def inputs(self, image: ImageT) -> Rows:
        """The image's rows [rows, ...], of one type in a run; only rows of one shape share a batch."""

    def answers(self, inputs: Rows) -> Sequence[Answer]:
        """The network's answer to every row."""

    def outputs(self, image: ImageT, answers: Sequence[Answer]) -> Outputs:
        """All that is written of one image. Raises ImageError."""

    def write_tables(self) -> Sequence[tuple[str, ImageError]]:
        """Writes what is made of all records together; returns files that could not be written, and why."""
