"""The processes of one training run: one, or as many as torchrun has started."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn

from hrn_stage.engines.torch import TorchEstimator
from stage_kit.networks.device import torch_device


@dataclass(frozen=True)
class Processes:
    """Which process this is, of how many, and where it computes."""

    device: str
    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process measures, writes and prints."""
        return self.rank == 0

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            dist.barrier()

    def all_agree(self, fact: bool) -> bool:
        """Whether it is a fact in every process: what ends one of them ends all, instead of leaving some to wait."""
        if self.count == 1:
            return fact
        flag = torch.tensor(float(fact), device=self.device)
        dist.all_reduce(flag, op=dist.ReduceOp.MIN)
        return bool(flag.item())

    def estimator(self, network: nn.Module) -> TorchEstimator:
        """The network as an engine, for measuring."""
        return TorchEstimator(network.eval(), self.device)


def join_processes(device: str) -> Processes:
    """Joins the processes that torchrun has started, or is the only one. `device` is auto, cpu or cuda.

    Raises:
        UsageError: cuda is asked for and not there.
    """
    chosen = torch_device(device)
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return Processes(chosen)
    dist.init_process_group("nccl" if chosen == "cuda" else "gloo")
    if chosen == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return Processes(chosen, dist.get_rank(), count)


def leave_processes() -> None:
    """Ends what `join_processes` began."""
    if dist.is_initialized():
        dist.destroy_process_group()
