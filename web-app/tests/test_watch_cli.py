"""The command `web-app`."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pose_contract.errors import StageError, UsageError
from pose_contract.workspace import Workspace
from stage_kit.videos.reader import open_video
from web_app.watch.cli import run


def test_a_source_is_watched_written_and_its_events_listed(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["--workspace", str(workspace.root)]
    movie = tmp_path / "clip.mp4"
    assert run(["watch", "--source", "synthetic", "--no-window", "--as-fast", "--out", str(movie), *at]) == 0
    said = capsys.readouterr()
    assert said.out.count(" came ") == said.out.count(" went ") == 8 and "1259 was the last frame" in said.err
    with open_video(movie) as video:
        assert (video.width, video.height, video.frames_claimed) == (640, 360, 1260)
    assert run(["events", "list", "--limit", "3", *at]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert run(["events", "export", "-o", str(tmp_path / "events.csv"), *at]) == 0
    rows = list(csv.DictReader((tmp_path / "events.csv").open(newline="")))
    assert len(rows) == 16 and rows[0]["kind"] == "enter" and rows[0]["media_ms"] == "1000"
    assert run(["events", "purge", "--days", "0", *at]) == 0
    assert "1 sessions deleted" in capsys.readouterr().out
    assert run(["events", "list", *at]) == 0 and capsys.readouterr().out == ""


def test_sources_are_listed_without_passwords(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    at = ["--workspace", str(workspace.root), "--add-source", "door=rtsp://me:secret@10.0.0.7/x", "--video-url", "3"]
    assert run(["sources", *at]) == 0
    said = capsys.readouterr().out
    assert "secret" not in said and [line.split()[0] for line in said.splitlines()] == [
        "door", "video", "camera", "demo", "synthetic",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["watch", "--source", "none"], "there is no none"),
        (["watch", "--source", "camera", "--no-window"], "camera 0 is not there"),
        (["watch", "--source", "synthetic"], "no screen"),
        (["watch", "--no-window", "--out", "x.avi", "--source", "synthetic"], "ends in .mp4"),
        (["watch", "--device-name", "MYRIAD"], "expected CPU, GPU or auto"),
        (["watch", "--precision", "FP16"], "expected FP32, BF16, INT8"),
        (["sources", "--add-source", "x"], "expected ID=WHAT"),
        (["sources", "--add-source", "x=none.mp4"], "there is no file none.mp4"),
        (["events", "list", "--db", "nonsense"], "expected sqlite:///FILE"),
        (["events", "purge", "--days", "-1"], "expected 0 or more"),
    ],
)
def test_what_cannot_be_done_is_told(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StageError) as raised:
        run([*words, "--workspace", str(workspace.root)])
    assert told in raised.value.reason and raised.value.remedy
    assert told != "no screen" or isinstance(raised.value, UsageError)


def test_the_doctor_loads_the_embedded_networks(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--weights", "lite", "--workspace", str(workspace.root)]) == 0
    said = capsys.readouterr().out
    assert "person_lite" in said and "camera 0 is not there" in said and "watch.sqlite" in said
