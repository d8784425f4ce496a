"""COCO's judges, by pycocotools: average precision of boxes and of keypoints."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pose_contract.errors import ConfigError
from stage_kit.networks.device import how_to_get_torch


def require_pycocotools() -> None:
    """Raises ConfigError where it is not installed, before hours of work are done in vain."""
    if find_spec("pycocotools") is None:
        raise ConfigError("measuring needs pycocotools, which is not installed", how_to_get_torch())


def evaluated(
    labels: Path | dict[str, Any],
    results: Sequence[dict[str, Any]],
    kind: Literal["bbox", "keypoints"],
    prepare: Callable[[Any], None] = lambda _: None,
) -> Any:
    """A COCOeval of the results, evaluated and accumulated, without its prints.

    Args:
        labels: a file, or what stands in one.
        results: at least one, as pycocotools' loadRes takes them.
        kind: what is compared.
        prepare: changes the COCOeval's parameters before it runs.

    Raises:
        ConfigError: pycocotools is not installed, or the results do not belong to the labels.
    """
    require_pycocotools()
    from pycocotools.coco import COCO  # type: ignore[import-untyped, unused-ignore]
    from pycocotools.cocoeval import COCOeval  # type: ignore[import-untyped, unused-ignore]

    named = labels if isinstance(labels, Path) else "the labels"
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO()
            if isinstance(labels, Path):
                truth = COCO(str(labels))
            else:
                truth.dataset = labels
                truth.createIndex()
            judged = COCOeval(truth, truth.loadRes(list(results)), kind)
            prepare(judged)
            judged.evaluate()
            judged.accumulate()
    except (AssertionError, KeyError, IndexError) as error:
        raise ConfigError(f"the results do not belong to {named}: {error}", "check the image ids") from None
    return judged


def summary_of(judged: Any) -> list[float]:
    """The ten numbers of keypoints, the twelve of boxes, that COCOeval.summarize() prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        judged.summarize()
    return [float(value) for value in judged.stats]
