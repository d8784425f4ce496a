"""Whole runs of the command with a sport, a model of strokes, and plots."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from people import figure, pose, times, write_video
from shots import KINDS, PLAYERS, stroke
from synthetic import rower, walker

from motion_stage.cli import main
from motion_stage.report import MotionReport
from motion_stage.sequence import Floats
from pose_contract.errors import DONE, USAGE, WEIGHTS_OR_CONFIG
from pose_contract.skeletons import COCO17
from pose_contract.storage import read_record
from pose_contract.workspace import Workspace
from stage_kit.command.settings import read_settings

NAME = "erg.mp4"


def run(workspace: Workspace, *words: str, plots: int = 0) -> int:
    count = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    return main([*words[:count], "--workspace", str(workspace.root), "--plots", str(plots), *words[count:]])


def rows(workspace: Workspace, file: str, name: str = NAME) -> list[dict[str, str]]:
    with (workspace.root / "motion" / name / file).open(encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def names(workspace: Workspace, name: str = NAME) -> set[str]:
    folder = workspace.root / "motion" / name
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def film(workspace: Workspace, t_seconds: Floats, points: dict[str, Floats], name: str = NAME) -> None:
    """Somebody whose points these are; the others are a standing figure's."""
    keypoints = np.tile(figure((600, 300)), (len(t_seconds), 1, 1))
    for point, path in points.items():
        keypoints[:, COCO17.keypoints.index(point)] = path
    write_video(workspace, name, t_seconds, lambda at, _: [pose(keypoints[at])])


def test_a_rower_has_strokes_and_what_is_not_asked_for_goes(workspace: Workspace) -> None:
    t_seconds = times(30, 10)
    film(workspace, t_seconds, rower(t_seconds))
    assert run(workspace, "--sport", "rowing", "--scale", "segment:0,0,100,0=1") == DONE
    events, cycles = rows(workspace, "events.csv"), rows(workspace, "cycles.csv")
    assert [row["kind"] for row in events[:3]] == ["catch", "finish", "catch"]
    assert float(events[0]["t_seconds"]) == pytest.approx(0.5, abs=0.05)
    assert float(cycles[0]["rate_per_minute"]) == pytest.approx(25, abs=0.2)
    assert float(cycles[0]["length_metres"]) == pytest.approx(float(cycles[0]["length_px"]) / 100, abs=1e-3)
    person = read_record(workspace.root / "motion" / NAME / "report.json", MotionReport).chosen[0]  # type: ignore[union-attr]
    assert person.sport is not None and person.sport.seen_by == "both" and person.sport.cycles == len(cycles)
    before = (workspace.root / "motion" / NAME / "keypoints_raw.csv").stat().st_mtime_ns
    assert run(workspace) == DONE
    assert not {"events.csv", "cycles.csv"} & names(workspace)
    assert (workspace.root / "motion" / NAME / "keypoints_raw.csv").stat().st_mtime_ns == before


def test_events_are_redone_alone_and_by_pose_toml(workspace: Workspace) -> None:
    t_seconds = times(30, 5)
    film(workspace, t_seconds, walker(t_seconds))
    assert run(workspace) == DONE
    folder = workspace.root / "motion" / NAME
    before = {name: (folder / name).stat().st_mtime_ns for name in names(workspace)}
    (workspace.root / "pose.toml").write_text('[motion]\nsport = "gait"\n')
    assert run(workspace, "events") == DONE
    strikes = [row["side"] for row in rows(workspace, "events.csv") if row["kind"] == "foot_strike"]
    assert strikes[:3] == ["left", "right", "left"]
    assert rows(workspace, "cycles.csv")[0]["step_seconds"] == ""
    for file in ("keypoints_raw.csv", "keypoints_smooth.csv", "speeds.csv"):
        assert (folder / file).stat().st_mtime_ns == before[file]
    assert run(workspace, "events", "--window", "0.3") == DONE  # an earlier step has changed as well
    assert (folder / "keypoints_smooth.csv").stat().st_mtime_ns != before["keypoints_smooth.csv"]


def test_somebody_who_does_not_row_fails_nothing(workspace: Workspace) -> None:
    write_video(workspace, NAME, times(30, 3), lambda *_: [pose(figure((300, 400)))])
    assert run(workspace, "--sport", "rowing") == DONE
    assert rows(workspace, "events.csv") == [] == rows(workspace, "cycles.csv")
    report = json.loads((workspace.root / "motion" / NAME / "report.json").read_text())
    assert "shows no movement of person 1's hand" in report["warnings"][0]


@pytest.fixture
def players(workspace: Workspace) -> Workspace:
    """Two players' videos of three seconds with a forehand in the middle second of one, a backhand of the other."""
    rng = np.random.default_rng(0)
    lines = ["video,start_seconds,end_seconds,class,track,recording,left_handed"]
    for player in PLAYERS[:2]:
        for number, kind in enumerate(("forehand", "backhand")):
            parts = [stroke(one, rng) for one in (KINDS[0], kind, KINDS[0])]
            hips = [part.mean_of(("left_hip", "right_hip"))[:, None] for part in parts]
            poses = [(part.keypoints_xy - hip) / part.torso_px for part, hip in zip(parts, hips, strict=True)]
            keypoints = 500 + 100 * np.concatenate(poses)
            film_of = f"{player}{number}.mp4"
            write_video(workspace, film_of, times(30, 3), lambda at, _, kept=keypoints: [pose(kept[at])])
            lines.append(f"{film_of},1.2,1.8,{kind},,{player},0")
    (workspace.root / "labels.csv").write_text("\n".join(lines) + "\n")
    return workspace


def test_strokes_are_trained_measured_and_told(players: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(players) == DONE
    labels = str(players.root / "labels.csv")
    assert run(players, "strokes", "train", "--labels", labels) == DONE
    assert "2 backhand, 2 forehand, 8 idle" in capsys.readouterr().out
    assert run(players, "strokes", "evaluate", "--labels", labels, "--output", str(players.root / "m.json")) == DONE
    assert set(json.loads((players.root / "m.json").read_text())["recordings"]) == set(PLAYERS[:2])
    assert "strokes.csv" not in names(players, "ann0.mp4")
    (players.root / "pose.toml").write_text('[motion]\nstrokes_model = "strokes.json"\n')
    assert run(players, "strokes", "predict") == DONE
    for file, kind in (("ann0.mp4", "forehand"), ("ben1.mp4", "backhand")):
        [span] = rows(players, "strokes.csv", file)
        assert span["class"] == kind and 1.0 < float(span["start_seconds"]) < float(span["end_seconds"]) < 2.0
        frames = rows(players, "stroke_frames.csv", file)
        columns = ("backhand_probability", "forehand_probability", "idle_probability")
        assert len(frames) == 90 and sum(float(frames[45][column]) for column in columns) == pytest.approx(1, abs=1e-3)


def test_what_labels_lack_is_said(players: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(players) == DONE
    file = players.root / "labels.csv"
    header = "video,start_seconds,end_seconds,class,track\n"
    for text, told in (
        ("", "holds no stroke"),
        (header + "ann0.mp4,1.0,2.0,,", "line 2 has no class"),
        (header + "ann0.mp4,x,2.0,forehand,", "could not convert"),
        (header + "ann0.mp4,3,2.0,forehand,", "ends before it starts"),
        (header + "none.mp4,1,2.0,forehand,", "no poses"),
        (header + "ann0.mp4,1,2.0,forehand,7", "mean 0 people"),
    ):
        file.write_text(text)
        assert run(players, "strokes", "train", "--labels", str(file)) == USAGE
        assert told in capsys.readouterr().err
    assert run(players, "strokes", "train", "--labels", "missing.csv") == USAGE
    assert run(players, "strokes", "predict", "--strokes_model", "none.json") == WEIGHTS_OR_CONFIG
    assert "strokes train" in capsys.readouterr().err
    assert run(players, "strokes", "predict") == USAGE
    assert "--strokes_model" in capsys.readouterr().err


def test_plots_are_drawn_for_everybody_and_can_be_left_out(workspace: Workspace) -> None:
    t_seconds = times(30, 4)
    film(workspace, t_seconds, rower(t_seconds))
    assert run(workspace, "--sport", "rowing", plots=1) == DONE
    plots = {f"plots/track-1-{name}.png" for name in ("angles", "hand-speed", "keypoints")}
    assert {name for name in names(workspace) if name.endswith(".png")} == plots
    folder = workspace.root / "motion" / NAME
    before = {name: (folder / name).read_bytes() for name in plots}
    assert run(workspace, "plot", "--sport", "rowing", plots=1) == DONE
    assert {name: (folder / name).read_bytes() for name in plots} == before
    assert run(workspace, "--sport", "rowing") == DONE
    assert not plots & names(workspace)


def test_the_settings_stand_in_pose_toml(tmp_path: Path) -> None:
    (tmp_path / "pose.toml").write_text('[motion]\nsport = "gait"\nwalking = "left"\nplots = 0\nleft_handed = 1\n')
    from motion_stage.cli import parser

    found = read_settings(tmp_path / "pose.toml", parser())
    assert {key: value for key, (_, value) in found.items()} == {
        "sport": "gait",
        "walking": "left",
        "plots": 0,
        "left_handed": 1,
    }
