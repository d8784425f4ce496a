"""The fault campaign, by one command: python tests/faults/campaign.py --seed 12 (make setup TORCH=1 first).

Pictures, records, kills, traps, files and full disks by chance, through both stages with their embedded networks.
Each case must end in time with a documented exit code, without a traceback, within bounded memory, and must change
nothing outside of the workspace; nothing of a person's work may be lost, and a later run makes up for what was
disturbed.
`make test` runs a few cases of each kind (test_campaign.py). Exit code 1 where a case went wrong.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from file_runs import FileRuns
from full_disks import FullDisks, cannot_mount
from kills import Killer
from picture_runs import AT_ONCE, PictureRuns
from record_runs import PHOTOS, RecordRuns
from traps import Trapper, traps

Case = tuple[str, list[str]]
Part = Callable[[Path, argparse.Namespace], Iterator[Case]]
COUNTS = {"pictures": 500, "records": 200, "kills": 60, "traps": 369, "files": 150, "disks": 20}


def pictures(folder: Path, args: argparse.Namespace) -> Iterator[Case]:
    """Fuzzed and odd pictures, fifty in a run of both stages."""
    runs = PictureRuns(folder, args.seed)
    for first in range(0, args.pictures, AT_ONCE):
        yield runs.run(first, min(AT_ONCE, args.pictures - first))


def records(folder: Path, args: argparse.Namespace) -> Iterator[Case]:
    """Edited records, forty in a run of both stages."""
    runs = RecordRuns(folder, args.seed)
    yield from (runs.run(number) for number in range(-(-args.records // PHOTOS)))


def kills(folder: Path, args: argparse.Namespace) -> Iterator[Case]:
    """Real processes, killed and interrupted, and the runs after them."""
    killer, rng = Killer(folder, args.photos), random.Random(args.seed)
    yield from (killer.kill(number, rng) for number in range(args.kills))


def all_traps(folder: Path, args: argparse.Namespace) -> Iterator[Case]:
    """Links, pipes, devices and folders in place of files: all places and kinds, whatever the seed."""
    trapper = Trapper(folder)
    for trap in itertools.islice(traps(), args.traps):
        yield f"{trap.stage}: {trap.place} is {trap.kind}", trapper.spring(trap)


def files(folder: Path, args: argparse.Namespace) -> Iterator[Case]:
    """Spoilt YAMLs, cfgs, weights, checkpoints and pose.tomls."""
    runs = FileRuns(folder, args.seed)
    yield from (runs.run(number) for number in range(args.files))


def disks(folder: Path, args: argparse.Namespace) -> Iterator[Case]:
    """Disks that are full at some moment."""
    why_not = cannot_mount(folder / "disk")
    if why_not:
        yield f"skipped: {why_not}", []
        return
    runs = FullDisks(folder, args.seed)
    yield from (runs.run(number) for number in range(args.disks))


PARTS: dict[str, Part] = {
    "pictures": pictures,
    "records": records,
    "kills": kills,
    "traps": all_traps,
    "files": files,
    "disks": disks,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs all parts; prints a line for each case with what was wrong, and a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=12, metavar="N")
    for name, count in COUNTS.items():
        parser.add_argument(f"--{name}", type=int, default=count, metavar="N", help=f"(default: {count}; 0: none)")
    parser.add_argument("--photos", type=int, default=20, metavar="N", help="of a run that is killed (default: 20)")
    args, table = parser.parse_args(argv), []
    for name, part in PARTS.items():
        count, begun, wrong, cases = getattr(args, name), time.monotonic(), 0, 0
        with tempfile.TemporaryDirectory(prefix="pose-faults-") as folder:
            for title, complaints in part(Path(folder), args) if count else ():
                cases, wrong = cases + 1, wrong + bool(complaints)
                print(f"{name} {cases}: {title}", *complaints, sep="\n  ", flush=True)
        table.append((name, count, wrong, time.monotonic() - begun))
    print(f"\nseed {args.seed}")
    for name, count, wrong, seconds in table:
        print(f"{name:9} {count:4} tried, {wrong} runs went wrong, {seconds:.0f} s")
    return int(any(wrong for _, _, wrong, _ in table))


if __name__ == "__main__":
    sys.exit(main())
