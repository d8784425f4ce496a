from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from pose_contract import errors
from pose_contract.records import Counts, RunReport
from stage_kit.command.exits import Terminated, run_command
from stage_kit.command.progress import Progress
from stage_kit.command.summary import summary_line


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("no pictures", "put some in"), 2),
        (errors.ImageError("is empty", "copy again"), 3),
        (errors.WeightsError("no weights", "make weights"), 4),
        (errors.ConfigError("no such key", "correct it"), 4),
        (errors.WorkspaceError("disk full", "make room"), 5),
        (KeyboardInterrupt(), 130),
        (Terminated(), 143),
    ],
)
def test_exit_codes(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    def story() -> int:
        raise error

    assert run_command("yolo-stage", story) == code
    printed = capsys.readouterr().err
    assert "yolo-stage: " in printed
    assert "Traceback" not in printed
    if isinstance(error, errors.StageError):
        assert error.reason in printed and error.remedy in printed


def test_a_bug_keeps_its_traceback() -> None:
    def story() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_command("yolo-stage", story)


def test_sigterm_stops_the_story() -> None:
    def story() -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
        return 0

    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert run_command("yolo-stage", story) == 143
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_reader_that_has_gone_gets_no_traceback() -> None:
    code = """
import sys
import time
from stage_kit.command.exits import run_command
sys.exit(run_command("yolo-stage", lambda: [print("x" * 1000) for _ in range(1000)] and 0))
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        assert command.stdout is not None and command.stderr is not None
        command.stdout.close()  # as `| head` does
        assert command.stderr.read() == b""
    assert command.returncode == errors.BUG


def test_pillows_warnings_are_not_shown(recwarn: pytest.WarningsRecorder) -> None:
    def story() -> int:
        warnings.warn_explicit("corrupt EXIF data", UserWarning, "x", 1, module="PIL.TiffImagePlugin")
        return 0

    assert run_command("yolo-stage", story) == 0 and not recwarn.list


def test_the_light_modules_import_nothing_heavy() -> None:
    code = (
        "import sys, pose_contract.errors, stage_kit.command.exits;"
        "print([name for name in ('numpy', 'pydantic', 'PIL') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_a_log_line_tells_rate_and_time_left() -> None:
    """From the first image that took work on: loading the network is not part of the rate."""
    progress = Progress("yolo-stage", 100, quiet=True)
    assert progress.line(time.monotonic()) == "yolo-stage: 0/100 images"
    progress.step(worked=False)
    progress.step()
    begun = time.monotonic()
    assert progress.line(begun) == "yolo-stage: 2/100 images"
    progress.step()
    assert progress.line(begun + 2) == "yolo-stage: 3/100 images, 0.50 images/s, 3:14 left"


def test_the_summary_line() -> None:
    report = RunReport(
        stage="yolo-stage", version="0", state="finished", started="", seconds=8.1, images_per_second=1.48,
        engine="torch", device="cpu", model="yolov3",
        counts=Counts(images=13, processed=10, skipped=2, failed=1, people=27, nobody=2),
    )  # fmt: skip
    expected = (
        "yolo-stage: 13 images: 10 processed, 2 already done, 1 failed; 27 people, nobody in 2; 8.1 s, 1.5 images/s"
    )
    assert summary_line(report) == expected


def in_process(story: str, **options: object) -> subprocess.CompletedProcess[str]:
    """A story in a process of its own: its standard error may be anything there."""
    code = f"import os, signal, sys\nfrom stage_kit.command.exits import run_command\ndef story():\n{story}\n"
    code += "sys.exit(run_command('yolo-stage', story))"
    return subprocess.run([sys.executable, "-c", code], text=True, check=False, **options)  # type: ignore[call-overload]


TELL = """
    from stage_kit.command.progress import Progress, tell
    tell("x" * 100)
    Progress("s", 2).step()
    return 0
"""


def test_nobody_reads_and_the_run_goes_on() -> None:
    assert in_process(TELL, stderr=subprocess.PIPE).returncode == 0
    assert in_process(TELL, preexec_fn=lambda: os.close(2)).returncode == 0
    with Path("/dev/full").open("w") as full:
        assert in_process(TELL, stderr=full).returncode == 0
    reader, writer = os.pipe()
    os.close(reader)
    assert in_process(TELL, stderr=writer).returncode == 0
    os.close(writer)


@pytest.mark.parametrize(("number", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_in_the_middle_of_an_import_is_still_that_signal(number: str, code: int) -> None:
    story = (
        f"    try:\n        os.kill(os.getpid(), signal.{number}); signal.pause()\n"
        "    except BaseException:\n        raise ImportError('failed to import')"
    )
    # Under nohup the tests themselves would hand the ignored SIGHUP down.
    heard = lambda: signal.signal(getattr(signal, number), signal.SIG_DFL)  # noqa: E731
    ended = in_process(story, stderr=subprocess.PIPE, preexec_fn=heard)
    assert ended.returncode == code, ended.stderr
    assert ended.stderr == "yolo-stage: terminated; what is done is kept, the next run goes on from here\n"


def test_nohup_stays_nohup() -> None:
    ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    story = "    os.kill(os.getpid(), signal.SIGHUP)\n    return 0"
    assert in_process(story, preexec_fn=ignore).returncode == 0


def test_too_much_memory_asked_for_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    def story() -> int:
        raise MemoryError

    assert run_command("yolo-stage", story) == 2
    assert "out of memory" in capsys.readouterr().err
