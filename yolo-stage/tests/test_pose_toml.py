"""pose.toml of a workspace, as yolo-stage reads it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from darknet_files import random_parameters, write_weights
from fakes import RED, photo, save

from stage_kit.command.settings import read_settings
from stage_kit.command.template import template_file
from yolo_stage import facts
from yolo_stage.cli import main, parser
from yolo_stage.darknet import read_network


def template_section(section: str) -> str:
    """A section of the template with every key uncommented."""
    text = template_file("pose.toml").read_text(encoding="utf-8")
    lines = text.split(f"\n[{section}]")[1].split("\n[")[0].splitlines()[1:]
    return "\n".join([f"[{section}]", *(line.removeprefix("# ") for line in lines)])


def test_the_template_has_every_key_with_its_default(tmp_path: Path) -> None:
    assert tuple(parser().sections) == facts().settings == ("yolo",)
    text = template_section("yolo")
    keys = tomllib.loads(text)["yolo"]
    flags = parser().settings_of("yolo")
    assert keys.keys() == flags.keys()
    assert {key: keys[key] for key in keys if flags[key].default is not None} == {
        key: action.default for key, action in flags.items() if action.default is not None
    }
    (tmp_path / "pose.toml").write_text(text)
    assert read_settings(tmp_path / "pose.toml", parser()).keys() == flags.keys()


@pytest.fixture
def place(tmp_path: Path, small_cfg: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory where custom/ is the workspace, with a small network in it that pose.toml names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSE_WORKSPACE", raising=False)
    save(tmp_path / "custom/images/a.jpg", photo({RED: (20, 30, 60, 120)}))
    (tmp_path / "custom/small.cfg").write_text(small_cfg)
    network = read_network(tmp_path / "custom/small.cfg")
    write_weights(tmp_path / "custom/small.weights", random_parameters(network, 1))
    (tmp_path / "custom/names").write_text("person\nball\n")
    network = "model_def = 'small.cfg'\nclass_path = 'names'\nengine = 'opencv'"
    (tmp_path / "custom/pose.toml").write_text(f"[yolo]\n{network}\nconf_thres = 0.8\n[draw]\nlabel = 1\n")
    return tmp_path


def options(place: Path) -> dict[str, object]:
    return json.loads((place / "custom/annots/a.json").read_text())["made_by"]["options"]


def test_a_run_takes_it_and_says_so_first(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert options(place)["conf_thres"] == 0.8
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("yolo-stage: weights custom/small.weights, OpenCV fp32; model_def custom/small.cfg (pose.")
    assert first.endswith("engine opencv (pose.toml), conf_thres 0.8 (pose.toml)")


def test_flags_win(place: Path) -> None:
    assert main(["--workspace", "custom", "--conf_thres", "0.7", "--max_people", "2"]) == 0
    assert options(place)["conf_thres"] == 0.7 and options(place)["max_people"] == 2


def test_the_originals_folders_lead_to_it_too(place: Path) -> None:
    assert main(["--image_folder", "custom/images", "--annot_folder", "custom/annots"]) == 0
    assert options(place)["conf_thres"] == 0.8


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("max_peple = 1", "custom/pose.toml: unknown key max_peple in [yolo]\n  -> did you mean max_people?"),
        ("max_people = -1", "custom/pose.toml: [yolo] max_people: expected 0 (no limit) or more, got -1"),
        ("img_size = 100", "custom/pose.toml: [yolo] img_size: expected a multiple of 32"),
        ("precision = 'bf16'", "custom/pose.toml: [yolo] precision: the opencv engine computes in fp32 only"),
    ],
)
def test_mistakes_in_it(place: Path, line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = place / "custom/pose.toml"
    path.write_text(path.read_text().replace("[yolo]", f"[yolo]\n{line}"))
    assert main([]) == 4
    assert f"yolo-stage: {message}" in capsys.readouterr().err


def test_train_and_evaluate_are_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    assert "\n  train     " in printed and "\n  evaluate  " in printed
    with pytest.raises(SystemExit) as caught:
        main(["evalute"])
    assert caught.value.code == 2 and "did you mean evaluate?" in capsys.readouterr().err
