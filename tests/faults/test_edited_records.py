"""200 seeded edits of real records, through the real commands: no traceback, nothing lost, the others processed."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import REPO, run, stage
from PIL import Image

from pose_contract.records import ImageAnnot, ImagePoses
from pose_contract.storage import read_report
from pose_contract.workspace import Workspace

PHOTOS = 40
ROUNDS = 5
SEED = 12
WORDS: tuple[Any, ...] = (
    *(None, True, [], {}, "", "left", -1, 0.5, 7, 1e5, -1e300, 10**30, 10**400, "../../etc/passwd", "a\0b", "é" * 2000),
    *(float("nan"), float("inf"), [[[]]], {"x": 1}, "images/p01.jpg", 2),
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace in which both stages have run, with the networks that come with the clone."""
    root = tmp_path_factory.mktemp("edited") / "done"
    shutil.copytree(REPO / "workspace-template", root)
    with Image.open(REPO / "tools/demo-photos/astronaut.jpg") as opened:
        for number in range(PHOTOS):
            opened.resize((256 + number, 256)).save(root / f"images/p{number:02}.jpg")
    for name in ("yolo", "hrn"):
        finished = run(command(name, root))
        assert finished.returncode == 0, finished.stderr
    found = [json.loads(path.read_bytes())["people"] for path in (root / "output/poses").glob("*.json")]
    assert sum(map(bool, found)) >= PHOTOS / 2, "there is somebody to edit"
    yield root


def command(name: str, root: Path, *flags: str) -> list[str]:
    return [*stage(name), "--workspace", str(root), *flags]


@dataclass(frozen=True)
class Place:
    """A value inside of a record: what holds it, and by which key."""

    holder: Any
    key: Any


def places(value: Any) -> Iterator[Place]:
    """All values of a record but its seal: without that line it passes for one of an earlier release."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        if key != "seal":
            yield Place(value, key)
            yield from places(value[key])


def other_value(record: Any, rng: random.Random) -> None:
    place = rng.choice(list(places(record)))
    place.holder[place.key] = rng.choice(WORDS)


def left_out(record: Any, rng: random.Random) -> None:
    place = rng.choice(list(places(record)))
    del place.holder[place.key]


def moved_a_little(record: Any, rng: random.Random) -> None:
    numbers = [place for place in places(record["people"]) if type(place.holder[place.key]) is float]
    place = rng.choice(numbers or list(places(record)))
    place.holder[place.key] = round(place.holder[place.key] + rng.uniform(-9, 9), 2) if numbers else 3


def twice(record: Any, rng: random.Random) -> None:
    lists = [place for place in places(record) if isinstance(place.holder, list)]
    place = rng.choice(lists or [Place(record["people"], 0)])
    place.holder.append(json.loads(json.dumps(place.holder[place.key])) if lists else {"box": {}})


def unknown_field(record: Any, rng: random.Random) -> None:
    holders = [record, *(place.holder for place in places(record) if isinstance(place.holder, dict))]
    rng.choice(holders)["note"] = "I was here"


EDITS: tuple[Callable[[Any, random.Random], None], ...] = (
    *(other_value, other_value, left_out, moved_a_little, moved_a_little, twice, unknown_field),
)


def edited(data: bytes, rng: random.Random) -> bytes:
    """Other bytes than `data`: three of four still are JSON."""
    changed = data
    while changed == data:
        if rng.random() < 0.75:
            record = json.loads(data)
            rng.choice(EDITS)(record, rng)
            changed = json.dumps(record, indent=rng.choice((1, 4))).encode("utf-8", "surrogatepass") + b"\n"
        else:
            at, length = rng.randrange(len(data)), rng.choice((0, 1, 1, 20, len(data)))
            put = rng.choice((b"", b"\x00", b"\xff", b",", b"True", b"[" * 3000, b"9" * 5000, b"\xef\xbb\xbf", b"\n"))
            changed = data[:at] + put + data[at + length :]
    return changed


def is_kept(before: bytes, after: bytes, kind: type[ImageAnnot] | type[ImagePoses]) -> bool:
    """The same bytes; or an annot's people as they were, with cuts and numbers that fit."""
    if before == after:
        return True
    old, new = (kind.model_validate_json(data) for data in (before, after))
    assert isinstance(old, ImageAnnot) and isinstance(new, ImageAnnot), "only an annot may be made to fit"
    return new.corrected and [(who.box, who.score) for who in old.people] == [
        (who.box, who.score) for who in new.people
    ]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_whatever_is_written_into_records_nothing_is_lost_and_the_others_are_done(
    done: Path, tmp_path: Path, number: int
) -> None:
    root, rng = tmp_path / "workspace", random.Random(SEED + number)
    shutil.copytree(done, root)
    folder, kind = (("annots", ImageAnnot), ("output/poses", ImagePoses))[number % 2]
    paths = sorted((root / folder).glob("p*.json"))
    assert len(paths) == PHOTOS
    written = {path: edited(path.read_bytes(), rng) for path in paths}
    for path, data in written.items():
        path.write_bytes(data)
    shutil.copy(root / "images/p07.jpg", root / "images/new.jpg")
    for name in ("yolo", "hrn"):
        overwrite = ["--overwrite"] if (name == "yolo") == (folder == "annots") else []
        finished = run(command(name, root, *overwrite), env={**os.environ, "PYTHONWARNINGS": "ignore"})
        assert finished.returncode in (0, 3) and "Traceback" not in finished.stderr, finished.stderr[-3000:]
        report = read_report(Workspace(root).report_path(f"{name}-stage"))
        assert report is not None and report.state == "finished"
        assert all("Input should" not in failure.reason for failure in report.failures)
    for path, data in written.items():
        assert is_kept(data, path.read_bytes(), kind), f"{path.name}: {data[:300]!r}"
    for output in ("annots/new.json", "inspect/new.jpg", "output/poses/new.json", "final/new.jpg"):
        assert (root / output).is_file(), output
    table = (root / "output/keypoints.csv").read_text(encoding="utf-8")
    assert "new.jpg,0," in table or json.loads((root / "annots/new.json").read_bytes())["people"] == []
    finished = run([str(REPO / ".venv/bin/pose"), "status", str(root)])
    assert finished.returncode == 0 and "Traceback" not in finished.stderr, finished.stderr
    rows = {line.split()[0]: line.split()[1:] for line in finished.stdout.splitlines()[1:]}
    for name in ("yolo-stage", "hrn-stage"):
        report = read_report(Workspace(root).report_path(name))
        assert report is not None and int(rows[name][2]) == report.counts.failed, finished.stdout
