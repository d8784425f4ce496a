"""Spoilt YAMLs, cfgs, weights, checkpoints and pose.tomls through the commands: taken, or refused with a remedy."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spoilt_files import CFG_WORDS, PTH_WORDS, YAML_WORDS, mutated
from trial import REPO, complaints, done_workspace, run_stage, strays, unharmed

DETECTOR = REPO / "yolo-stage/src/yolo_stage/models/lite"
NETWORK = REPO / "hrn-stage/src/hrn_stage/models/lite"
INFINITY = b"\x00\x00\x80\x7f"
WEIGHTS_WORDS = [b"\x00" * 400, b"\xff" * 400, INFINITY * 9, b"<html>", b"PK\x03\x04"]
TOML_WORDS = [b"[" * 9000, b"= ", b"9" * 5000, b"[yolo]\n", b"\x00", b"\xff", b"nan", b"'''", b"inf", b"1979-05-27"]
NUMBERS = [b"0", b"1", b"2", b"3", b"7", b"-1", b"-7", b"0.5", b"64", b"1000", b"65536", b"1000000007", b"1e30", b"nan"]


@dataclass(frozen=True)
class Kind:
    """A kind of file, who reads it, and by which flags."""

    stage: str
    sound: Path
    words: list[bytes]
    flags: Callable[[Path], list[str]]


def _detector(cfg: Path = DETECTOR / "person_lite.cfg", weights: Path = DETECTOR / "person_lite.weights") -> list[str]:
    return ["--weights", "auto", "--model_def", str(cfg), "--weights_path", str(weights)]


def _network(yaml: Path = NETWORK / "hrnet_lite.yaml", weights: Path = NETWORK / "hrnet_lite.pth") -> list[str]:
    return ["--weights", "auto", "--cfg", str(yaml), "TEST.MODEL_FILE", str(weights)]


KINDS = {
    "yaml": Kind("hrn", NETWORK / "hrnet_lite.yaml", YAML_WORDS, lambda path: _network(yaml=path)),
    "cfg": Kind("yolo", DETECTOR / "person_lite.cfg", CFG_WORDS, lambda path: _detector(cfg=path)),
    "weights": Kind("yolo", DETECTOR / "person_lite.weights", WEIGHTS_WORDS, lambda path: _detector(weights=path)),
    "pth": Kind("hrn", NETWORK / "hrnet_lite.pth", PTH_WORDS, lambda path: _network(weights=path)),
    "toml": Kind("yolo", REPO / "workspace-template/pose.toml", TOML_WORDS, lambda _: ["--overwrite"]),
}


def renumbered(text: bytes, rng: random.Random) -> bytes:
    """The text with one or two of its numbers replaced: it can still be parsed, but asks for something odd."""
    for _ in range(rng.randint(1, 2)):
        number = rng.choice(list(re.finditer(rb"(?<![\w.])-?[0-9]+(\.[0-9]+)?", text)))
        text = text[: number.start()] + rng.choice(NUMBERS) + text[number.end() :]
    return text


def overwritten(data: bytes, rng: random.Random) -> bytes:
    """The data with some bytes replaced, none put in or out: of weights the numbers change and not the size."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 30)):
        at = rng.randrange(len(changed) - 4)
        changed[at : at + 4] = rng.choice((rng.randbytes(4), INFINITY, bytes(4), b"\xff\xff\x7f\x7f"))
    return bytes(changed)


class FileRuns:
    """A workspace in which both stages have run, and such files beside it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._rng = random.Random(seed)
        self._done = done_workspace(folder / "done", 2)

    def run(self, number: int) -> tuple[str, list[str]]:
        """One run with one spoilt file. Returns what came of it, and what was wrong."""
        name = list(KINDS)[number % len(KINDS)]
        kind, root = KINDS[name], Path(shutil.copytree(self._done, self._folder / "workspace"))
        spoilt = root / "pose.toml" if name == "toml" else self._folder / f"spoilt.{name}"
        sound = kind.sound.read_bytes()
        if self._rng.random() < 0.3:
            spoilt.write_bytes(mutated(sound, self._rng, kind.words))
        else:
            spoilt.write_bytes((overwritten if name in ("weights", "pth") else renumbered)(sound, self._rng))
        with unharmed(root / "images") as wrong:
            outcome = run_stage(kind.stage, root, *kind.flags(spoilt))
            wrong += complaints(outcome, {0, 2, 4}) + strays(root)
        if len(outcome.printed) > 4000 or "weights_only" in outcome.printed:
            wrong.append(f"it says too much: {outcome.printed[:500]}")
        if wrong:
            shutil.copy(spoilt, self._folder / f"kept {number}.{name}")
        shutil.rmtree(root)
        return f"{name}: exit code {outcome.code}", wrong
