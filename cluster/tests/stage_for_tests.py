"""A stage for tests, which needs no network: its picture is a number as text, its answer twice that.

`write_into` puts it into a folder as an installer would. A picture with the text `kill` kills the process that reads
it, as a decoder's bug does; the flag `--pause` says how many seconds a picture takes.
"""

from __future__ import annotations

from pathlib import Path

INIT = """
def open_run(words):
    from double_stage import cli

    return cli.open_run(words)
"""
TOML = """
name = "double-stage"
order = 1
results = 1
writes = ["annots", "inspect", "output"]
tables = true
"""
CLI = """
import json, os, signal, sys, time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose_contract.errors import ImageError, UsageError
from pose_contract.storage import remove_file, write_bytes
from pose_contract.workspace import Workspace
from stage_kit.command.flags import FlagParser, add_run_flags
from stage_kit.command.stage_main import parsed
from stage_kit.runs.batch_run import BatchRun, RunFacts
from stage_kit.runs.listing import list_images
from stage_kit.runs.seen import SeenFiles
from stage_kit.runs.steps import Listing, Loaded, Outputs, Settled
from stage_kit.stages import stage_facts


def parser():
    result = FlagParser("double-stage", "A stage for tests.")
    result.add_argument("--workspace")
    result.add_argument("--pause", type=float, default=0.0)
    result.add_argument("--way", default="one")
    add_run_flags(result)
    return result


def open_run(words):
    args = parsed(parser(), words)
    workspace = Workspace(Path(args.workspace))
    if args.way == "refused":
        raise UsageError("--way: refused", "take another")
    facts = RunFacts(stage_facts("double_stage"), workspace, {"way": args.way}, "m", "fake", "", 2, quiet=True)
    seen = SeenFiles(workspace)
    return BatchRun(facts, DoubleSteps(workspace, seen, args.pause), seen)


@dataclass
class Number:
    name: str
    value: float
    sha256: str
    rows: int = 1
    pixels: int = 1


@dataclass
class DoubleSteps:
    workspace: Workspace
    seen: SeenFiles
    pause: float

    def listing(self):
        found = list_images(self.workspace)
        return Listing(found.names, {}, found.ignored)

    def clear_stale(self):
        alive = {self.workspace.annot_file(name) for name in self.listing().names}
        folder = self.workspace.path(self.workspace.annots)
        for path in sorted(folder.rglob("*.json")):
            name = path.relative_to(folder).as_posix().removesuffix(".json")
            if self.workspace.annot_file(name) not in alive:
                remove_file(self.workspace.path(self.workspace.inspect_file(name)))
                remove_file(path)
        return ()

    def forget_listings(self):
        pass

    def examine(self, name):
        file = self.workspace.image_file(name)
        record = self.workspace.path(self.workspace.annot_file(name))
        of = json.loads(record.read_text())["of"] if record.is_file() else None
        if of is not None and of == self.seen.known(file):
            return Settled(name, people=1)
        data = self.workspace.path(file).read_bytes()
        if data == b"kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if not data:
            return Settled(name, ImageError("is empty", "copy it again"))
        sha256 = self.seen.sha256(file, data)
        if of == sha256:
            return Settled(name, people=1)
        if not data.isdigit():
            return Settled(name, ImageError("is no number", "copy it again"))
        return Number(name, float(data), sha256)

    def load(self, names):
        with (self.workspace.root / "reports/loaded.txt").open("a") as file:
            print(os.getpid(), len(names), file=file)
        return Loaded("cpu", False, 1, 1)

    def inputs(self, image):
        return np.array([[image.value]])

    def answers(self, inputs):
        time.sleep(self.pause)
        return [2 * float(row[0]) for row in inputs]

    def outputs(self, image, answers):
        record = json.dumps({"of": image.sha256, "double": answers[0]}).encode()
        picture = self.workspace.inspect_file(image.name)
        return Outputs(image.name, 1, {picture: b"picture"}, (self.workspace.annot_file(image.name), record))

    def write_tables(self):
        names = sorted(path.name for path in self.workspace.path(self.workspace.annots).glob("*.json"))
        write_bytes(self.workspace.root / "output/table.txt", "\\n".join(names).encode())
        return ()
"""


def write_into(folder: Path) -> None:
    """The package and what an installer would have written of it."""
    package, info = folder / "double_stage", folder / "double_stage-1.0.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text(INIT)
    (package / "cli.py").write_text(CLI)
    (package / "stage.toml").write_text(TOML)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: double-stage\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pose.stages]\ndouble-stage = double_stage\n")
