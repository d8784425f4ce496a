"""What the Python API's loaded networks have in common: what they are, and whose turn it is."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NoReturn, TypeVar

from pose_contract.errors import UsageError
from stage_kit.networks.int8 import Samples
from stage_kit.networks.network import Network
from stage_kit.networks.plan import NetworkPlan

# One for all networks, not one for each: PyTorch's settings of cuDNN, for one, are the process's.
_TURN = threading.Lock()


PlanT = TypeVar("PlanT", bound=NetworkPlan[Network])
NetworkT = TypeVar("NetworkT", bound=Network)


@dataclass(frozen=True, eq=False, repr=False)
class LoadedNetwork(Generic[PlanT, NetworkT]):
    """A loaded network with its plan. Threads may share it; what an engine cannot share is asked by one at a time."""

    plan: PlanT
    network: NetworkT

    @property
    def model(self) -> str:
        """The network's name, such as `yolov3`."""
        return self.plan.model

    @property
    def engine(self) -> str:
        """What runs it, such as `openvino`."""
        return self.plan.engine

    @property
    def precision(self) -> str:
        """Its arithmetic: fp32, bf16 or int8."""
        return self.network.precision

    @property
    def device(self) -> str:
        """Where it runs: cpu or cuda."""
        return self.network.device

    @property
    def why(self) -> str:
        """Which weights were taken, and why this engine and precision: the first line of the command's log."""
        return self.plan.why

    def __repr__(self) -> str:
        """Such as `LoadedDetector(yolov3, openvino fp32 on cpu)`."""
        return f"{type(self).__name__}({self.model}, {self.engine} {self.precision} on {self.device})"

    def turn(self) -> contextlib.AbstractContextManager[object]:
        """A context in which the network may be asked."""
        return contextlib.nullcontext() if self.plan.batches_at_once > 1 else _TURN


def load_without_samples(load: Callable[[Samples], NetworkT], command: str) -> NetworkT:
    """Loads a network for which there are no pictures to calibrate int8 on: one that a run has calibrated is taken.

    Raises UsageError where int8 is asked for and no run has; whatever `load` raises.
    """

    def none() -> NoReturn:
        reason = "precision int8 is calibrated on a run's pictures, and a library call has none"
        raise UsageError(
            reason, f"run {command} --precision int8 once on your pictures: its network is kept for this call"
        )

    return load(none)
