"""`pose doctor`: whether all is here that a run needs; each line says ok, or what helps."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from pose_contract.errors import DONE, StageError
from pose_contract.workspace import Workspace, default_root
from stage_kit.command.container import require_writable
from stage_kit.command.machine import BAD, NOTE, OK, Finding, docker_findings, gpu_findings, name_of_requirement
from stage_kit.command.progress import shown
from stage_kit.command.settings import FILE, read_settings
from stage_kit.stages import StageFacts, installed_stages
from stage_kit.weights.published import difference_from_published, how_verified, published_weights, weights_folder

ENGINES = {"OpenVINO": "openvino", "OpenCV": "opencv", "PyTorch": "torch"}
LEAST_FREE_BYTES = 1_000_000_000
USABLE_PYTHONS = ((3, 11), (3, 14))


def examine(named: Path | None) -> int:
    """Prints a line per finding; the exit code is 0 if a run can work here, else that of the first thing wrong."""
    code = DONE
    for finding in findings(named or default_root()):
        print(shown(finding.line()))
        if finding.kind == BAD and code == DONE:
            code = finding.exit_code
    print("a run can work here" if code == DONE else "a run cannot work here: see the lines with `bad`")
    return code


def findings(root: Path) -> Iterator[Finding]:
    """All that was looked at, in the order in which one would mend it."""
    yield _python()
    yield from _packages()
    yield from _engines()
    yield from gpu_findings()
    yield from docker_findings()
    yield from _weights()
    yield from _disk(root)
    yield from _workspace(root)


def _python() -> Finding:
    here = ".".join(map(str, sys.version_info[:3]))
    least, most = USABLE_PYTHONS
    if least <= sys.version_info[:2] < most:
        return Finding(OK, f"Python {here} in {sys.prefix}")
    return Finding(BAD, f"Python {here} in {sys.prefix}", f"take one from 3.{least[1]} to 3.{most[1] - 1}: make setup")


def _packages() -> Iterator[Finding]:
    """The stages, and what they need to run."""
    stages = installed_stages()
    if not stages:
        yield Finding(BAD, "no stage is installed", "make setup")
    for stage in stages:
        missing = [name for name in _needed_by(stage.name) if version_of(name) is None]
        if missing:
            yield Finding(BAD, f"{stage.name} {stage.version} lacks {', '.join(missing)}", "make setup")
        else:
            yield Finding(OK, f"{stage.name} {stage.version}, with all its packages")


def _needed_by(package: str) -> Iterator[str]:
    """The packages that it requires in any case; those of OpenCV bring one module and stand in for each other."""
    for requirement in requires(package) or ():
        name = name_of_requirement(requirement)
        if name and not (name.startswith("opencv-python") and version_of("opencv")):
            yield name


def version_of(package: str) -> str | None:
    """The version of an installed package; `opencv` stands for any of its builds."""
    names = ("opencv-python-headless", "opencv-python") if package == "opencv" else (package,)
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def _engines() -> Iterator[Finding]:
    found = {name: version_of(package) for name, package in ENGINES.items()}
    there = [f"{name} {number}" for name, number in found.items() if number]
    if not there:
        yield Finding(BAD, "no engine is installed: neither OpenVINO nor OpenCV nor PyTorch", "make setup")
        return
    yield Finding(OK, f"engines: {', '.join(there)}")
    if not found["OpenVINO"]:
        yield Finding(NOTE, "OpenVINO, the fastest engine on a CPU, is not installed", "make setup")


def _weights() -> Iterator[Finding]:
    """Those that a stage takes by default, and others that lie in the folder."""
    for weights in published_weights():
        path = weights_folder() / weights.name
        try:
            if not path.is_file():
                if weights.default:
                    text = f"{weights.name} is not fetched: {weights.stage} takes its small embedded network"
                    yield Finding(NOTE, text, "make weights")
                continue
            difference = difference_from_published(weights, path)
            verified = how_verified(weights, path)
        except OSError as error:
            yield Finding(BAD, f"{path} cannot be read: {error.strerror}", f"chmod a+r '{path}'", exit_code=4)
            continue
        if difference:
            name = "" if weights.default else f" NAME={weights.name}"
            yield Finding(BAD, f"{path}: {difference}", f"fetch it anew: make weights{name}", exit_code=4)
        else:
            yield Finding(OK, f"{path}, {verified}")


def _disk(root: Path) -> Iterator[Finding]:
    """At the workspace, or where it would be created."""
    place = next((folder for folder in (root.absolute(), *root.absolute().parents) if folder.is_dir()), Path("/"))
    free = shutil.disk_usage(place).free
    kind = OK if free >= LEAST_FREE_BYTES else BAD
    yield Finding(kind, f"{free / 1e9:.1f} GB free at {place}", "free some disk space", exit_code=5)


def _workspace(root: Path) -> Iterator[Finding]:
    if not root.is_dir():
        yield Finding(
            NOTE, f"no workspace {root} yet", f"pose workspace '{root}', or make workspace WORKSPACE='{root}'"
        )
        return
    workspace = Workspace(root)
    images = workspace.path(workspace.images)
    if not images.is_dir():
        yield Finding(BAD, f"{root} is no workspace: it has no folder images/", f"pose workspace '{root}' adds it")
    elif not os.access(images, os.R_OK | os.X_OK):
        yield Finding(BAD, f"{images} cannot be read", f"chmod u+rx '{images}'", exit_code=5)
    else:
        yield _tried(lambda: require_writable(root), f"the workspace {root} can be written")
    if (root / FILE).exists():
        for stage in installed_stages():
            yield _tried(_reads_settings(stage, root), f"{root / FILE} as {stage.name} reads it")


def _reads_settings(stage: StageFacts, root: Path) -> Callable[[], object]:
    return lambda: read_settings(root / FILE, import_module(f"{stage.package}.cli").parser())


def _tried(check: Callable[[], object], text: str) -> Finding:
    try:
        check()
    except StageError as error:
        return Finding(BAD, error.reason, error.remedy, error.exit_code)
    return Finding(OK, text)
