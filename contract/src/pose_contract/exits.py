"""From what a stage's story raises to the exit code of its command, with one clear message."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable
from types import FrameType

from pose_contract.errors import BUG, INTERRUPTED, TERMINATED, StageError


class Terminated(BaseException):
    """SIGTERM: like KeyboardInterrupt, it must not be swallowed on its way up."""


def run_command(stage: str, story: Callable[[], int]) -> int:
    """Runs a command's story; SIGTERM stops it as Ctrl-C does.

    Returns:
        The story's own exit code, a `StageError`'s, 130 after Ctrl-C or 143 after SIGTERM. Any other exception is a
        bug: its traceback is printed and the code is 1.
    """
    # Pillow warns of oddities in EXIF; what cannot be read at all is reported as a failure of that image.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    previous = signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        return story()
    except StageError as error:
        print(f"{stage}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"\n{stage}: interrupted; what is done is kept, the next run goes on from here", file=sys.stderr)
        return INTERRUPTED
    except Terminated:
        print(f"{stage}: terminated; what is done is kept, the next run goes on from here", file=sys.stderr)
        return TERMINATED
    except BrokenPipeError:
        # The reader of our output has gone (`| head`); Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BUG
    finally:
        signal.signal(signal.SIGTERM, previous)


def _raise_terminated(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated
