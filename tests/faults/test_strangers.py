"""Workspaces and files of strangers, by the hundred: no traceback, no hang, nothing written outside, memory bounded."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import run, stage
from PIL import Image
from spoilt_files import CFG_WORDS, PTH_WORDS, YAML_WORDS, read_all, spoilt_files

COMMAND_MEMORY = 12 << 30  # of addresses: OpenVINO's threads reserve far more than they use


@pytest.mark.timeout(240)
def test_300_yamls(tmp_path: Path, repo_yaml: Path) -> None:
    paths = spoilt_files(tmp_path, repo_yaml.read_bytes(), ".yaml", YAML_WORDS, 300)
    assert 0 < len(read_all(paths, "hrn_stage.config:read_config")) < 250


@pytest.mark.timeout(240)
def test_300_cfgs(tmp_path: Path, repo_cfg: Path) -> None:
    paths = spoilt_files(tmp_path, repo_cfg.read_bytes(), ".cfg", CFG_WORDS, 300)
    assert 0 < len(read_all(paths, "yolo_stage.darknet:read_network")) < 250


@pytest.mark.timeout(240)
def test_200_checkpoints(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: make setup TORCH=1")
    sound, wide, paths = [], [], []
    for zipped in (True, False):
        state = {f"conv{n}.weight": torch.ones(4, 3, 3, 3) * n for n in range(6)}
        state["wide"] = torch.zeros(1).expand(1 << 40)
        folder = tmp_path / str(zipped)
        folder.mkdir()
        wide.append(folder / "wide.pth")
        torch.save(state, wide[-1], _use_new_zipfile_serialization=zipped)
        del state["wide"]
        sound.append(folder / "sound.pth")
        torch.save(state, sound[-1], _use_new_zipfile_serialization=zipped)
        paths += spoilt_files(folder, sound[-1].read_bytes(), ".pth", PTH_WORDS, 100)
    taken = read_all([*sound, *wide, *paths], "stage_kit.networks.checkpoint:read_state_dict")
    assert taken.issuperset(sound) and taken.isdisjoint(wide)


@pytest.fixture(scope="session")
def repo_yaml() -> Path:
    return next((Path(__file__).parents[2] / "workspace-template").glob("*.yaml"))


@pytest.fixture(scope="session")
def repo_cfg() -> Path:
    return Path(__file__).parents[2] / "yolo-stage/src/yolo_stage/models/yolov3-tiny.cfg"


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (COMMAND_MEMORY, COMMAND_MEMORY))


def link(path: Path, target: Path | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    path.symlink_to(target)


def pipe(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)


# What a stranger puts into a workspace with a.jpg and sub/b.jpg; and the exit codes that are right.
TRAPS: dict[str, tuple[Callable[[Path, Path], None], set[int]]] = {
    "annots leads out": (lambda root, out: link(root / "annots", out), {5}),
    "cuts leads out": (lambda root, out: link(root / "cuts", out), {5}),
    "reports leads out": (lambda root, out: link(root / "reports", out), {5}),
    "a folder in annots leads out": (lambda root, out: link(root / "annots/sub", out), {5}),
    "a folder in inspect leads to nothing": (lambda root, out: link(root / "inspect/sub", out / "new"), {5}),
    "cuts leads into images": (lambda root, _: link(root / "cuts", "images"), {5}),
    "annots leads to itself": (lambda root, _: link(root / "annots", "annots"), {5}),
    "the lock leads out": (lambda root, out: link(root / "reports/.yolo-stage.lock", out / "precious"), {5}),
    "the lock leads to nothing": (lambda root, out: link(root / "reports/.yolo-stage.lock", out / "new"), {5}),
    "the lock is a pipe": (lambda root, _: pipe(root / "reports/.yolo-stage.lock"), {5}),
    "the lock is a folder": (lambda root, _: (root / "reports/.yolo-stage.lock").mkdir(parents=True), {5}),
    "the report leads out": (lambda root, out: link(root / "reports/yolo-stage.json", out / "precious"), {0}),
    "what was seen is a pipe": (lambda root, _: pipe(root / "reports/.seen.json"), {0}),
    # What cannot be read as a record is kept, as it may be somebody's work, and fails alone.
    "a record leads out": (lambda root, out: link(root / "annots/a.json", out / "precious"), {3}),
    "a record leads to nothing": (lambda root, out: link(root / "annots/a.json", out / "new"), {0}),
    "a record is a pipe": (lambda root, _: pipe(root / "annots/a.json"), {3}),
    "a temporary leads out": (lambda root, out: link(root / "annots/.tmp-0", out / "precious"), {0}),
    "an inspection is a pipe": (lambda root, _: pipe(root / "inspect/a.jpg"), {0}),
    "a photo is a pipe": (lambda root, _: pipe(root / "images/c.jpg"), {3}),
    "a photo is a device": (lambda root, _: link(root / "images/c.jpg", "/dev/zero"), {3}),
    "pose.toml is a pipe": (lambda root, _: pipe(root / "pose.toml"), {4}),
    "pose.toml nests": (lambda root, _: int((root / "pose.toml").write_text("a = " + "[" * 60_000) > 0), {4}),
    "pose.toml counts": (lambda root, _: int((root / "pose.toml").write_text("[yolo]\nn_cpu = " + "9" * 900) > 0), {4}),
    "a name with an escape": (lambda root, _: int((root / "images/\x1b]0;x\x07.txt").write_text("x") > 0), {0}),
}  # fmt: skip


@pytest.mark.timeout(90)
@pytest.mark.parametrize("name", TRAPS)
def test_a_workspace_of_a_stranger(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root, outside = tmp_path_factory.mktemp("workspace"), tmp_path_factory.mktemp("outside")
    (outside / "precious").write_text("precious")
    (root / "images/sub").mkdir(parents=True)
    for file in ("a.jpg", "sub/b.jpg"):
        Image.effect_noise((90, 60), 50).convert("RGB").save(root / "images" / file)
    before = {path: path.read_bytes() for path in (root / "images/a.jpg", root / "images/sub/b.jpg")}
    put, codes = TRAPS[name]
    put(root, outside)
    command = [*stage("yolo"), "--workspace", str(root), "--weights", "lite"]
    done = run(command, preexec_fn=limited, timeout=80)
    assert done.returncode in codes and "Traceback" not in done.stderr, done.stderr
    assert "\x1b" not in done.stderr and "\n  -> " in done.stderr + "\n  -> " * (done.returncode == 0)
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("precious", "precious")]
    assert before == {path: path.read_bytes() for path in before}
