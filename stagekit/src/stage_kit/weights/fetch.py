"""Fetches published weights into the weights folder: mirror after mirror, verified before they take their name.

Until then the bytes lie in NAME.part, from which the next attempt goes on, whatever ended this one.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from pose_contract.errors import WeightsError
from stage_kit.weights.download import MirrorFailedError, discard, disk_errors, path_of, receive_rest, size_of
from stage_kit.weights.fetch_display import SILENT, Display, display_of
from stage_kit.weights.published import (
    PublishedWeights,
    chosen_weights,
    difference_from_published,
    how_verified,
    weights_folder,
)

HEADWAY_BYTES = 1 << 20


@dataclass(frozen=True)
class Patience:
    """How long a mirror is believed in: `tries` in a row without headway, with a pause that doubles in between.

    One that has never sent a byte gets only `first_tries`: a network that swallows packets must not cost minutes.
    """

    tries: int = 3
    first_tries: int = 2
    pause_seconds: float = 1.0
    timeout_seconds: float = 15.0


def fetch(
    weights: PublishedWeights,
    folder: Path,
    trust: bool = False,
    progress: Display = SILENT,
    patience: Patience = Patience(),
) -> Path:
    """Brings one published file into `folder` and returns its path; a file that is there and verified is left alone.

    Two fetches of one file at a time are safe: the second waits, then finds the file of the first.

    Args:
        weights: the file, its mirrors and what is known of it.
        folder: made if it is missing.
        trust: take a file of which no hash is published. A published hash is always verified.
        progress, patience: told what happens; tries, pauses and timeouts of one mirror.

    Raises:
        WeightsError: nothing to verify it by and no `trust`, or every mirror failed; lists each with its reason.
        WorkspaceError: the folder cannot be written, or the disk is full.
    """
    _refuse_unverifiable(weights, trust)
    target = folder / weights.name
    with disk_errors(target):
        difference = difference_from_published(weights, target)
    if difference is None:
        progress.say(f"{weights.name}: already here, {how_verified(weights, target)}: {target}")
        return target
    if target.is_file():
        progress.say(f"{weights.name}: the file that is here is not the published one: {difference}; fetching anew")
    with _locked_part(target, progress.say) as part:
        if difference_from_published(weights, target) is None:
            progress.say(f"{weights.name}: another fetch has just brought it: {target}")
            return target
        _fill_from_mirrors(weights, part, progress, patience)
        with disk_errors(target):
            os.fsync(part.fileno())
            path_of(part).replace(target)
    progress.say(f"{weights.name}: fetched, {how_verified(weights, target)}: {target}")
    return target


def fetch_command(names: Sequence[str], trust: bool) -> None:
    """`make weights`: fetches the named files, or the default ones, into the weights folder; prints what happens.

    Raises:
        UsageError: a name that is not published, or `trust` without a name.
        WeightsError: a file could not be fetched; the others were, as far as possible.
        WorkspaceError: the weights folder cannot be written, or the disk is full.
    """
    fetch_each(chosen_weights(names, trust), weights_folder(), trust)


def fetch_each(
    wanted: Sequence[PublishedWeights],
    folder: Path,
    trust: bool,
    patience: Patience = Patience(),
) -> None:
    """Fetches all of them; one that fails does not stop the others. Raises as `fetch_command` does."""
    failures: list[WeightsError] = []
    for weights in wanted:
        with display_of(weights) as display:
            try:
                fetch(weights, folder, trust, display, patience)
            except WeightsError as error:
                display.say(f"{weights.name}: not fetched")
                failures.append(error)
    if failures:
        remedies = dict.fromkeys(failure.remedy for failure in failures)
        raise WeightsError("\n".join(failure.reason for failure in failures), "\n  -> ".join(remedies))


def _refuse_unverifiable(weights: PublishedWeights, trust: bool) -> None:
    if weights.known_digits is None and not trust:
        raise WeightsError(
            f"No hash of {weights.name} is published, so nothing tells the real file from another",
            f"if you trust its host, ask for it by name: make weights NAME={weights.name} TRUST=1",
        )


def _fill_from_mirrors(weights: PublishedWeights, part: FileIO, progress: Display, patience: Patience) -> None:
    """Leaves the whole, verified file in `part`."""
    failures = ""
    for url in weights.mirrors:
        progress.say(f"{weights.name}: fetching from {url}")
        try:
            _fill_from(url, weights, part, progress, patience)
            return
        except MirrorFailedError as failure:
            progress.say(f"{weights.name}: {failure.reason}")
            failures += f"\n     {url}\n       {failure.reason}"
    target = path_of(part).with_suffix("")
    trust = "" if weights.known_digits else " TRUST=1"
    raise WeightsError(
        f"{weights.name} could not be fetched from any of its addresses:{failures}",
        f"run the same command again later (it goes on where it stopped), or download the file by hand to {target}\n"
        f"     and have it verified: make weights NAME={weights.name}{trust}",
    )


def _fill_from(url: str, weights: PublishedWeights, part: FileIO, progress: Display, patience: Patience) -> None:
    """One mirror, with retries. A connection that breaks now and then is no reason to give up on 250 MB."""
    inherited = size_of(part) > 0
    begun = furthest = size_of(part)
    failed_tries = 0
    while True:
        try:
            receive_rest(url, part, weights.size_bytes, patience.timeout_seconds, progress.received)
            with disk_errors(path_of(part)):
                difference = difference_from_published(weights, path_of(part))
            if difference is None:
                return
            discard(part)
            # The wrong bytes may be those that an earlier fetch or another mirror left: this one gets a clean chance.
            raise MirrorFailedError(f"not the published file: {difference}", again=inherited)
        except MirrorFailedError as failure:
            inherited = inherited and size_of(part) > 0
            failed_tries = 1 if size_of(part) >= furthest + HEADWAY_BYTES else failed_tries + 1
            furthest = max(furthest, size_of(part))
            tries = patience.tries if furthest > begun else min(patience.tries, patience.first_tries)
            if not failure.again or failed_tries >= tries:
                raise
            progress.say(f"{weights.name}: {failure.reason}; trying again ({failed_tries + 1} of {tries})")
            time.sleep(patience.pause_seconds * 2 ** (failed_tries - 1))


@contextmanager
def _locked_part(target: Path, say: Callable[[str], None]) -> Iterator[FileIO]:
    """NAME.part, open and ours alone; what is in it stays for the next attempt."""
    path = target.with_name(f"{target.name}.part")
    with disk_errors(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        while True:
            part = path.open("a+b", buffering=0)
            _lock(part, target.name, say)
            if _is_at(path, part):
                break
            # Whoever held the lock has renamed or removed the file that we opened: it is no longer the .part.
            part.close()
    with part:
        try:
            yield part
        finally:
            if size_of(part) == 0:
                path.unlink(missing_ok=True)


def _lock(part: FileIO, name: str, say: Callable[[str], None]) -> None:
    try:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"{name}: another fetch of it is running; waiting for that one")
        fcntl.flock(part, fcntl.LOCK_EX)


def _is_at(path: Path, file: FileIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
