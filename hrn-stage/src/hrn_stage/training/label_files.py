"""Finds and opens label files; what is wrong in one is told with its file and person."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from hrn_stage.config import HrnConfig
from pose_contract.errors import ConfigError


@contextmanager
def reading_labels(path: Path, number: int | None = None) -> Iterator[None]:
    """Names the label file, and the person by its place in it, where a label is not what it should be."""
    where = f"{path}" if number is None else f"{path}, person {number} (from 0)"
    try:
        yield
    except KeyError as error:
        raise ConfigError(f"{where}: lacks {error.args[0]}", "export the labels again") from None
    except (TypeError, ValueError, IndexError, AttributeError, EOFError, OSError, BadZipFile, zlib.error) as error:
        raise ConfigError(f"{where}: cannot be read: {error}", "export the labels again") from None


def label_file(config: HrnConfig, *names: str) -> Path:
    """The first of the files that is in DATASET.ROOT. Raises ConfigError where none is."""
    path = next((Path(config.DATASET.ROOT, name) for name in names if Path(config.DATASET.ROOT, name).is_file()), None)
    if path is None:
        looked = ", ".join(str(Path(config.DATASET.ROOT, name)) for name in names)
        raise ConfigError(f"no label file; looked for {looked}", "check DATASET.ROOT, TRAIN_SET and TEST_SET")
    return path


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises ConfigError where it holds none."""
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON: {error}", "export the labels again") from None
