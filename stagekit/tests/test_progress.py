"""What a run shows while it goes on: a bar on a terminal, a line now and then in a log, nothing when it is quiet."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pose_contract.names import printable
from pose_contract.records import Counts, Failure, RunReport
from stage_kit.command import progress as progress_module
from stage_kit.command.flags import FlagParser
from stage_kit.command.progress import Progress
from stage_kit.command.summary import SHOWN_FAILURES, print_summary


def shown(capsys: pytest.CaptureFixture[str], quiet: bool = False) -> str:
    with Progress("yolo-stage", 3, quiet) as progress:
        progress.say("a word")
        for _ in range(3):
            progress.step()
    return capsys.readouterr().err


def test_a_log_gets_a_line_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "LOG_EVERY_SECONDS", 0.0)
    word, *lines = shown(capsys).splitlines()
    assert word == "a word"
    assert [line.split(",")[0] for line in lines] == [f"yolo-stage: {done}/3 images" for done in (1, 2, 3)]


def test_a_log_is_not_flooded(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys) == "a word\n"


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    printed = shown(capsys)
    assert "a word\n" in printed and "100%|" in printed and "3/3" in printed


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_shows_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr(progress_module, "LOG_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert shown(capsys, quiet=True) == ""


@pytest.mark.parametrize(("failed", "rest"), [(1, False), (SHOWN_FAILURES, False), (SHOWN_FAILURES + 2, True)])
def test_ten_failures_are_shown_and_the_rest_counted(
    capsys: pytest.CaptureFixture[str], failed: int, rest: bool
) -> None:
    report = RunReport(
        stage="yolo-stage", version="0", state="finished", started="", seconds=1, images_per_second=0,
        engine="torch", device="cpu", model="yolov3", counts=Counts(images=failed, failed=failed),
        failures=tuple(Failure(file=f"images/{n}.jpg", reason="is empty", remedy="copy it") for n in range(failed)),
    )  # fmt: skip
    print_summary(report, Path("w/reports/yolo-stage.json"), quiet=True)
    printed = capsys.readouterr().err
    assert printed.count("failed: images/") == min(failed, SHOWN_FAILURES)
    assert ("and 2 more: see w/reports/yolo-stage.json" in printed) == rest


def test_failures_that_were_told_are_not_told_again(capsys: pytest.CaptureFixture[str]) -> None:
    report = RunReport(
        stage="yolo-stage", version="0", state="finished", started="", seconds=1, images_per_second=0,
        engine="torch", device="cpu", model="yolov3", counts=Counts(images=1, failed=1),
        failures=(Failure(file="images/a.jpg", reason="is empty", remedy="copy it"),),
    )  # fmt: skip
    print_summary(report, Path("w/reports/yolo-stage.json"), quiet=False)
    printed = capsys.readouterr().err
    assert "is empty" not in printed and "w/reports/yolo-stage.json" in printed


@pytest.mark.parametrize(
    ("name", "shown"), [("a é.jpg", "a é.jpg"), ("a\nb\x1b[31m", "a\\nb\\x1b[31m"), ("a\udcff", "a\\xff")]
)
def test_names_are_shown_without_what_a_terminal_obeys(name: str, shown: str) -> None:
    assert printable(name) == shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("a é\n  -> b", "a é\n  -> b"),
        ("\x1b]0;title\x07\x1b[2J\r\x00\u202e", "\\x1b]0;title\\x07\\x1b[2J\\r\\x00\\u202e"),
        ("\ud800 \udcff", "\\ud800 \\udcff"),
    ],
)
def test_no_control_character_reaches_a_terminal(
    text: str, expected: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    progress_module.tell(text)
    assert capsys.readouterr().err == expected + "\n"
    with pytest.raises(SystemExit):
        FlagParser("some-stage", "Tests.").error(text)
    assert expected in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress("some-stage", 1) as progress:
        progress.say(text)
    assert expected + "\n" in capsys.readouterr().err


def test_paths_are_the_hosts_where_they_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("custom").mkdir()
    monkeypatch.setenv("POSE_WORKSPACE", "custom")
    text = f"cannot write custom/a: see '{tmp_path}/custom' and {tmp_path}/custom/b, not custom words or mycustom/a"
    assert progress_module.shown(text) == text
    monkeypatch.setenv("POSE_HOST_WORKSPACE", "/home/me/\\1")
    assert progress_module.shown(text).replace("\\1", "x") == (
        "cannot write /home/me/x/a: see '/home/me/x' and /home/me/x/b, not custom words or mycustom/a"
    )
