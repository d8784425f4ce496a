"""PyTorch for inference: the same numbers from run to run, and a clear word where a GPU's memory does not suffice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pose_contract.errors import UsageError


@contextlib.contextmanager
def exact_inference(device: str, precision: str, inputs: int) -> Iterator[None]:
    """Inference without gradients, in fp32 as it stands, or by autocast in bf16.

    TF32, the default of cuDNN's convolutions, would round products to 10 bits; the fastest algorithm may vary by run.

    Raises:
        UsageError: a batch of `inputs` does not fit into the GPU's memory.
    """
    cudnn = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    rounded = torch.autocast(device, torch.bfloat16, enabled=precision == "bf16")
    try:
        with torch.inference_mode(), cudnn, rounded:
            yield
    except torch.cuda.OutOfMemoryError:
        raise UsageError(
            f"a batch of {inputs} does not fit into the GPU's memory", "give a smaller --batch_size, or --device cpu"
        ) from None


def to_device(batch: NDArray[np.float32], device: str) -> Tensor:
    """The batch where the network is, in the order that convolutions compute fastest in."""
    inputs = torch.from_numpy(np.ascontiguousarray(batch))
    if device == "cuda":
        inputs = inputs.pin_memory()  # from elsewhere the copy would make this thread wait
    return inputs.to(device, memory_format=torch.channels_last, non_blocking=True)
