"""pose.toml of a workspace, as hrn-stage reads it; and a workspace without a YAML."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from fakes import workspace_in

from hrn_stage import facts
from hrn_stage.cli import main, parser
from pose_contract.workspace import DEFAULT_CONFIG
from stage_kit.command.settings import read_settings
from stage_kit.command.template import template_file


def template_sections() -> str:
    """The sections of the template that are this stage's, with every key uncommented."""
    text = template_file("pose.toml").read_text(encoding="utf-8")
    start = text.index("\n[hrn]") + 1
    return "\n".join(line.removeprefix("# ") for line in text[start:].splitlines())


def test_the_template_has_every_key_with_its_default(tmp_path: Path) -> None:
    assert set(parser().sections) == set(facts().settings) == {"hrn", "draw"}
    tree = {name: keys for name, keys in tomllib.loads(template_sections()).items() if name in parser().sections}
    assert set(tree) == {"hrn", "draw"}
    for section, keys in tree.items():
        flags = parser().settings_of(section)
        assert keys.keys() == flags.keys()
        assert {key: keys[key] for key in keys if flags[key].default is not None} == {
            key: action.default for key, action in flags.items() if action.default is not None
        }
    (tmp_path / "pose.toml").write_text(template_sections())
    assert len(read_settings(tmp_path / "pose.toml", parser())) == sum(map(len, tree.values()))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory where custom/ is the workspace, which has annots and cuts, and no YAML."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSE_WORKSPACE", raising=False)
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path / "weights"))
    workspace_in(tmp_path / "custom")
    return tmp_path


def test_without_a_yaml_it_is_the_packaged_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--workspace", "custom"]):
        assert main(words) == 0
        assert capsys.readouterr().err.startswith("hrn-stage: embedded weights (see docs/networks.md), ")
    assert (place / "custom/final/a.jpg").is_file()
    assert not (place / "custom" / DEFAULT_CONFIG).exists()


def test_a_run_takes_it_and_says_so_first(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "custom/my.yaml").write_bytes(template_file(DEFAULT_CONFIG).read_bytes())
    (place / "custom/pose.toml").write_text(
        "[hrn]\ncfg = 'my.yaml'\nbatch_size = 2\nprecision = 'fp32'\n[draw]\nlabel = true\nline_thickness = 3\n"
    )
    assert main(["--line_thickness", "4", "TEST.FLIP_TEST", "false"]) == 0
    told = capsys.readouterr().err.splitlines()[0].partition("; ")[2]
    assert told == (
        "label 1 (pose.toml), line_thickness 4, cfg custom/my.yaml (pose.toml), precision fp32 (pose.toml), "
        "batch_size 2 (pose.toml), TEST.FLIP_TEST false"
    )
    drawn = (place / "custom/final/a.jpg").read_bytes()
    assert json.loads((place / "custom/reports/hrn-stage.json").read_text())["counts"]["processed"] == 3
    (place / "custom/pose.toml").write_text("[hrn]\nprecision = 'fp32'\n")
    assert main(["--line_thickness", "4", "TEST.FLIP_TEST", "false"]) == 0
    assert json.loads((place / "custom/reports/hrn-stage.json").read_text())["counts"]["redrawn"] == 3
    assert (place / "custom/final/a.jpg").read_bytes() != drawn


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[draw]\ncirle = 1", "custom/pose.toml: unknown key cirle in [draw]\n  -> did you mean circle?"),
        ("[hrn]\ncircle = 1", "custom/pose.toml: unknown key circle in [hrn]\n  -> it belongs into [draw]"),
        ("[draw]\nmin_score = 2", "custom/pose.toml: [draw] min_score: expected 0 to 1, got 2.0"),
        ("[draw]\ncircle_radius = 0", "custom/pose.toml: [draw] circle_radius: expected over 0"),
        ("[hrn]\nbatch_size = 0", "custom/pose.toml: [hrn] batch_size: expected 1 to 1024, got 0"),
        ("[hrn]\ncfg = 'gone.yaml'", "custom/gone.yaml: no such configuration file"),
    ],
)
def test_mistakes_in_it(place: Path, toml: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "custom/pose.toml").write_text(toml)
    assert main([]) == 4
    assert f"hrn-stage: {message}" in capsys.readouterr().err


def test_train_and_evaluate_are_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    assert "\n  train     " in printed and "\n  evaluate  " in printed
    with pytest.raises(SystemExit) as caught:
        main(["trian"])
    assert caught.value.code == 2 and "did you mean train?" in capsys.readouterr().err
