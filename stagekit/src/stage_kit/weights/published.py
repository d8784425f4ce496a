"""Published weights: which there are, where they lie on this machine, and how to know them. Fetching is `fetch.py`.

The facts (addresses, sizes, hashes, licences) stand in each stage's `weights.toml`, nothing of them in code.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pose_contract.errors import UsageError, WeightsError
from stage_kit.regular_files import open_regular
from stage_kit.stages import installed_stages


class PublishedWeights(BaseModel):
    """One published weights file; the fields are explained at the head of `weights.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    stage: str
    network: str
    data: str
    licence: str
    mirrors: tuple[str, ...]
    accuracy: str | None = None
    default: bool = False
    size_bytes: int | None = None
    sha256: str | None = None
    sha256_prefix: str | None = None
    sha384: str | None = None
    stands_in_for: str | None = None

    @property
    def known_digits(self) -> str | None:
        """All that is published of the file's hash: 64 hex digits, 8, the 96 of a sha384, or nothing."""
        return self.sha256 or self.sha256_prefix or self.sha384

    @property
    def algorithm(self) -> str:
        """Which hash those digits are of."""
        return "sha384" if self.sha384 else "sha256"


def published_weights() -> tuple[PublishedWeights, ...]:
    """The entries of the installed stages' `weights.toml`, stage by stage, in their order."""
    return tuple(
        PublishedWeights.model_validate(entry | {"stage": stage.name})
        for stage in installed_stages()
        for entry in tomllib.loads(stage.text_of("weights.toml")).get("weights", [])
    )


def weights_by_name(name: str) -> PublishedWeights:
    """The published file of that name.

    Raises:
        UsageError: no such file is published; names the nearest ones and lists all.
    """
    by_name = {weights.name: weights for weights in published_weights()}
    if name in by_name:
        return by_name[name]
    nearest = difflib.get_close_matches(name, by_name, n=3, cutoff=0.5)
    nearest_text = f"; did you mean {' or '.join(nearest)}?" if nearest else ""
    listed = "".join(f"\n     {known.name}  ({known.network}; {known.data})" for known in by_name.values())
    raise UsageError(f"No published weights are named {name!r}{nearest_text}", f"published are:{listed}")


def chosen_weights(names: Sequence[str], trust: bool) -> tuple[PublishedWeights, ...]:
    """The named files, each once; without names the default ones.

    Raises:
        UsageError: a name that is not published, or `trust` without a name.
    """
    if names:
        return tuple(weights_by_name(name) for name in dict.fromkeys(names))
    if trust:
        raise UsageError(
            "TRUST=1 takes a file that nothing verifies, so it must be asked for by name", "add NAME=…, or drop TRUST"
        )
    return tuple(weights for weights in published_weights() if weights.default)


def weights_folder() -> Path:
    """Where weights lie: POSE_WEIGHTS, else ./weights; absolute, so that a message says where."""
    return Path(os.environ.get("POSE_WEIGHTS") or "weights").absolute()


def is_there(path: Path) -> bool:
    """Whether there is such a file. Raises WeightsError where its folder may not be entered: nobody can tell."""
    try:
        return path.is_file()
    except PermissionError:
        reason = f"nobody may look for weights in {path.parent}: permission denied"
        raise WeightsError(reason, f"chmod a+rx {path.parent}, or name other weights") from None


def find_published(name: str) -> Path | None:
    """The published file of that name in the weights folder, if it is there with the published size.

    The hash was verified when the file was fetched, and a stage that loads it records it anyway, so it is not computed
    here. None too for a name that `weights.toml` does not know.
    """
    path = weights_folder() / name
    for weights in published_weights():
        if weights.name == name and is_there(path) and weights.size_bytes in (None, path.stat().st_size):
            return path
    return None


def stand_in(basename: str) -> PublishedWeights | None:
    """The published file that takes the place of `basename` when that one is missing."""
    return next((weights for weights in published_weights() if weights.stands_in_for == basename), None)


def sha256_of(path: Path) -> str:
    """The sha256 of a file, 64 hex digits. Raises OSError if it cannot be read."""
    return _digits_of(path, "sha256")


def _digits_of(path: Path, algorithm: str) -> str:
    with os.fdopen(open_regular(path), "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def difference_from_published(weights: PublishedWeights, path: Path) -> str | None:
    """What tells the file at `path` from the published one, in words; None if nothing known does.

    Raises:
        OSError: the file cannot be read.
    """
    if not path.is_file():
        return "it is missing"
    size = path.stat().st_size
    if weights.size_bytes not in (None, size):
        return f"{size} bytes instead of {weights.size_bytes}"
    known = weights.known_digits
    if known is None:
        return None
    found = _digits_of(path, weights.algorithm)
    return None if found.startswith(known) else f"{weights.algorithm} {found[:16]}… instead of {known[:16]}…"


def require_published(path: Path, sha256: str, trust: bool) -> None:
    """Refuses a file under a published name whose hash is another than the published one, unless it is trusted.

    Args:
        path: of weights that are about to be loaded.
        sha256: of its bytes.
        trust: what --trust says.

    Raises:
        WeightsError: with the ways out.
    """
    for weights in published_weights():
        known = weights.known_digits
        if weights.name != path.name or known is None or trust:
            continue
        found = _digits_of(path, "sha384") if weights.sha384 else sha256
        if not found.startswith(known):
            raise WeightsError(
                f"{path} has the name of published weights, and is another file: {weights.algorithm} {found[:16]}… "
                f"instead of {known[:16]}…",
                f"{how_to_replace(path)}\n"
                "     or, if the file is what you want: rename it, or say --trust (in Python trust=True)",
            )


def how_verified(weights: PublishedWeights, path: Path) -> str:
    """What the file at `path` was verified by, in words; its sha256 where there was nothing to verify it by."""
    if weights.known_digits is None:
        return f"NOT verified (no hash of it is published), sha256 {sha256_of(path)}"
    digits = weights.sha256 or weights.sha384
    return f"verified by its {weights.algorithm}" if digits else "verified by the 8 published digits of its sha256"


def missing_weights_error(name: str, looked_in: Sequence[Path]) -> WeightsError:
    """The error of a stage that did not find its weights: which file, where it looked, the command that fetches it.

    Args:
        name: the file's name, published or not.
        looked_in: the paths of the file that were tried, in order.
    """
    places = "".join(f"\n     {path}{_what_lies_there(name, path)}" for path in looked_in)
    return WeightsError(f"The weights {name} are missing; looked for{places}", _how_to_get(name))


def how_to_replace(path: Path) -> str:
    """What helps against a damaged weights file: only a published one can be fetched again."""
    known = next((weights for weights in published_weights() if weights.name == path.name), None)
    if known is None:
        return "copy the file again from where it came, or give another"
    name = "" if known.default else f" NAME={known.name}"
    return f"delete the file and fetch it again: make weights{name}"


def _what_lies_there(name: str, path: Path) -> str:
    """A file that was passed over because of its size must not read as one that is not there."""
    size_bytes = next((weights.size_bytes for weights in published_weights() if weights.name == name), None)
    if size_bytes is None or not path.is_file():
        return ""
    return f"  (there, but {path.stat().st_size} bytes instead of {size_bytes}: not the published file)"


def _how_to_get(name: str) -> str:
    by_name = {weights.name: weights for weights in published_weights()}
    if name not in by_name:
        return (
            f"put the file at {weights_folder() / name}; weights.toml knows no file of that name, so nothing fetches it"
        )
    weights, replacement = by_name[name], stand_in(name)
    if weights.default:
        return "fetch them: make weights"
    if weights.known_digits is not None:
        return f"fetch them: make weights NAME={name}"
    by_trust = f"make weights NAME={name} TRUST=1"
    if replacement is None:
        return f"fetch them, unverified because no hash of them is published: {by_trust}"
    command = "make weights" if replacement.default else f"make weights NAME={replacement.name}"
    return (
        f"fetch {replacement.name}, which stands in for them: {command}\n"
        f"     (or the file itself, unverified because no hash of it is published: {by_trust})"
    )
