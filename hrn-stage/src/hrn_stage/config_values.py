"""The kinds of value in an experiment file, as pydantic types.

Numbers, truths and texts are strict: `WORKERS: true` or `FLIP_TEST: 1` is a mistake, not a 1.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field


def _number_written_as_text(value: Any) -> Any:
    """PyYAML follows YAML 1.1, where `1e-3` without a point is text; everyone else reads a number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _gpu_numbers(value: Any) -> Any:
    """`(0,1)` is no YAML list but text; an `eval` of it is what the published reader does and this one does not."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,)
    if not isinstance(value, str):
        return value
    if re.fullmatch(r"\s*[(\[]?\s*(-?\d+\s*(,\s*-?\d+\s*)*,?)?\s*[)\]]?\s*", value) is None:
        raise ValueError("GPU numbers such as (0,) or (0,1)")
    return tuple(int(number) for number in re.findall(r"-?\d+", value))


def _pair(value: Any) -> Any:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError("two whole numbers [width, height]")
    return value


MAX_SIDE = 4096  # pixels of network input; more is a slip of the keyboard, and no machine has the memory

Whole = Annotated[int, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=1)]
Few = Annotated[int, Field(strict=True, ge=1, le=16)]  # modules or blocks; published networks have up to 4
Number = Annotated[float, Field(strict=True, allow_inf_nan=False), BeforeValidator(_number_written_as_text)]
Truth = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(strict=True)]
Side = Annotated[int, Field(strict=True, ge=1, le=MAX_SIDE)]
Size = Annotated[tuple[Side, Side], BeforeValidator(_pair)]
Gpus = Annotated[tuple[Whole, ...], BeforeValidator(_gpu_numbers)]
