"""A stand-in for imgaug, so that pytorchyolo can be imported beside numpy 2.

`pytorchyolo.utils.utils` imports imgaug for its seed function; so its models, loss and weights reader import it, and
nothing here asks for more of it. imgaug 0.4.0, the last one, fails on numpy 2, and would bring scikit-image with it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType

_NAME = "imgaug"


def _seed(_entropy: int) -> None:
    """In the place of `imgaug.seed`: there is nothing to be seeded."""


@contextlib.contextmanager
def imgaug_stood_in() -> Iterator[None]:
    """Within it `import imgaug` gives the stand-in, also where imgaug is installed; pytorchyolo is imported in it.

    Afterwards the process has the imgaug that it had before, or none: others may ask for the real one.
    """
    before = sys.modules.get(_NAME)
    stand_in = ModuleType(_NAME, "A stand-in of yolo_torch.imgaug_stand_in, for pytorchyolo.")
    stand_in.seed = _seed  # type: ignore[attr-defined]
    sys.modules[_NAME] = stand_in
    try:
        yield
    finally:
        if before is None:
            del sys.modules[_NAME]
        else:
            sys.modules[_NAME] = before
