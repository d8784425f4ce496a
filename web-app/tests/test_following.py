"""Cuts and pictures follow a correction, by the stages' own commands."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from pose_contract.workspace import Workspace
from web_app.correct import following
from web_app.correct.following import Follower, Following


class Stages:
    """Answers in the stages' place, one answer a call, the last one for ever; `go` lets them begin."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self.answers = list(answers)
        self.calls: list[list[str]] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, command: Sequence[str]) -> tuple[int, str]:
        self.go.wait(10)
        self.calls.append(list(command[2:]))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def settled(follower: Follower, name: str) -> Following:
    until = time.monotonic() + 10
    while follower.of(name).state in ("waiting", "running") and time.monotonic() < until:
        time.sleep(0.005)
    return follower.of(name)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "AGAIN_SECONDS", 0.01)


def test_nothing_follows_what_was_not_corrected(workspace: Workspace) -> None:
    follower = Follower(workspace, Stages((0, "")))
    assert follower.of("a.jpg") == Following("none") and follower.unfinished() == 0
    follower.stop()


def test_boxes_go_through_both_stages_and_keypoints_through_one(workspace: Workspace) -> None:
    stages, seen = Stages((0, "")), []
    follower = Follower(workspace, stages, changed=lambda: seen.append(1))
    follower.follow("a.jpg", boxes=False)
    assert settled(follower, "a.jpg") == Following("done")
    follower.follow("sub/b.jpg", boxes=True)
    assert settled(follower, "sub/b.jpg") == Following("done")
    follower.stop()
    words = ["--workspace", str(workspace.root), "--quiet"]
    assert stages.calls == [
        ["hrn_stage.cli", *words, "--only=a.jpg"],
        ["yolo_stage.cli", *words, "--only=sub/b.jpg"],
        ["hrn_stage.cli", *words, "--only=sub/b.jpg"],
    ]
    assert len(seen) == 2


def test_those_that_wait_share_a_call(workspace: Workspace) -> None:
    stages = Stages((0, ""))
    stages.go.clear()
    follower = Follower(workspace, stages)
    follower.follow("a.jpg", boxes=False)
    while follower.of("a.jpg").state != "running":
        time.sleep(0.005)
    for name in ("sub/b.jpg", "empty.jpg", "a.jpg"):
        follower.follow(name, boxes=False)
    assert follower.unfinished() == 3
    stages.go.set()
    assert all(settled(follower, name).state == "done" for name in ("a.jpg", "sub/b.jpg", "empty.jpg"))
    follower.stop()
    assert [call[4:] for call in stages.calls] == [
        ["--only=a.jpg"], ["--only=sub/b.jpg", "--only=empty.jpg", "--only=a.jpg"]
    ]  # fmt: skip


def test_a_failure_is_told_without_what_moves_a_cursor(workspace: Workspace) -> None:
    follower = Follower(workspace, Stages((3, "\x1b[2J  failed: images/a.jpg: has changed\n -> run again\n")))
    follower.follow("a.jpg", boxes=True)
    found = settled(follower, "a.jpg")
    assert found.state == "failed" and "has changed" in found.told and "\x1b" not in found.told
    follower.stop()


def test_a_stage_that_runs_is_waited_for(workspace: Workspace) -> None:
    stages = Stages((5, "hrn-stage is already running on x"), (5, "hrn-stage is already running on x"), (0, ""))
    follower = Follower(workspace, stages)
    follower.follow("a.jpg", boxes=False)
    assert settled(follower, "a.jpg").state == "done" and len(stages.calls) == 3
    stages.answers = [(5, "the disk is full")]
    follower.follow("a.jpg", boxes=False)
    assert settled(follower, "a.jpg").state == "failed"
    follower.stop()
