"""The fault campaign, by one command: python tests/faults/campaign.py --seed 12 (make setup TORCH=1 first).

Pictures, records, kills, traps and files by chance, through both stages with their embedded networks. Each case must
end in time with a documented exit code, without a traceback, within bounded memory, and must change nothing outside
of the workspace; nothing of a person's work may be lost, and a later run makes up for what was disturbed.
`make test` runs a few cases of each kind (test_campaign.py). Exit code 1 where a case went wrong.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from file_runs import FileRuns
from kills import Killer
from picture_runs import AT_ONCE, PictureRuns
from record_runs import PHOTOS, RecordRuns
from traps import Trapper, traps

Case = tuple[str, list[str]]
COUNTS = {"pictures": 500, "records": 200, "kills": 60, "traps": 369, "files": 150}
KILLED_PHOTOS = 20


def pictures(folder: Path, seed: int, count: int) -> Iterator[Case]:
    """Fuzzed and odd pictures, fifty in a run of both stages."""
    runs = PictureRuns(folder, seed)
    for first in range(0, count, AT_ONCE):
        yield runs.run(first, min(AT_ONCE, count - first))


def records(folder: Path, seed: int, count: int) -> Iterator[Case]:
    """Edited records, forty in a run of both stages."""
    runs = RecordRuns(folder, seed)
    yield from (runs.run(number) for number in range(-(-count // PHOTOS)))


def kills(folder: Path, seed: int, count: int) -> Iterator[Case]:
    """Real processes, killed and interrupted, and the runs after them."""
    killer, rng = Killer(folder, KILLED_PHOTOS), random.Random(seed)
    yield from (killer.kill(number, rng) for number in range(count))


def all_traps(folder: Path, seed: int, count: int) -> Iterator[Case]:
    """Links, pipes, devices and folders in place of files: all places and kinds, whatever the seed."""
    trapper = Trapper(folder)
    for trap in itertools.islice(traps(), count):
        yield f"{trap.stage}: {trap.place} is {trap.kind}", trapper.spring(trap)


def files(folder: Path, seed: int, count: int) -> Iterator[Case]:
    """Spoilt YAMLs, cfgs, weights, checkpoints and pose.tomls."""
    runs = FileRuns(folder, seed)
    yield from (runs.run(number) for number in range(count))


PARTS = {"pictures": pictures, "records": records, "kills": kills, "traps": all_traps, "files": files}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs all parts; prints a line for each case with what was wrong, and a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=12, metavar="N")
    for name, count in COUNTS.items():
        parser.add_argument(f"--{name}", type=int, default=count, metavar="N", help=f"(default: {count}; 0: none)")
    args, table = parser.parse_args(argv), []
    for name, part in PARTS.items():
        count, begun, wrong, cases = getattr(args, name), time.monotonic(), 0, 0
        with tempfile.TemporaryDirectory(prefix="pose-faults-") as folder:
            for title, complaints in part(Path(folder), args.seed, count) if count else ():
                cases, wrong = cases + 1, wrong + bool(complaints)
                print(f"{name} {cases}: {title}", *complaints, sep="\n  ", flush=True)
        table.append((name, count, wrong, time.monotonic() - begun))
    print(f"\nseed {args.seed}")
    for name, count, wrong, seconds in table:
        print(f"{name:9} {count:4} tried, {wrong} runs went wrong, {seconds:.0f} s")
    return int(any(wrong for _, _, wrong, _ in table))


if __name__ == "__main__":
    sys.exit(main())
