"""Why PyTorch did not load a file, in our words: its own first advice is to switch its safety off."""

from __future__ import annotations

import pickle


def why_not_loaded(error: Exception) -> str:
    """The first line of an error, unless PyTorch's reader of plain tensors gave it."""
    text = str(error)
    if isinstance(error, pickle.UnpicklingError) or "weights_only" in text or not text:
        return "it is damaged, or holds more than plain tensors and numbers"
    return text.splitlines()[0][:200]
