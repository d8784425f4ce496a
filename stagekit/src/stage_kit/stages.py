"""Which stages are installed, and what each tells of itself in its stage.toml.

A stage is found by the entry point group `pose.stages`, which names its package. The kit knows no stage by name. Its
package has a module `cli`, run as `python -m PACKAGE.cli`, whose function `parser` gives the command's `FlagParser`.
"""

from __future__ import annotations

import functools
import tomllib
from importlib.metadata import EntryPoint, entry_points, version
from importlib.resources import files
from typing import Literal

from pydantic import Field

from pose_contract.records import Record

GROUP = "pose.stages"


class StatusFacts(Record):
    """What `pose status` counts: every picture, or every annot, and whether it has the stage's current record."""

    of: Literal["images", "annots"]
    record: Literal["annots", "poses"]
    picture: Literal["inspect", "final"]


class StageFacts(Record):
    """A stage.toml.

    Attributes:
        name: of the command and of the container.
        package: the Python package, whose module `cli` is the command.
        order: among the stages of `pose run`; of two stages the smaller one runs first.
        in_run: whether `pose run` runs it; else it is asked for by its own command.
        results: raised by hand when the same inputs give other results (`MadeBy.results`).
        drawing: raised by hand when final pictures are drawn differently.
        writes: fields of `Workspace` that name the folders it writes.
        settings: the sections of pose.toml that it reads; their keys are flags of its command.
        tables: whether it makes tables of all its records at the end of a run.
        status: what is counted; nothing of a stage that works on no single pictures.
        counts: the module of such a stage's package whose function `counted` gives a workspace's counts itself.
        version: of the installed package.
    """

    name: str
    package: str
    order: int
    in_run: bool = True
    results: int = Field(ge=1)
    drawing: int = Field(default=1, ge=1)
    writes: tuple[str, ...]
    settings: tuple[str, ...] = ()
    tables: bool = False
    status: StatusFacts | None = None
    counts: str = ""
    version: str

    def text_of(self, file: str) -> str:
        """A text file of the stage's package; empty where there is none."""
        path = files(self.package).joinpath(file)
        return path.read_text(encoding="utf-8") if path.is_file() else ""


def stage_facts(package: str) -> StageFacts:
    """What the stage of that package tells of itself."""
    toml = tomllib.loads(files(package).joinpath("stage.toml").read_text(encoding="utf-8"))
    return StageFacts(package=package, version=version(toml["name"]), **toml)


@functools.cache
def installed_stages() -> tuple[StageFacts, ...]:
    """The stages of this environment in the order of `pose run`; none of them is imported."""
    found: tuple[EntryPoint, ...] = tuple(entry_points(group=GROUP))
    return tuple(sorted((stage_facts(point.value) for point in found), key=lambda facts: (facts.order, facts.name)))
