"""`pose doctor`: every line says ok or what helps, and the exit code is 0 where a run can work."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_stage import only_stages_of, write_stage

from stage_kit.command import doctor, machine
from stage_kit.command.pose import main
from stage_kit.command.template import fill_workspace
from stage_kit.stages import installed_stages
from stage_kit.weights.published import PublishedWeights


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One stage, a workspace `w`, a PATH without nvidia-smi and docker."""
    write_stage(tmp_path / "site", "serve", needs="pydantic>=2")
    only_stages_of(tmp_path / "site", monkeypatch)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.delenv("POSE_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)
    fill_workspace(Path("w"))
    yield tmp_path
    installed_stages.cache_clear()


def program(place: Path, name: str, script: str) -> None:
    path = place / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def lines(capsys: pytest.CaptureFixture[str], code: int) -> str:
    assert main(["doctor", "w"]) == code
    printed = capsys.readouterr().out
    assert all(line.startswith(("ok ", "note ", "bad ", "a run ")) for line in printed.splitlines())
    assert all(" -> " in line for line in printed.splitlines() if line.startswith(("note", "bad ")))
    return printed


def test_all_is_well(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = lines(capsys, 0)
    for text in (
        "ok    Python 3.",
        "serve-stage 1.0, with all its packages",
        "no NVIDIA GPU",
        "GB free",
        "w can be writ",
    ):
        assert text in printed
    assert "note  Docker is not installed" in printed
    assert printed.endswith("a run can work here\n")


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("exit 1", "note  Docker has no Compose -> install its plug-in"),
        (
            '[ "$1" = compose ] && echo 2.30',
            "note  Docker with Compose 2.30, but its engine does not answer -> start it",
        ),
        ("echo 2.30", "ok    Docker 2.30 with Compose 2.30"),
    ],
)
def test_docker(place: Path, script: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    program(place, "docker", script)
    assert text in lines(capsys, 0)


@pytest.mark.parametrize(
    ("script", "torch", "sees", "text"),
    [
        ("exit 9", False, False, "note  nvidia-smi finds no GPU; the CPU computes"),
        ("echo H100; echo H200", False, False, "note  GPU: H100, H200; nothing here uses it -> make setup TORCH=1"),
        ("echo H100", True, False, "note  GPU: H100; PyTorch does not see it"),
        ("echo H100", True, True, "ok    GPU: H100\n"),
    ],
)
def test_gpu(
    place: Path, script: str, torch: bool, sees: bool, text: str,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    program(place, "nvidia-smi", script)
    monkeypatch.setattr(machine, "find_spec", lambda _name: object() if torch else None)
    monkeypatch.setattr("stage_kit.networks.device.sees_cuda", lambda: sees)
    assert text in lines(capsys, 0)


def test_a_missing_package_and_a_missing_stage(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_stage(place / "other", "lame", needs="no-such-package>=1")
    only_stages_of(place / "other", monkeypatch)
    assert "bad   lame-stage 1.0 lacks no-such-package -> make setup" in lines(capsys, 2)
    only_stages_of(place / "none", monkeypatch)
    assert "bad   no stage is installed -> make setup" in lines(capsys, 2)


@pytest.mark.parametrize(
    ("requirement", "name"),
    [("numpy>=2", "numpy"), ("stage-kit[openvino]", "stage-kit"), ("torch==2; extra == 'torch'", None), ("", None)],
)
def test_names_of_requirements(requirement: str, name: str | None) -> None:
    assert machine.name_of_requirement(requirement) == name


def test_weights(place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"network": "N", "data": "D", "licence": "L", "mirrors": (), "stage": "serve-stage", "size_bytes": 3}
    known = (
        PublishedWeights(name="default.pth", default=True, **facts),
        PublishedWeights(name="other.pth", **facts),
    )
    monkeypatch.setattr(doctor, "published_weights", lambda: known)
    printed = lines(capsys, 0)
    assert "note  default.pth is not fetched: serve-stage takes its small embedded network -> make weights" in printed
    assert "other.pth" not in printed
    (place / "weights").mkdir()
    (place / "weights/other.pth").write_text("four")
    assert "other.pth: 4 bytes instead of 3 -> fetch it anew: make weights NAME=other.pth" in lines(capsys, 4)
    (place / "weights/other.pth").write_text("two")
    assert "ok    " + str(place / "weights/other.pth") in lines(capsys, 0)


def test_a_full_disk(place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10, 10, 5_000_000))
    assert "bad   0.0 GB free at " in lines(capsys, 5)


def test_workspaces(place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "w/pose.toml").write_text("[serve]\nsise = 1\n")
    assert "unknown key sise in [serve] -> did you mean size?" in lines(capsys, 4)
    (place / "w/pose.toml").unlink()
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path).name != "cuts")
    assert "cannot be written by" in lines(capsys, 5)
    monkeypatch.undo()
    monkeypatch.chdir(place)
    only_stages_of(place / "site", monkeypatch)
    shutil.rmtree(place / "w/images")
    assert "bad   w is no workspace: it has no folder images/ -> pose workspace 'w' adds it" in lines(capsys, 2)
    shutil.rmtree(place / "w")
    assert "note  no workspace w yet -> pose workspace 'w'" in lines(capsys, 0)
