"""The command: flags, exit codes, and the original tool's command line."""

from __future__ import annotations

import json
import subprocess
import sys
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make setup TORCH=1")

import yaml
from fakes import workspace_in

from hrn_stage.cli import main
from hrn_stage.config_keys import ModelConfig
from hrn_stage.model_files import EstimatorPlan, plan_estimator
from hrn_stage.network import build_network
from hrn_stage.options import EstimateOptions
from hrn_stage.steps import estimate_poses
from pose_contract.records import RunReport
from pose_contract.workspace import Workspace

COMMAND = Path(sys.executable).parent / "hrn-stage"
YAML = "custom/w32_256x256_adam_lr1e-3.yaml"


@pytest.fixture
def place(tmp_path: Path, tiny_tree: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory where custom/ is the workspace, with a tiny network's YAML and weights in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSE_WORKSPACE", raising=False)
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path / "weights"))
    workspace_in(tmp_path / "custom")
    tree = tiny_tree
    tree["MODEL"]["PRETRAINED"] = "tiny.pth"
    tree["OUTPUT_DIR"] = "custom/output"
    tree["DATASET"] |= {
        "ANNOTS": "custom/annots", "IMAGES": "custom/images", "CUTS": "custom/cuts", "FINAL": "custom/final",
    }  # fmt: skip
    (tmp_path / YAML).write_text(yaml.safe_dump(tree))
    torch.manual_seed(1)
    network = build_network(ModelConfig.model_validate(tree["MODEL"]))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    for name, buffer in network.named_buffers():
        buffer.fill_(1 if name.endswith("running_var") else 0)
    torch.save(network.state_dict(), tmp_path / "custom/tiny.pth")
    return tmp_path


def test_the_originals_command_line(place: Path) -> None:
    flags = ["--circle", "0", "--label", "0", "--line", "1", "--line_thickness", "2", "--cfg"]
    assert main([*flags, YAML]) == 0
    poses = json.loads((place / "custom/output/poses/a.json").read_text())
    assert len(poses["people"]) == 2 and poses["skeleton"] == "mpii16"
    assert (place / "custom/final/z.jpg").is_file()


def test_without_cfg_it_is_the_workspaces_own(place: Path) -> None:
    assert main(["--quiet"]) == 0
    assert main(["--workspace", "custom"]) == 0
    assert json.loads((place / "custom/reports/hrn-stage.json").read_text())["counts"]["skipped"] == 3


def test_key_value_pairs_override_the_yaml(place: Path) -> None:
    assert main(["--cfg", YAML, "TEST.FLIP_TEST", "True", "TEST.DECODE", "dark", "TEST.POST_PROCESS", "true"]) == 0
    options = json.loads((place / "custom/output/poses/a.json").read_text())["made_by"]["options"]
    assert options["flip_test"] is True and options["decode"] == "dark" and options["blur_kernel"] == 11


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--cfg", "gone.yaml"], 4, "gone.yaml"),
        (["--workspace", "nowhere"], 2, "make workspace"),
        (["--cfg", YAML, "TEST.FLIP_TST", "1"], 4, "TEST.FLIP_TEST"),
        (["--cfg", YAML, "TEST.FLIP_TEST"], 2, "TEST.FLIP_TEST"),
        (["--cfg", YAML, "TEST.MODEL_FILE", "gone.pth"], 4, "gone.pth"),
        (["--cfg", YAML, "MODEL.NUM_JOINTS", "17"], 4, "16"),
        (["--cfg", YAML, "--workspace", "empty"], 2, "make yolo"),
        (["--cfg", YAML, "--batch_size", "0"], 2, "--batch_size"),
        (["--cfg", YAML, "--batch_size", "1000000000"], 2, "--batch_size"),
        (["--cfg", YAML, "TEST.BLUR_KERNEL", "99999999"], 4, "expected 101 or less"),
        (["--cfg", YAML, "MODEL.IMAGE_SIZE", "[1000000000,32]"], 4, "expected 4096 or less"),
        (["--cfg", YAML, "--min_score", "2"], 2, "--min_score"),
        (["--cfg", YAML, "--line_thickness", "0"], 2, "--line_thickness"),
        (["--cfg", YAML, "--circle_thickness", "-2"], 2, "--circle_thickness"),
    ],
)
def test_exit_codes_and_messages(
    place: Path, flags: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(flags) == code
    printed = capsys.readouterr().err
    assert message in printed and "->" in printed


@pytest.mark.parametrize(
    ("flags", "field", "value"),
    [
        ([], "style.min_score", 0.2),
        (["--min_score", "0.5"], "style.min_score", 0.5),
        ([], "style.circle", True),
        (["--circle", "0"], "style.circle", False),
        ([], "style.label", False),
        (["--label", "1"], "style.label", True),
        ([], "style.line", True),
        (["--line", "0"], "style.line", False),
        (["--circle_radius", "7"], "style.circle_radius", 7),
        (["--circle_thickness", "3"], "style.circle_thickness", 3),
        (["--label_font_scale", "0.7"], "style.label_font_scale", 0.7),
        (["--label_thickness", "3"], "style.label_thickness", 3),
        (["--line_thickness", "5"], "style.line_thickness", 5),
        (["--batch_size", "3"], "batch_size", 3),
        (["--overwrite"], "overwrite", True),
        (["--keep_going"], "keep_going", True),
        (["--quiet"], "quiet", True),
        (["--workspace", "custom"], "workspace", Workspace(Path("custom"))),
    ],
)
def test_every_flag_arrives(
    place: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], field: str, value: object
) -> None:
    asked: list[EstimateOptions] = []

    def noted(options: EstimateOptions, plan: EstimatorPlan) -> RunReport:
        asked.append(options)
        return estimate_poses(options, plan)

    monkeypatch.setattr("hrn_stage.steps.estimate_poses", noted)
    assert main(["--cfg", YAML, *flags]) == 0
    assert attrgetter(field)(asked[0]) == value


@pytest.mark.parametrize(("flag", "value"), [("--weights", "published"), ("--device", "cpu")])
def test_weights_and_device_arrive_at_the_plan(
    place: Path, monkeypatch: pytest.MonkeyPatch, flag: str, value: str
) -> None:
    asked: list[object] = []

    def noted(*args: Any) -> EstimatorPlan:
        asked.extend(args)
        return plan_estimator(*args)

    monkeypatch.setattr("hrn_stage.model_files.plan_estimator", noted)
    assert main(["--cfg", YAML, flag, value]) == 0
    assert value in asked[2:]


def test_filled_circles_as_in_opencv(place: Path) -> None:
    assert main(["--cfg", YAML, "--circle_thickness", "-1", "--circle_radius", "3"]) == 0


def test_flags_without_a_meaning_say_so_once(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cfg", YAML, "--modelDir", "x", "--prevModelDir", "y"]) == 0
    assert capsys.readouterr().err.count("--modelDir, --prevModelDir: accepted, without a meaning here") == 1


def test_some_failed_is_3_and_keep_going_makes_it_0(place: Path) -> None:
    (place / "custom/cuts/a-0.jpg").unlink()
    assert main(["--cfg", YAML]) == 3
    assert main(["--cfg", YAML, "--keep_going"]) == 0
    assert len(json.loads((place / "custom/reports/hrn-stage.json").read_text())["failures"]) == 1


def test_weights_of_another_network_are_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = torch.load(place / "custom/tiny.pth")
    state.pop("final_layer.bias")
    torch.save(state, place / "custom/tiny.pth")
    assert main(["--cfg", YAML]) == 4
    assert "final_layer.bias" in capsys.readouterr().err


def test_help_and_version_import_nothing_heavy() -> None:
    code = (
        "import sys; from hrn_stage import cli\n"
        "for flag in ('--help', '--version'):\n"
        "    try: cli.main([flag])\n"
        "    except SystemExit as end: assert end.code == 0\n"
        "print([name for name in ('torch', 'cv2', 'numpy', 'pydantic', 'yaml') if name in sys.modules])"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert printed.endswith("[]\n")
    for flag in ("--cfg", "--circle_radius", "--label_font_scale", "--prevModelDir", "--min_score"):
        assert flag in printed


def test_the_installed_command(place: Path) -> None:
    run = subprocess.run([COMMAND, "--cfg", YAML], capture_output=True, text=True, cwd=place, check=False)
    assert run.returncode == 0, run.stderr
    assert "3 images: 3 processed; 3 people, nobody in 1" in run.stderr
    assert Workspace(place / "custom").keypoints_csv.is_file()
