"""A stage for the kit's tests: a package with its dist-info, written into a folder, and the only one that is found."""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import pytest

from stage_kit.stages import installed_stages

CLI = """
import hashlib, os, signal, sys, time
from pathlib import Path

from pose_contract.records import Box, Counts, Failure, ImageAnnot, MadeBy, Person, RunReport
from pose_contract.storage import write_record
from pose_contract.workspace import Workspace, default_root
from stage_kit.command.exits import run_command
from stage_kit.command.flags import FlagParser, add_run_flags
from stage_kit.command.settings import with_settings
from stage_kit.runs.listing import list_images

STAGE = "NAME-stage"


def parser():
    result = FlagParser(STAGE, "A stage for tests.", {"train": "nothing"})
    result.add_argument("--workspace")
    group = result.add_settings_group("NAME", "network")
    group.add_argument("--size", type=int, default=3)
    group.add_argument("--end_with", type=int, default=0)
    group.add_argument("--wait", action="store_true")
    add_run_flags(result)
    return result


def main():
    return run_command(STAGE, lambda: run(sys.argv[1:]))


def run(words):
    root = Path(parser().parse_args(words).workspace)
    given = with_settings(parser(), words, root)
    workspace = Workspace(root)
    with (root / "reports/order.txt").open("a") as file:
        print(STAGE, *words, file=file)
    if given.args.wait:
        Path(root / "reports/waiting").touch()
        time.sleep(60)
    if given.args.end_with:
        return given.args.end_with
    failures = []
    for name in list_images(workspace).names:
        data = workspace.path(workspace.image_file(name)).read_bytes()
        if not data:
            failures.append(Failure(file=workspace.image_file(name), reason="is empty", remedy="copy it again"))
            continue
        sha256 = hashlib.sha256(data).hexdigest()
        made_by = MadeBy(stage=STAGE, results=1, model="m", weights_sha256="0" * 64, options={})
        people = (Person(index=0, score=1, box=Box(x1=0, y1=0, x2=1, y2=1)),)
        annot = ImageAnnot(
            image=workspace.image_file(name), image_sha256=sha256, width=9, height=9, people=people, made_by=made_by
        )
        write_record(workspace.path(workspace.annot_file(name)), annot)
    report = RunReport(
        stage=STAGE, version="1", state="finished", started="", seconds=0, images_per_second=0, engine="", device="",
        model="", counts=Counts(), failures=tuple(failures),
    )
    write_record(workspace.report_path(STAGE), report)
    return 3 if failures and not given.args.keep_going else 0


if __name__ == "__main__":
    sys.exit(main())
"""
TOML = """
name = "{name}-stage"
order = {order}
results = 1
writes = ["annots"]
settings = ["{name}"]

[status]
of = "images"
record = "annots"
picture = "inspect"
"""


def write_stage(folder: Path, name: str, order: int = 10, needs: str = "") -> None:
    """A package NAME_stage in `folder`, with what an installer would have written of it."""
    package, info = folder / f"{name}_stage", folder / f"{name}_stage-1.0.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").touch()
    (package / "cli.py").write_text(CLI.replace("NAME", name))
    (package / "stage.toml").write_text(TOML.format(name=name, order=order))
    required = f"Requires-Dist: {needs}\n" if needs else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-stage\nVersion: 1.0\n{required}")
    (info / "entry_points.txt").write_text(f"[pose.stages]\n{name}-stage = {name}_stage\n")


def only_stages_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the installed stages are those in `folder`, here and in processes that are started."""

    def entry_points(group: str) -> list[EntryPoint]:
        points = (point for found in distributions(path=[str(folder)]) for point in found.entry_points)
        return [point for point in points if point.group == group]

    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    for module in ("stage_kit.stages", "importlib.metadata"):
        monkeypatch.setattr(f"{module}.entry_points", entry_points)
    installed_stages.cache_clear()
