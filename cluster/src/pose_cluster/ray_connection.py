"""Ray itself: started here, or found."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

from pose_contract.errors import UsageError

STORE_BYTES = 200 << 20  # of a local Ray: names and reports are all that passes through it
STARTS = 2
ANSWER_SECONDS = 10.0
HOW_TO_START = "start it: ray start --head, or leave --address out to start it for this run"
GAVE_UP = "run it again when the cluster is well: what is done is kept; --verbose shows what workers say"


@contextlib.contextmanager
def connected(address: str, verbose: bool) -> Iterator[str]:
    """Ray, started here (`local`) or found; the value is its dashboard's address, or empty. Raises UsageError."""
    _require_answer(address)
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
    try:
        import ray
    except ImportError:
        raise UsageError("Ray is not installed", "make setup CLUSTER=1") from None
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        dashboard = _init(address, verbose)
    finally:
        for number, handler in handlers.items():  # Ray takes SIGTERM for itself
            signal.signal(number, handler)
    try:
        yield dashboard
    except ray.exceptions.RayError as error:
        raise UsageError(f"Ray gave up: {first_line(error)}", GAVE_UP) from None
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Refuses an address where nothing listens: Ray itself would try for minutes. Raises UsageError."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host:
        return
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS):
            return
    except (OSError, ValueError, OverflowError) as error:
        raise UsageError(f"no Ray at {address}: {error}", HOW_TO_START) from None


def _init(address: str, verbose: bool) -> str:
    """Starts or finds Ray; its dashboard's address. Raises UsageError.

    On a busy machine its own agents may take longer to start than it waits for them; the second time they are cached.
    """
    import ray

    local: dict[str, Any] = {
        "include_dashboard": False,
        "object_store_memory": STORE_BYTES,
        # No processes that no actor would take; and Ray's workers stand back (nice 15) for whatever else runs here.
        "_system_config": {"enable_worker_prestart": False, "worker_niceness": 0},
    }
    for tries_left in reversed(range(STARTS if address == "local" else 1)):
        try:
            context: Any = ray.init(
                address=address,
                log_to_driver=verbose,
                logging_level=logging.ERROR,
                **(local if address == "local" else {}),
            )
            return getattr(context, "dashboard_url", None) or ""
        except Exception as error:  # Ray raises bare ones, too
            ray.shutdown()
            if tries_left:
                continue
            if address == "local":
                raise UsageError(
                    f"Ray does not start: {first_line(error)}", "its logs: /tmp/ray/session_latest"
                ) from None
            raise UsageError(f"no Ray at {address}: {first_line(error)}", HOW_TO_START) from None
    raise AssertionError("the last try has returned or raised")


def first_line(error: Exception) -> str:
    """Ray's errors end in pages of advice; what was raised stands in a cause."""
    cause = getattr(error, "cause", None)
    told = repr(cause) if isinstance(cause, Exception) else str(error)
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
