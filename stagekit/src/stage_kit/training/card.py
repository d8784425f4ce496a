"""The model card: what every card of trained weights tells, in one order."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Card:
    """The parts of a card, each plain text that may run over several lines.

    Attributes:
        network: what kind of network it is, and how large.
        data: what it was trained and measured on.
        recipe: how.
        maker: the package and its version, e.g. `hrn-stage 1.0`.
        seed: of all random choices.
        limits: where it must not be trusted.
        measured: a table of what the weights reach.
    """

    network: str
    data: str
    recipe: str
    maker: str
    seed: int
    limits: str
    measured: str

    def as_text(self, commit: str) -> str:
        """Markdown: network, data, recipe, commit, seed, limits, numbers."""
        parts = {
            "Data:": self.data,
            "Recipe:": self.recipe,
            "Made by": f"{self.maker}, commit {commit}, seed {self.seed}.",
            "Limits:": self.limits,
        }
        listed = "\n".join(f"- {title} {_indented(text)}" for title, text in parts.items())
        return f"# Model card\n\n{self.network}\n\n{listed}\n\n{self.measured}\n"


def commit_of(source: Path) -> str:
    """The commit of the repository that a source file lies in, or `unknown`."""
    command = ["git", "-C", str(source.parent), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _indented(text: str) -> str:
    return "\n  ".join(text.splitlines())
