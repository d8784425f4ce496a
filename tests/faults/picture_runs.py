"""Fuzzed and odd pictures through both stages: each is done or refused with a reason, alone."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from fuzzed_pictures import fuzzed, originals
from odd_pictures import ODD, wrong_name
from trial import REPO, complaints, run_stage, strays, unharmed

AT_ONCE = 50
# Up to 12 bytes a pixel while it is decoded, on two workers, and what waits: of the largest picture that is taken.
MOST_MB = 6000


def picture(number: int, sources: list[bytes], rng: random.Random) -> bytes:
    """Every third is an odd one, as long as there are any; the others are truncated, hardly touched, or fuzzed."""
    odd = list(ODD.values())
    if number % 3 == 0 and number // 3 < len(odd):
        return odd[number // 3]()
    data = sources[number % len(sources)]
    kind = rng.choice(("truncated", "touched", "touched", "fuzzed"))
    if kind == "touched":  # few bytes, none of the header: most are read
        at = rng.randrange(len(data) // 2, len(data) - 8)
        return data[:at] + rng.randbytes(2) + data[at + 2 :]
    return data[: rng.randrange(len(data))] if kind == "truncated" else fuzzed(data, rng)


class PictureRuns:
    """Workspaces of fifty such pictures and a sound one each."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._rng = random.Random(seed)
        face = (REPO / "tools/demo-photos/astronaut.jpg").read_bytes()
        self._sources = [*originals(), face]

    def run(self, first: int, count: int) -> tuple[str, list[str]]:
        """Both stages over the pictures `first` to `first + count`. Returns what came of them, and what was wrong."""
        root, outside = self._folder / "workspace", self._folder / "outside"
        (root / "images").mkdir(parents=True)
        outside.mkdir()
        (outside / "precious").write_text("precious")
        shutil.copy(REPO / "tools/demo-photos/astronaut.jpg", root / "images/sound.jpg")
        for number in range(first, first + count):
            name = wrong_name(number, self._rng)
            (root / "images" / name).write_bytes(picture(number, self._sources, self._rng))
        with unharmed(root / "images", outside) as wrong:
            peaks = []
            for stage in ("yolo", "hrn"):
                outcome = run_stage(stage, root, seconds=600)
                wrong += complaints(outcome, {0, 3}, MOST_MB) + strays(root)
                peaks.append(outcome.peak_mb)
            wrong += self._unaccounted(root)
        failed = len(_failures(root, "yolo"))
        shutil.rmtree(root)
        shutil.rmtree(outside)
        return f"{count + 1 - failed} done, {failed} refused, at most {max(peaks)} MB", wrong

    def _unaccounted(self, root: Path) -> Iterator[str]:
        """Pictures that were neither done by both stages nor refused by one of them with a reason and a remedy."""
        refused = {**_failures(root, "yolo"), **_failures(root, "hrn")}
        for file, failure in refused.items():
            if not failure["reason"] or not failure["remedy"]:
                yield f"{file} was refused without reason or remedy"
        if "images/sound.jpg" in refused:
            yield f"the sound picture was refused: {refused['images/sound.jpg']['reason']}"
        for path in (root / "images").iterdir():
            name = path.stem if path.suffix == ".jpg" else path.name
            outputs = (f"annots/{name}.json", f"inspect/{name}.jpg", f"output/poses/{name}.json", f"final/{name}.jpg")
            missing = [file for file in outputs if not (root / file).is_file()]
            if f"images/{path.name}" not in refused and missing:
                yield f"{path.name} lacks {missing} and was not refused"


def _failures(root: Path, stage: str) -> dict[str, dict[str, str]]:
    report = json.loads((root / f"reports/{stage}-stage.json").read_text())
    return {failure["file"]: failure for failure in report["failures"]}
