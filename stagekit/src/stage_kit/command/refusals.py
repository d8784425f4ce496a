"""How the value of a flag is refused; apart, as this needs nothing of what a run needs."""

from __future__ import annotations

from pose_contract.errors import UsageError


def require(holds: bool, flag: str, value: object, expected: str, command: str) -> None:
    """Refuses the value of a flag unless `holds`. Raises UsageError."""
    if not holds:
        raise UsageError(f"--{flag}: expected {expected}, got {value}", f"see {command} --help")
