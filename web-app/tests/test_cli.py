"""The commands `pose app` and `pose report`."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from pose_contract.workspace import Workspace
from stage_kit.command.pose import main


def test_the_report_lies_in_the_workspace_or_where_one_says(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(workspace.root)]) == 0
    assert "6 photos and videos" in capsys.readouterr().out and workspace.path("reports/report.html").is_file()
    assert main(["report", str(workspace.root), "-o", str(tmp_path / "mail.html")]) == 0
    assert (tmp_path / "mail.html").is_file()
    assert main(["report", str(tmp_path / "none")]) == 2


def test_a_run_writes_the_report_at_its_end(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["run", "-o", str(workspace.root), "--report", str(tmp_path / "mail.html")]
    for code, written in ((5, False), (3, True)):
        monkeypatch.setattr("stage_kit.command.run_stages.run", lambda *_, code=code: code)
        assert main(asked) == code and (tmp_path / "mail.html").is_file() is written


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["none"], "no workspace none"),
        ([".", "--host", "0.0.0.0"], "there is no token"),
        ([".", "--port", "99999"], "expected 0 to 65535"),
        ([".", "--token_file", "none"], "cannot be read"),
        ([".", "--host", "not a host"], "cannot listen on"),
        ([".", "--host", "192.0.2.1", "--token_file", "token"], "cannot listen on"),
    ],
)
def test_what_cannot_be_served_is_told(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text("0123456789abcdef\n")
    if "not a host" in words:
        words = [*words, "--token_file", "token"]
    assert main(["app", *words]) == 2
    said = capsys.readouterr().err
    assert told in said and "->" in said and "Traceback" not in said


def test_a_port_in_use_is_told(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["app", str(workspace.root), "--port", str(taken.getsockname()[1])]) == 2
    said = capsys.readouterr().err
    assert "Address already in use" in said and "--port 0" in said


def test_it_serves_until_ctrl_c(workspace: Workspace) -> None:
    command = [sys.executable, "-m", "stage_kit.command.pose", "app", str(workspace.root), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            with urllib.request.urlopen(f"{line.split()[-1]}healthz", timeout=20) as answer:
                assert answer.read() == b"ok\n"
        finally:
            process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 0 and "Traceback" not in rest, rest


def test_without_the_app_the_command_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [])
    assert main(["app"]) == 2
    assert "make setup APP=1" in capsys.readouterr().err
