"""Workspaces and files of strangers, by the hundred: no traceback, no hang, nothing written outside, memory bounded."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import run, stage
from PIL import Image

SECONDS_A_CASE = 20
MEMORY = 1 << 30  # beyond what the imports take
COMMAND_MEMORY = 12 << 30  # of addresses: OpenVINO's threads reserve far more than they use

# Reads every file that stdin names, each within its time; what is no StageError is printed.
READER = f"""
import importlib, resource, signal, sys, traceback
from pathlib import Path
from pose_contract.errors import StageError

module, function = sys.argv[1].split(":")
read = getattr(importlib.import_module(module), function)
in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + {MEMORY}, in_use + {MEMORY}))

def late(*_):
    raise BaseException("it took too long")

signal.signal(signal.SIGALRM, late)
for line in sys.stdin:
    path = Path(line.rstrip("\\n"))
    signal.alarm({SECONDS_A_CASE})
    try:
        read(path)
        print("good:", path)
    except StageError as error:
        if len(str(error)) > 2000 or "weights_only" in str(error):
            print(path.name, "says too much:", str(error)[:300])
    except BaseException:
        print(path.name, traceback.format_exc(limit=-2))
    signal.alarm(0)
"""


def read_all(paths: list[Path], reader: str) -> set[Path]:
    """Reads all files in one process; returns those that were taken. Fails for any that was badly refused."""
    names = "".join(f"{path}\n" for path in paths)
    done = subprocess.run([sys.executable, "-c", READER, reader], input=names, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    trouble = [line for line in lines if not line.startswith("good: ")]
    assert not trouble, "\n".join(trouble)
    return {Path(line.removeprefix("good: ")) for line in lines}


def mutated(data: bytes, rng: random.Random, words: list[bytes]) -> bytes:
    """The bytes with a few changes: flipped, cut, doubled, or a nasty word put in."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(changed) + 1)
        match rng.randrange(4):
            case 0 if changed:
                changed[place % len(changed)] ^= 1 << rng.randrange(8)
            case 1:
                del changed[place : place + rng.randrange(1, 60)]
            case 2:
                changed[place:place] = changed[place : place + 40] * rng.choice([1, 2, 500])
            case _:
                changed[place:place] = rng.choice(words)
    return bytes(changed)


def campaign(folder: Path, sound: bytes, suffix: str, words: list[bytes], count: int) -> list[Path]:
    rng, paths = random.Random(suffix), []
    for number in range(count):
        paths.append(folder / f"{number}{suffix}")
        paths[-1].write_bytes(mutated(sound, rng, words))
    return paths


YAML_WORDS = [
    b"[" * 50_000, b"{a: " * 5000, b"&a [*a]", b"*a", b"&a ", b"<<: *a\n", b"9" * 5000,
    b"!!python/name:os.system ",
    b"- " * 3000, b"\x00", b"\xff\xfe", b"!!int ", b"1:" * 3000, b"? ", b"1e999999", b".nan", b"2020-13-45",
    b"!!binary ",
    b"\n---\n", b"%YAML 9.9\n", b"\t", b"0x" + b"f" * 9000,
]  # fmt: skip
CFG_WORDS = [
    b"\n[upsample]\nstride=2000\n", b"\n[route]\nlayers=-1,-1\n" * 24, b"\n[maxpool]\nsize=1000001\nstride=1\n",
    b"9" * 400,
    b"\n[dropout]\n" * 3000, b"e300", b"-", b"\nwidth=40000\nheight=40000\n", b"\x00", b"\n[net]\n",
    b"\n[shortcut]\nfrom=-1\n",
    b",-1" * 9000, b"nan", b"\n[yolo]\n", b"\nstride=0\n", b"\ngroups=3\n", b"inf", b"\xff",
]  # fmt: skip
PTH_WORDS = [
    b"\x80\x02", b"2" * 2000, b"q\xff", b"r\xff\xff\xff\xff", b"X\xff\xff\xff\x7f", b"cos\nsystem\n", b"R",
    b"(", b"t", b"b",
    b"\x8a\xff" + b"\xff" * 255, b"\x8b\xff\xff\xff\x7f", b"PK\x03\x04", b"PK\x05\x06" + b"\xff" * 18, b"K\xff",
    b".", b"]", b"}",
]  # fmt: skip


@pytest.mark.timeout(240)
def test_300_yamls(tmp_path: Path, repo_yaml: Path) -> None:
    paths = campaign(tmp_path, repo_yaml.read_bytes(), ".yaml", YAML_WORDS, 300)
    assert 0 < len(read_all(paths, "hrn_stage.config:read_config")) < 250


@pytest.mark.timeout(240)
def test_300_cfgs(tmp_path: Path, repo_cfg: Path) -> None:
    paths = campaign(tmp_path, repo_cfg.read_bytes(), ".cfg", CFG_WORDS, 300)
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
        paths += campaign(folder, sound[-1].read_bytes(), ".pth", PTH_WORDS, 100)
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
