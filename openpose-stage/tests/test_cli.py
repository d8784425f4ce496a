"""The command: flags, pose.toml, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from fakes import write_photo
from test_hpe import small_ir

from openpose_stage.cli import main, parser
from openpose_stage.options import DecodeOptions, ModelOptions, OpenposeOptions, own_folders, scales_in
from pose_contract.errors import UsageError
from pose_contract.workspace import Workspace
from stage_kit.command.settings import read_settings
from stage_kit.command.template import template_file
from stage_kit.stages import installed_stages


def test_help_and_version_are_quick_and_light() -> None:
    script = (
        "import sys\nfrom openpose_stage.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
    )
    heavy = "print(sorted({'numpy', 'cv2', 'openvino', 'scipy', 'pydantic'} & sys.modules.keys()))"
    printed = subprocess.run([sys.executable, "-c", script + heavy], capture_output=True, text=True, check=True).stdout
    assert "--seed_links" in printed and printed.strip().endswith("[]")


def test_defaults_of_flags_are_those_of_the_options() -> None:
    args = parser().parse_args([])
    assert DecodeOptions.of(vars(args)) == DecodeOptions()
    assert ModelOptions(
        args.model, args.weights_path, args.precision, args.norm, args.height, scales_in(args.scales)
    ) == (ModelOptions())


def test_every_setting_of_the_template_is_a_flag_with_that_default(tmp_path: Path) -> None:
    text = template_file("pose.toml").read_text()
    section = text.split("[openpose]")[1].split("\n[")[0]
    lines = [line.removeprefix("# ") for line in section.splitlines() if line.startswith("# ")]
    tmp_path.joinpath("pose.toml").write_text("[openpose]\n" + "\n".join(lines))
    settings = read_settings(tmp_path / "pose.toml", parser())
    assert set(settings) == set(parser().settings_of("openpose"))
    values, defaults = tomllib.loads("\n".join(lines)), vars(parser().parse_args([]))
    shown = {
        "weights_path",
        "height",
        "threshold",
        "explain_frames",
        "smooth",
        "upsample",
        "min_points",
        "min_mean",
        "batch_size",
        "circle_radius",
        "line_thickness",
    }  # left out: the network's
    assert {
        key: bool(defaults[key]) if values[key] in (True, False) and isinstance(values[key], bool) else defaults[key]
        for key in values.keys() - shown
    } == {key: values[key] for key in values.keys() - shown}


def test_it_is_no_part_of_pose_run() -> None:
    (stage,) = [stage for stage in installed_stages() if stage.name == "openpose-stage"]
    assert not stage.in_run and stage.status is None and stage.settings == ("openpose",)


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--height", "20"], "--height"),
        (["--scales", "1,x"], "--scales"),
        (["--scales", ""], "--scales"),
        (["--scales", "9"], "--scales"),
        (["--threshold", "1"], "--threshold"),
        (["--upsample", "0"], "--upsample"),
        (["--samples", "1"], "--samples"),
        (["--min_good", "11"], "--min_good"),
        (["--smooth", "-1"], "--smooth"),
        (["--min_points", "0"], "--min_points"),
        (["--min_score", "2"], "--min_score"),
        (["--line_thickness", "0"], "--line_thickness"),
        (["--batch_size", "0"], "--batch_size"),
        (["--max_file_mb", "0"], "--max_file_mb"),
    ],
)
def test_values_without_a_meaning_are_refused(
    workspace: Workspace, flags: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--workspace", str(workspace.root), *flags]) == 2
    told = capsys.readouterr().err
    assert reason in told and "-> " in told and "Traceback" not in told


def test_pose_toml_is_blamed_for_what_it_says(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    Path(workspace.root, "pose.toml").write_text("[openpose]\nheight = 20\n")
    assert main(["--workspace", str(workspace.root)]) == 4
    assert "[openpose] height" in capsys.readouterr().err
    Path(workspace.root, "pose.toml").write_text("[openpose]\nhight = 20\n")
    assert main(["--workspace", str(workspace.root)]) == 4
    assert "did you mean height?" in capsys.readouterr().err


def test_a_run_with_an_ir_and_settings(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_photo(workspace, "a.jpg", [])
    weights = small_ir(tmp_path / "small.xml", (38, 19))
    Path(workspace.root, "pose.toml").write_text("[openpose]\nexplain = true\nheight = 128\n")
    words = ["--workspace", str(workspace.root), "--weights_path", str(weights), "--precision", "fp32"]
    assert main([*words, "--single"]) == 0
    told = capsys.readouterr().err
    assert "weights" in told and "network" in told and "reading its maps" in told, "times are printed"
    record = json.loads((workspace.root / "openpose/poses/a.json").read_text())
    assert record["made_by"]["options"]["height"] == 128 and record["made_by"]["options"]["single"] is True
    assert (workspace.root / "openpose/maps/a/6-persons.jpg").is_file()
    assert main([*words, "--quiet"]) == 0 and capsys.readouterr().err == ""


def test_bad_photos_end_with_3_and_missing_ones_with_2(workspace: Workspace, tmp_path: Path) -> None:
    weights = small_ir(tmp_path / "small.xml", (38, 19))
    words = ["--workspace", str(workspace.root), "--weights_path", str(weights), "--quiet"]
    assert main(words) == 2
    (workspace.root / "images/a.jpg").write_bytes(b"no picture")
    assert main(words) == 3 and main([*words, "--keep_going"]) == 0
    assert main([*words[:2], "--weights_path", str(tmp_path / "none.xml")]) == 4


def test_a_library_call_takes_the_commands_flags_and_no_others(tmp_path: Path) -> None:
    from openpose_stage import load_openpose

    with pytest.raises(UsageError, match="no keyword hight"):
        load_openpose(hight=3)
    with pytest.raises(UsageError, match="model: expected one of"):
        load_openpose(model="openpose")
    find = load_openpose(weights_path=small_ir(tmp_path / "small.xml", (38, 19)), upsample=1, scales=(1, 0.5))
    assert find.reading.rules.points.upsample == 1 and find.scales == (1, 0.5)
    assert len(find([np.zeros((80, 80, 3), np.uint8)] * 2)) == 2


def test_the_largest_sum_needs_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert DecodeOptions(pairing="hungarian").pairing == "hungarian"
    monkeypatch.setattr("openpose_stage.options.find_spec", lambda _name: None)
    with pytest.raises(UsageError, match="needs SciPy"):
        DecodeOptions(pairing="hungarian")


def test_the_folders_are_its_own() -> None:
    own = own_folders(Workspace(Path("w")))
    assert (
        own.poses_file("sub/a.jpg") == "openpose/poses/sub/a.json" and own.final_file("a.jpg") == "openpose/final/a.jpg"
    )
    assert own.video_poses_file("a.mp4") == "openpose/poses/a.mp4.jsonl" and own.images == "images"
    assert OpenposeOptions(own).explain is False
