"""The command `pose`, with stages made for the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_stage import only_stages_of, write_stage

from stage_kit.command.pose import COMMANDS, OF_THE_APP, STORIES, main
from stage_kit.stages import installed_stages


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with photos, where two stages are installed: serve, then paint."""
    write_stage(tmp_path / "site", "paint", order=20)
    write_stage(tmp_path / "site", "serve", order=10)
    only_stages_of(tmp_path / "site", monkeypatch)
    monkeypatch.delenv("POSE_WORKSPACE", raising=False)
    for name, text in (("a.jpg", "a"), ("b.jpg", "b")):
        path = tmp_path / "cwd/photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path / "cwd")
    yield tmp_path / "cwd"
    installed_stages.cache_clear()


def order(workspace: Path) -> list[str]:
    return (workspace / "reports/order.txt").read_text().splitlines()


def test_point_and_shoot(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "photos", "-o", "out"]) == 0
    assert order(place / "out") == [f"{name}-stage --workspace out --keep_going" for name in ("serve", "paint")]
    assert capfd.readouterr().out.splitlines() == [
        "a.jpg: 1 person -> out/inspect/a.jpg",
        "b.jpg: 1 person -> out/inspect/b.jpg",
        "pictures: out/inspect",
    ]
    assert main(["run", "photos/b.jpg", "-o", "out", "--quiet", "--serve-stage=--size 9", "--overwrite"]) == 0
    assert order(place / "out")[2:] == [
        "serve-stage --workspace out --keep_going --overwrite --quiet --size 9",
        "paint-stage --workspace out --keep_going --overwrite --quiet",
    ]
    assert capfd.readouterr().out == ""


def test_without_photos_it_runs_the_workspace(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "photos/a.jpg"]) == 0
    assert main(["run"]) == 0
    assert len(order(place / "pose-estimation")) == 4
    assert capfd.readouterr().out.count("a.jpg: 1 person -> pose-estimation/inspect/a.jpg") == 2


def test_failed_photos_are_3_and_named(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (place / "photos/c.jpg").touch()
    (place / "photos/d.jpg").symlink_to("gone")
    assert main(["run", "photos", "-o", "out"]) == 3
    printed = capfd.readouterr()
    assert "c.jpg: failed: is empty -> copy it again" in printed.out
    assert "failed: photos/d.jpg: photos/d.jpg cannot be read" in printed.err
    assert len(order(place / "out")) == 2  # a bad photo stops no stage
    (place / "out/images/c.jpg").unlink()
    assert main(["run", "-o", "out"]) == 0
    assert main(["verdict", "out"]) == 0


def test_a_stage_that_cannot_run_stops_the_rest(place: Path) -> None:
    assert main(["run", "photos", "-o", "out", "--serve-stage", "--end_with 4 --size 2"]) == 4
    assert len(order(place / "out")) == 1


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--paint-stage=--sise 1"], 2, "paint-stage: unknown flag --sise\n  -> did you mean --size?"),
        (["--paint-stage", "'"], 2, "No closing quotation"),
        (["gone.jpg"], 2, "no photo and no folder gone.jpg"),
        (["--overwrit"], 2, "did you mean --overwrite?"),
        (["-o", "photos"], 2, "photos is no workspace"),
    ],
)
def test_mistakes_are_told_before_anything_begins(
    place: Path, words: list[str], code: int, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        assert main(["run", *words]) == code
    except SystemExit as end:
        assert end.code == code
    assert message in capfd.readouterr().err
    assert sorted(path.name for path in place.iterdir()) == ["photos"]


def test_a_mistake_in_pose_toml_is_told_before_the_first_stage(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["workspace", "out"]) == 0
    with (place / "out/pose.toml").open("a") as file:
        file.write("\n[paint]\nsise = 3\n")
    assert main(["run", "photos", "-o", "out"]) == 4
    assert "unknown key sise in [paint]\n  -> did you mean size?" in capfd.readouterr().err
    assert not (place / "out/reports/order.txt").exists()


def test_a_misspelt_workspace_is_not_created(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSE_WORKSPACE", "serfs")
    for words in (["run"], ["run", "photos"], ["status"], ["verdict"], ["found"]):
        assert main(words) == 2
        assert "no workspace serfs\n  -> create it: pose workspace 'serfs'" in capfd.readouterr().err
    assert not (place / "serfs").exists()
    assert main(["workspace"]) == 0
    assert capfd.readouterr().out == "created serfs: put photos into serfs/images\n"
    assert main(["workspace"]) == 0
    assert capfd.readouterr().out == "serfs is complete\n"


def test_a_long_list_of_photos_is_cut(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(23):
        (place / f"photos/{number}.jpg").write_text(str(number))
    assert main(["run", "photos", "-o", "out"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 22 and lines[20] == "and 5 more"
    assert main(["found", "out"]) == 0
    assert len(capfd.readouterr().out.splitlines()) == 25


def test_without_a_stage_it_says_what_helps(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "none").mkdir()
    only_stages_of(tmp_path / "none", monkeypatch)
    assert main(["run", "photos"]) == 2
    assert "no stage is installed here\n  -> make setup" in capfd.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_stops_it_stops_the_stage(place: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "stage_kit.command.pose", "run", "photos", "-o", "out"]
    run = subprocess.Popen(
        [*command, "--serve-stage=--wait"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        while not (place / "out/reports/waiting").exists():
            time.sleep(0.05)
            assert run.poll() is None
        # Ctrl-C on a terminal reaches all; `kill` only the one that it is told.
        os.killpg(run.pid, number) if number == signal.SIGINT else os.kill(run.pid, number)
        _, told = run.communicate(timeout=30)
    finally:
        run.kill()
    assert run.returncode == 128 + number
    assert told.count("serve-stage: ") == 1 and "paint-stage" not in told and "Traceback" not in told


def test_an_image_with_one_stage_alone_has_its_status_and_weights(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_stage(tmp_path / "image", "serve")
    only_stages_of(tmp_path / "image", monkeypatch)
    assert main(["workspace", "out"]) == 0
    assert main(["status", "out"]) == 0
    assert [line.split()[0] for line in capfd.readouterr().out.splitlines()[1:]] == ["done", "serve-stage"]
    assert main(["weights", "nothing.pth"]) == 2
    assert main(["weights"]) == 0  # it publishes none


def test_every_command_has_a_line_and_a_story(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(COMMANDS) == [*STORIES, *OF_THE_APP]
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    assert all(f"\n  {name} " in printed for name in COMMANDS)
    assert main([]) == 2


@pytest.mark.parametrize("words", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys; from stage_kit.command.pose import main\n"
        f"try: main({words!r})\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print([name for name in ('torch', 'cv2', 'numpy', 'pydantic', 'PIL', 'tqdm') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).endswith("[]\n")
