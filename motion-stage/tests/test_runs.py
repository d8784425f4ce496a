"""The command on workspaces: what it writes, what it keeps, what it says of bad input (A12, A14, A16)."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from people import figure, pose, times, walker, write_video

from motion_stage import facts
from motion_stage.cli import main, parser
from motion_stage.report import MotionReport
from motion_stage.status import counted
from motion_stage.track_file import TrackFile
from pose_contract.records import ImagePoses, MadeBy
from pose_contract.skeletons import COCO17, MPII16
from pose_contract.storage import read_record, read_report, write_record
from pose_contract.workspace import Workspace
from stage_kit.command.settings import read_settings
from stage_kit.command.template import template_file

NAME = "sub/erg.mp4"


def run(workspace: Workspace, *flags: str) -> int:
    command = flags[:1] if flags and not flags[0].startswith("-") else ()
    plots = () if "--plots" in flags else ("--plots", "0")  # which have tests of their own, and take seconds
    return main([*command, "--workspace", str(workspace.root), *plots, *flags[len(command) :]])


def rows(workspace: Workspace, file: str, name: str = NAME) -> list[dict[str, str]]:
    with (workspace.root / "motion" / name / file).open(encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def report(workspace: Workspace, name: str = NAME) -> MotionReport:
    found = read_record(workspace.root / "motion" / name / "report.json", MotionReport)
    assert found is not None
    return found


def files(workspace: Workspace) -> dict[str, bytes]:
    folder = workspace.root / "motion"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_no_videos_nothing_said_and_nothing_written(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(workspace) == 0
    assert capsys.readouterr() == ("", "") and list(workspace.root.iterdir()) == []
    script = f"import sys; from motion_stage.cli import main; main(['--workspace', {str(workspace.root)!r}]); "
    heavy = "print(sorted({'numpy', 'scipy', 'cv2', 'pydantic'} & sys.modules.keys()))"
    printed = subprocess.run([sys.executable, "-c", script + heavy], capture_output=True, text=True, check=True).stdout
    assert "scipy" not in printed and "cv2" not in printed


def test_a_walk(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    write_video(workspace, NAME, times(30, 4), walker)
    assert run(workspace, "--scale", "height:1.80") == 0
    assert "motion-stage: 1 sequence: 1 measured; 1 person;" in capsys.readouterr().err
    folder = workspace.root / "motion" / NAME
    tables = {"angles.csv", "keypoints_raw.csv", "keypoints_smooth.csv", "speeds.csv", "wide.csv"}
    others = {"report.json", "track-1.mot", "track-1.trc", "tracks.json"}
    assert {path.name for path in folder.iterdir()} == tables | others
    smooth = rows(workspace, "keypoints_smooth.csv")
    assert len(smooth) == 120 * 17 == len(rows(workspace, "keypoints_raw.csv"))
    assert list(smooth[0]) == ["frame", "t_seconds", "track", "keypoint", "x_px", "y_px", "score", "state"]
    assert smooth[0]["keypoint"] == "nose" and smooth[0]["state"] == "measured" and smooth[0]["x_px"] == "220.000"
    speeds = rows(workspace, "speeds.csv")
    assert Counter(row["point"] for row in speeds) == {"hand": 120, "mid_hip": 120}
    assert {row["speed_px_per_s"] for row in speeds} == {"150.0000"} == {row["x_px_per_s"] for row in speeds}
    scale = report(workspace).chosen[0].metres_per_px
    assert scale and float(speeds[0]["speed_m_per_s"]) == pytest.approx(150 * scale, abs=1e-4)
    angles = rows(workspace, "angles.csv")
    assert len(angles) == 120 and angles[0]["facing"] == "right" and angles[0]["trunk_degrees"] == "90.00"
    assert all(row["speed_px_per_frame"] == "5.0000" for row in speeds)
    wide = rows(workspace, "wide.csv")
    assert len(wide) == 120 and len(wide[0]) == 3 + 34 and wide[0]["nose_x_px"] == "220.000"


def test_missing_is_an_empty_cell_and_raw_is_as_recorded(workspace: Workspace) -> None:
    def people(at: int, t: float) -> list:
        scores = np.full(17, 0.9)
        scores[9] = 0.1 if 40 <= at < 60 else 0.9
        return [] if 80 <= at < 83 else [pose(figure((200 + 30 * t, 400)), points_score=scores)]

    write_video(workspace, NAME, times(30, 4), people, repeated=[20])
    assert run(workspace) == 0
    raw = {(row["frame"], row["keypoint"]): row for row in rows(workspace, "keypoints_raw.csv")}
    smooth = {(row["frame"], row["keypoint"]): row for row in rows(workspace, "keypoints_smooth.csv")}
    assert raw["50", "left_wrist"]["state"] == "low_score" and raw["50", "left_wrist"]["x_px"] != ""
    assert smooth["50", "left_wrist"]["state"] == "low_score" and smooth["50", "left_wrist"]["x_px"] == ""
    assert raw["81", "nose"]["state"] == "missing" and raw["81", "nose"]["score"] == "" == raw["81", "nose"]["x_px"]
    assert smooth["81", "nose"]["state"] == "interpolated" and smooth["81", "nose"]["x_px"] != ""
    assert raw["20", "nose"]["state"] == "duplicate" and smooth["20", "nose"]["state"] == "interpolated"
    for counts in report(workspace).chosen[0].states.values():
        assert sum(counts.values()) == 120
    assert "speed_m_per_s" not in rows(workspace, "speeds.csv")[0]


def test_the_same_input_gives_the_same_bytes_and_is_not_done_twice(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(workspace, NAME, times(30, 4), walker)
    assert run(workspace) == 0
    first = files(workspace)
    stamps = {path: path.stat().st_mtime_ns for path in (workspace.root / "motion").rglob("*")}
    assert run(workspace) == 0 and "1 already done" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert run(workspace, "--overwrite") == 0 and files(workspace) == first
    for file in ("speeds.csv", "report.json"):
        (workspace.root / "motion" / NAME / file).unlink()
        assert run(workspace) == 0 and files(workspace) == first


def test_another_setting_or_record_has_it_made_anew(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    write_video(workspace, NAME, times(30, 4), walker)
    assert run(workspace) == 0
    assert run(workspace, "--filter", "median") == 0 and "1 measured" in capsys.readouterr().err
    assert report(workspace).made_by.options["filter"] == "median"
    write_video(workspace, NAME, times(30, 3), walker)
    assert run(workspace, "--filter", "median") == 0 and report(workspace).frames == 90


def test_a_step_redoes_itself_and_what_follows(workspace: Workspace) -> None:
    write_video(workspace, NAME, times(30, 4), walker)
    assert run(workspace) == 0
    before = {path.name: path.stat().st_mtime_ns for path in (workspace.root / "motion" / NAME).iterdir()}
    assert run(workspace, "measure", "--speed", "window") == 0
    after = {path.name: path.stat().st_mtime_ns for path in (workspace.root / "motion" / NAME).iterdir()}
    kept = {name for name in before if before[name] == after[name]}
    assert kept == {"tracks.json", "keypoints_raw.csv", "keypoints_smooth.csv", "wide.csv"}
    assert rows(workspace, "speeds.csv")[0]["speed_px_per_s"] == ""
    assert run(workspace, "smooth", "--filter", "none") == 0 and report(workspace).made_by.options["filter"] == "none"
    assert run(workspace, "--filter", "none") == 0


def test_corrected_tracks_are_kept(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    def people(at: int, t: float) -> list:
        return [pose(figure((200 + 900 * (at >= 60), 400)), index=0)]

    path = write_video(workspace, NAME, times(30, 4), people)
    assert run(workspace) == 0
    tracks = workspace.root / "motion" / NAME / "tracks.json"
    found = read_record(tracks, TrackFile)
    assert found is not None and [entry.id for entry in found.tracks] == [1, 2]
    content = json.loads(tracks.read_text())
    joined = content["tracks"][0] | {"last_frame": 119, "rows": 120, "people": [[0, 59, 0], [60, 119, 0]]}
    tracks.write_text(json.dumps(content | {"tracks": [joined]}))
    mine = tracks.read_bytes()
    for flags in ((), ("--overwrite",), ("track", "--gate", "2")):
        assert run(workspace, *flags) == 0
        assert "corrected tracks.json, which is kept" in capsys.readouterr().err
        assert tracks.read_bytes() == mine and report(workspace).chosen[0].frames == 120
    write_video(workspace, NAME, times(30, 5), people)
    assert run(workspace) == 3 and "made of other poses" in capsys.readouterr().err
    assert tracks.read_bytes() == mine
    path.unlink()


def test_bad_input_is_told_in_a_line_each_and_the_others_go_on(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(workspace, "none.mp4", [], walker)
    write_video(workspace, "nobody.mp4", times(30, 2), lambda *_: [])
    write_video(workspace, "one.mp4", [0.0], walker)
    write_video(workspace, "good.mp4", times(30, 2), walker)
    broken = write_video(workspace, "broken.mp4", times(30, 2), walker)
    broken.write_bytes(broken.read_bytes()[:9000])
    (workspace.root / "output/poses/text.mp4.jsonl").write_text("this is no record\n")
    (workspace.root / "output/poses/binary.mp4.jsonl").write_bytes(b"\xff\xfe\x00" * 100)
    still = write_video(workspace, "still.mp4", times(30, 2), walker)
    still.write_text(still.read_text().replace('"frame":7,', '"frame":6,'))
    assert run(workspace) == 3
    told = capsys.readouterr().err
    for line in (
        "images/none.mp4 has no frame",
        "images/nobody.mp4 shows nobody for long enough",
        "images/one.mp4 has one frame: nothing moves in it",
        "images/broken.mp4 has a record whose line",
        "images/text.mp4 has a record whose line 1 is none",
        "images/binary.mp4 has a record whose line 1 is none",
        "images/still.mp4 has a record whose times do not rise at line 9",
    ):
        assert told.count(line) == 1, told
    found = read_report(workspace.report_path("motion-stage"))
    assert found is not None and len(found.failures) == 5 and found.counts.processed == 3
    assert len(rows(workspace, "speeds.csv", "good.mp4")) == 120 and rows(workspace, "speeds.csv", "nobody.mp4") == []
    assert len(rows(workspace, "keypoints_raw.csv", "one.mp4")) == 17
    assert run(workspace, "--keep_going") == 0
    for name in ("none", "broken", "text", "binary", "still"):
        (workspace.root / f"output/poses/{name}.mp4.jsonl").unlink()
    assert run(workspace) == 0


def test_a_report_of_videos_that_are_gone_is_removed(workspace: Workspace) -> None:
    path = write_video(workspace, "none.mp4", [], walker)
    assert run(workspace) == 3
    path.unlink()
    assert run(workspace) == 0 and not workspace.report_path("motion-stage").exists()


def test_motion_of_a_video_that_is_gone_is_removed(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    gone = [write_video(workspace, name, times(30, 2), walker) for name in ("gone.mp4", "mine.mp4")]
    write_video(workspace, NAME, times(30, 2), walker)
    write_photos(workspace, list(range(9)))
    assert run(workspace, "--fps", "10") == 0
    tracks = workspace.root / "motion/mine.mp4/tracks.json"
    tracks.write_text(tracks.read_text().replace('"chosen": true', '"chosen": false'))
    strangers = workspace.root / "motion/gone.mp4/report.json"
    strangers.write_text(strangers.read_text().replace('"wide.csv"', '"wide.csv", "../../pose.toml"'))
    (workspace.root / "pose.toml").touch()
    for path in gone:
        path.unlink()
    capsys.readouterr()
    assert run(workspace) == 0 and "gone.mp4 is gone: its motion is removed" in capsys.readouterr().err
    assert sorted(path.name for path in (workspace.root / "motion").iterdir()) == ["burst", "mine.mp4", "sub"]
    assert tracks.is_file() and (workspace.root / "pose.toml").is_file()


def write_photos(workspace: Workspace, numbers: list[int], folder: str = "burst") -> None:
    made_by = MadeBy(stage="hrn-stage", results=1, model="m", weights_sha256="0" * 64, options={})
    for number in numbers:
        person = pose(figure((200 + 5.0 * number, 400)))
        points = [
            {"name": name, "x": x, "y": y, "score": score}
            for name, (x, y, score) in zip(COCO17.keypoints, person.keypoints, strict=True)
        ]
        record = ImagePoses.model_validate(
            {
                "image": f"images/{folder}/shot-{number:03}.jpg", "image_sha256": "0" * 64,
                "width": 1280, "height": 720, "skeleton": "coco17", "made_by": made_by.model_dump(),
                "people": [{"index": 0, "score": 0.9, "box": person.box.model_dump(), "keypoints": points}],
            }
        )  # fmt: skip
        path = workspace.root / f"output/poses/{folder}/shot-{number:03}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_record(path, record)


def test_numbered_photos_are_a_sequence_where_a_rate_is_given(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    write_photos(workspace, [number for number in range(5, 65) if number != 30])
    write_photos(workspace, [1], "single")
    assert run(workspace) == 0 and not (workspace.root / "motion").exists()
    assert run(workspace, "--fps", "10") == 0
    speeds = rows(workspace, "speeds.csv", "burst")
    assert len(speeds) == 2 * 59 and {row["speed_px_per_s"] for row in speeds} == {"50.0000"}
    assert speeds[25]["t_seconds"] == "2.600000" and speeds[25]["frame"] == "26"
    assert not (workspace.root / "motion/single").exists()
    capsys.readouterr()


@pytest.mark.parametrize("scaled", [False, True])
def test_trc_and_mot_are_read_by_their_own_rules(workspace: Workspace, scaled: bool) -> None:
    """A16, by a reader of the formats' published rules: tabs, counts, a Frame# and Time column."""

    def people(at: int, t: float) -> list:
        points = figure((200 + 30 * t, 400))
        points[9] = (np.nan, np.nan) if 40 <= at < 60 else points[9]
        return [pose(points)]

    write_video(workspace, NAME, times(30, 4), people)
    assert run(workspace, *(("--scale", "segment:0,0,1000,0=2.5") if scaled else ())) == 0
    lines = (workspace.root / "motion" / NAME / "track-1.trc").read_text().split("\n")
    assert lines[0].split("\t") == ["PathFileType", "4", "(X/Y/Z)", "track-1.trc"]
    header = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    assert header["NumFrames"] == "120" and header["NumMarkers"] == "17" and header["DataRate"] == "30"
    assert header["Units"] == ("m" if scaled else "px")
    names = [name for name in lines[3].split("\t")[2:] if name]
    assert names == list(COCO17.keypoints) and len(lines[4].split("\t")) == 2 + 3 * 17 and lines[5] == ""
    data = [line.split("\t") for line in lines[6:-1]]
    assert len(data) == 120 and {len(row) for row in data} == {2 + 3 * 17}
    assert [int(row[0]) for row in data] == list(range(1, 121)) and float(data[30][1]) == 1.0
    unit = 0.0025 if scaled else 1.0
    assert float(data[0][3]) == pytest.approx((720 - 260) * unit, abs=1e-3)  # the nose, y up
    assert data[50][2 + 27 : 2 + 30] == ["", "", ""] and data[70][2 + 27] != ""
    head, table = (workspace.root / "motion" / NAME / "track-1.mot").read_text().split("endheader\n")
    assert "inDegrees=yes" in head and "nRows=120" in head
    columns, *values = [line.split("\t") for line in table.splitlines()]
    assert columns[0] == "time" and f"nColumns={len(columns)}" in head and len(values) == 120
    assert {len(row) for row in values} == {len(columns)}
    assert math.isnan(float(values[50][columns.index("left_elbow")])) and float(values[0][columns.index("trunk")]) == 90


def test_other_skeletons(workspace: Workspace) -> None:
    def people(at: int, t: float) -> list:
        return [pose(np.arange(32.0).reshape(16, 2) * 10 + 30 * t)]

    write_video(workspace, NAME, times(30, 2), people, MPII16)
    assert run(workspace, "--speed_of", "hand,pelvis") == 0
    assert run(workspace, "--speed_of", "left_toe") == 2


def test_the_template_has_every_key_with_its_default(tmp_path: Path) -> None:
    assert tuple(parser().sections) == facts().settings == ("motion", "draw")
    text = template_file("pose.toml").read_text(encoding="utf-8")
    lines = text.split("\n[motion]")[1].split("\n[")[0].splitlines()[1:]
    text = "\n".join(["[motion]", *(line.removeprefix("# ") for line in lines)])
    keys, flags = tomllib.loads(text)["motion"], parser().settings_of("motion")
    assert keys.keys() == flags.keys()
    defaults = {key: action.default for key, action in flags.items() if action.default is not None}
    assert {key: keys[key] for key in defaults} == defaults
    (tmp_path / "pose.toml").write_text(text + "\n[draw]\nline = true\nblur_faces = true\n")  # others are hrn-stage's
    assert read_settings(tmp_path / "pose.toml", parser()).keys() == {*flags, "blur_faces"}


@pytest.mark.parametrize(
    ("flags", "code", "line"),
    [
        (["--window", "0"], 2, "--window: expected over 0, up to 1000, got 0.0"),
        (["--pick", "tallest"], 2, "--pick: expected all, largest, score, travel, first or id:NUMBER, got tallest"),
        (["--filter", "butterworth", "--cutoff_hz", "14"], 2, "--cutoff_hz: expected over 0 and under 13.5"),
        (["--scale", "tall"], 2, "--scale"),
        (["smoth"], 2, "did you mean smooth?"),
        (["--workspace", "/nowhere"], 2, "no workspace /nowhere"),
    ],
)
def test_mistakes(
    workspace: Workspace, flags: list[str], code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(workspace, NAME, times(30, 2), walker)
    words = flags if flags[0] in {"smoth", "--workspace"} else ["--workspace", str(workspace.root), *flags]
    try:
        assert main(words) == code
    except SystemExit as end:
        assert end.code == code
    assert line in capsys.readouterr().err


def test_pose_toml_is_blamed_for_its_own(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    write_video(workspace, NAME, times(30, 2), walker)
    (workspace.root / "pose.toml").write_text("[motion]\nhits = 0\n")
    assert run(workspace) == 4 and "pose.toml: [motion] hits: expected 1 to 1000, got 0" in capsys.readouterr().err
    (workspace.root / "pose.toml").write_text("[motion]\nfilter = 'median'\nseed_compat = true\n")
    assert run(workspace) == 0 and report(workspace).made_by.options["seed_compat"] == 1


def test_a_longer_clip_takes_hardly_more_memory(workspace: Workspace) -> None:
    """A12, as far as a whole track must be held: its arrays, 17 x 21 bytes a frame, and little else."""
    write_video(workspace, "short.mp4", times(30, 2), walker)
    write_video(workspace, "long.mp4", times(30, 40), walker)
    peaks = []
    for name in ("short", "long"):
        root = workspace.root / name
        (root / "output/poses").mkdir(parents=True)
        (workspace.root / f"output/poses/{name}.mp4.jsonl").rename(root / f"output/poses/{name}.mp4.jsonl")
        script = (
            "import resource, sys; from motion_stage.cli import main; "
            f"assert main(['--workspace', {str(root)!r}, '--quiet']) == 0; "
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        peaks.append(int(printed) * 1024)
    assert peaks[1] <= 1.1 * peaks[0] + 1200 * 17 * 21


def test_pose_status_counts_motion(workspace: Workspace) -> None:
    assert counted(workspace) == {}
    write_video(workspace, "a.mp4", times(30, 1), walker)
    write_video(workspace, "nobody.mp4", times(30, 1), lambda *_: [])
    broken = write_video(workspace, "broken.mp4", times(30, 1), walker)
    broken.write_bytes(broken.read_bytes()[:3000])
    assert counted(workspace) == {"to do": 3}
    assert run(workspace) == 3
    assert counted(workspace) == {"done": 2, "nobody": 1, "failed": 1}
    write_video(workspace, "a.mp4", times(30, 2), walker)
    assert counted(workspace) == {"done": 1, "nobody": 1, "failed": 1, "to do": 1}
