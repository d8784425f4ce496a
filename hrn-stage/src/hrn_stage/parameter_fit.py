"""Whether a checkpoint's parameters are those of the network: key by key and shape by shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_contract.errors import WeightsError

_SHOWN = 3  # of the differing keys; the rest is counted

Shapes = Mapping[str, tuple[int, ...]]


def fitting_parameters(expected: Shapes, given: Mapping[str, NDArray[Any]], source: str) -> dict[str, NDArray[Any]]:
    """`given`, with the counters of training steps that files from before PyTorch 0.4.1 lack; inference reads none.

    Args:
        expected: the network's parameters, by name.
        given: the checkpoint's.
        source: the checkpoint, as errors name it.

    Raises:
        WeightsError: parameters that are missing, that the network lacks, or of another shape.
    """
    counters = {
        key: np.zeros(shape, np.int64) for key, shape in expected.items() if key.endswith("num_batches_tracked")
    }
    parameters = {**counters, **given}
    missing = [key for key in expected if key not in parameters]
    unexpected = [key for key in parameters if key not in expected]
    shapes = [
        f"{key} {list(parameters[key].shape)} instead of {list(shape)}"
        for key, shape in expected.items()
        if key in parameters and parameters[key].shape != shape
    ]
    differences = [
        f"{what} {_first(keys)}"
        for what, keys in (("missing", missing), ("unexpected", unexpected), ("shape of", shapes))
        if keys
    ]
    if differences:
        raise WeightsError(
            f"{source}: does not fit the network of the YAML: {'; '.join(differences)}",
            _remedy(missing, parameters, expected),
        )
    return parameters


def _first(keys: list[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more


def _remedy(missing: list[str], given: Mapping[str, NDArray[Any]], expected: Shapes) -> str:
    final = given.get("final_layer.weight")
    if final is None and not [key for key in missing if not key.startswith("final_layer.")]:
        return "this is a backbone trained on ImageNet; give the weights of a pose network"
    if final is not None and final.shape[:1] != expected["final_layer.weight"][:1]:
        keypoints = final.shape[0] if final.ndim else 0
        return f"these weights have {keypoints} keypoints; give the YAML they were made with (MODEL.NUM_JOINTS)"
    return "give the weights made with this YAML, or the YAML of these weights (MODEL.EXTRA, MODEL.NUM_JOINTS)"
