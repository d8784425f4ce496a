"""Names that a package offers but imports only when somebody asks for one (PEP 562): `--help` need not wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module


def lazy_exports(
    package: str, module: str, names: Sequence[str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` for a package whose `names` stand in `module`, or in the package itself."""

    def getattr_(name: str) -> object:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(import_module(module), name)
        return value

    return getattr_, lambda: sorted(names)
