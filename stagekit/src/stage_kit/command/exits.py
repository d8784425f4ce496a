"""From what a stage's story raises to the exit code of its command, with one clear message."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable
from types import FrameType

from pose_contract.errors import BUG, INTERRUPTED, USAGE, StageError
from stage_kit.command.progress import tell
from stage_kit.networks.allocator import keep_freed_memory


class Terminated(BaseException):
    """SIGTERM or SIGHUP: like KeyboardInterrupt, it must not be swallowed on its way up."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(number)
        self.number = number


# Threads that want the interpreter get it after half a millisecond: whoever feeds the network waits less.
TURN_SECONDS = 0.0005
GOES_ON = "what is done is kept, the next run goes on from here"


def prepare_process() -> None:
    """What a run changes of its process as a whole; for a process that is nobody else's."""
    keep_freed_memory()
    sys.setswitchinterval(TURN_SECONDS)
    # Pillow warns of oddities in EXIF; what cannot be read at all is reported as a failure of that image.
    warnings.filterwarnings("ignore", module=r"PIL\.")


def run_command(stage: str, story: Callable[[], int]) -> int:
    """Runs a command's story; SIGTERM and SIGHUP stop it as Ctrl-C does.

    All that changes the process as a whole is done here and nowhere else: a library call must not.

    Returns:
        The story's own exit code, a `StageError`'s, 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP. Any other
        exception is a bug: its traceback is printed and the code is 1.
    """
    prepare_process()
    if sys.stderr is None:  # closed by the caller
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - for as long as the process lives
    stopped_by: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped_by.append(number)
        raise Terminated(number)

    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in previous.items():
        if number == signal.SIGTERM or handler != signal.SIG_IGN:  # nohup stays nohup
            signal.signal(number, stop)
    try:
        return story()
    except StageError as error:
        tell(f"{stage}: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        tell(f"\n{stage}: interrupted; {GOES_ON}")
        return INTERRUPTED
    except Terminated as end:
        return _terminated(stage, end.number)
    except MemoryError:
        tell(f"{stage}: out of memory\n  -> take a smaller batch or a smaller network input")
        return USAGE
    except BrokenPipeError:
        # The reader of our output has gone (`| head`); Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BUG
    except Exception:
        if stopped_by:  # raised in the middle of an import, the signal comes out as that import's failure
            return _terminated(stage, stopped_by[0])
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _terminated(stage: str, number: int) -> int:
    tell(f"{stage}: terminated; {GOES_ON}")
    return 128 + number
