"""int8 by NNCF's post-training quantisation: opt-in, and calibrated on the user's own pictures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_contract.errors import UsageError
from stage_kit.command.progress import tell
from stage_kit.networks.calibration import fingerprint_of, held_in_memory
from stage_kit.networks.openvino import CALIBRATION, cached_model, cached_note, compile_network, keep_model

Inputs = NDArray[np.float32]
Outputs = list[list[NDArray[np.float32]]]
Samples = Callable[[], Iterable[Inputs]]
Compare = Callable[[Outputs, Outputs], str]
_CALIBRATED: dict[str, str] = {}  # by key, of this process: a cache that cannot be written tells nothing
FEWEST, HELD_OUT = 8, 4  # inputs to calibrate on at least; every fourth is kept to measure the loss on


def quantized_model(key: str, exact: Callable[[], Any], samples: Samples, compare: Compare) -> Any:
    """The int8 `openvino.Model` of a network: from the cache, or calibrated on `samples`, measured, and cached.

    Args:
        key: names the exact network; a network that was calibrated once is taken for every later run.
        exact: gives the fp32 model.
        samples: network inputs [1, ...] of the run at hand.
        compare: says in words how near the second outputs are to the first ones.

    What int8 costs is measured on every fourth sample, which it was not calibrated on, and told at every start.

    Raises:
        UsageError: NNCF is not installed, or there are too few samples.
    """
    name = f"{key}-int8"
    model = cached_model(name)
    if model is None:
        inputs = held_in_memory(samples())
        model, note = _quantize(exact(), inputs, compare)
        _CALIBRATED[name] = fingerprint_of(inputs)
        keep_model(name, model, note, _CALIBRATED[name])
        tell(f"int8: {note}")
    else:
        _CALIBRATED[name] = cached_note(name, CALIBRATION)
        tell(f"int8: {cached_note(name)}")
    return model


def calibration_of(key: str) -> str:
    """What the int8 network of that key was calibrated on, for `made_by`: 16 hex digits; empty where nothing was yet.

    The network that this process has loaded counts, else the one in the cache.
    """
    name = f"{key}-int8"
    return _CALIBRATED.get(name) or cached_note(name, CALIBRATION)


def _quantize(exact: Any, inputs: list[Inputs], compare: Compare) -> tuple[Any, str]:
    for noisy in ("nncf", "torch.utils.cpp_extension"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    try:
        import nncf  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError:
        reason = "--precision int8 needs NNCF, which is not installed"
        raise UsageError(reason, "make setup INT8=1 installs it; the containers leave it out") from None
    measured = inputs[::HELD_OUT]
    calibrated = [sample for index, sample in enumerate(inputs) if index % HELD_OUT]
    if len(calibrated) < FEWEST:
        reason = f"--precision int8 calibrates on your own pictures, and {len(inputs)} are too few"
        raise UsageError(reason, f"give {FEWEST * HELD_OUT // (HELD_OUT - 1) + 1} or more, or --precision fp32")
    quantized = nncf.quantize(exact.clone(), nncf.Dataset(calibrated), subset_size=len(calibrated))
    rows = [row for sample in measured for row in sample]
    before, after = (compile_network(model, "fp32").infer(rows) for model in (exact, quantized))
    return quantized, f"calibrated on {len(calibrated)} inputs; on {len(measured)} others {compare(before, after)}"
