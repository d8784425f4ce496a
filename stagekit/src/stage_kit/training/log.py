"""What is kept of every epoch for people to look at: history, numbers, a sheet, and curves for TensorBoard."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pose_contract.storage import write_bytes
from stage_kit.pictures.images import Picture, write_jpeg
from stage_kit.training.state import TrainingState


class EpochLog:
    """Keeps the epochs of a training run in its folder; curves too, where `curves` names a folder for them."""

    def __init__(self, folder: Path, curves: Path | None, begun: int) -> None:
        """`begun`: the epoch that the run goes on from; curves of later ones are of a run that was killed."""
        self._folder = folder
        self._curves: Any = None
        if curves is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._curves = SummaryWriter(str(curves), purge_step=begun + 1)

    def add(self, state: TrainingState, measured: Mapping[str, Any], sheet: Picture) -> None:
        """One epoch has ended: its row is the last of the history."""
        row = state.history[-1]
        if self._curves is not None:
            for name in row.keys() - {"epoch"}:
                self._curves.add_scalar(name, row[name], state.epoch)
            self._curves.flush()
        write_jpeg(self._folder / "sheets" / f"epoch-{state.epoch:03}.jpg", sheet)
        write_bytes(self._folder / "history.json", json.dumps(state.history, indent=1).encode())
        write_bytes(self._folder / "measured.json", json.dumps(measured, indent=1).encode())

    def finish(self, card: str) -> None:
        """The run has ended: writes the card."""
        write_bytes(self._folder / "card.md", card.encode())
        if self._curves is not None:
            self._curves.close()


def epoch_bar(loader: Any, epoch: int, epochs: int, wanted: bool) -> tqdm[Any]:
    """A progress bar over the batches of an epoch (from 0), where someone may be looking."""
    shown = wanted and sys.stderr.isatty()
    return tqdm(loader, desc=f"epoch {epoch + 1}/{epochs}", disable=not shown)
