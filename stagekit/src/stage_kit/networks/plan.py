"""What a stage knows of a network before it is loaded: what it is, what runs it, and how to load it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from stage_kit.networks.int8 import Samples
from stage_kit.networks.network import Network

NetworkT_co = TypeVar("NetworkT_co", bound=Network, covariant=True)


@dataclass(frozen=True, kw_only=True)
class NetworkPlan(Generic[NetworkT_co]):
    """The base of a stage's plan, which adds what else its results depend on.

    Attributes:
        model: the network's name, such as `yolov3`.
        weights_sha256: of the weights file.
        engine: what runs it, such as `openvino`.
        precision: its arithmetic: fp32, bf16 or int8.
        why: in a few words which weights and engine these are: the first line of a run.
        details: why these.
        load: takes what gives some of the run's network inputs, for int8 to be calibrated on.
        batches_at_once: how many threads may give it a batch at the same time; 1: it cannot be shared.
        calibration: what an int8 network was calibrated on: another text before and after its first loading.
    """

    model: str
    weights_sha256: str
    engine: str
    precision: str
    why: str
    load: Callable[[Samples], NetworkT_co]
    details: str = ""
    batches_at_once: int = 1
    calibration: Callable[[], str] | None = None
