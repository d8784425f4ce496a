"""A stand-in for imgaug, which pytorchyolo imports for a seed alone and which breaks on numpy 2."""

from __future__ import annotations

import sys
from types import ModuleType


def install() -> None:
    """Puts the stand-in where `import imgaug` finds it; call it before pytorchyolo is imported."""
    module = ModuleType("imgaug")
    module.seed = lambda _seed: None  # type: ignore[attr-defined]
    sys.modules.setdefault("imgaug", module)
