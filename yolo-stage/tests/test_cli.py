"""The command: flags, exit codes, and the original tool's command line."""

from __future__ import annotations

import json
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import pytest
from darknet_files import needs_yolo_torch, random_parameters, write_weights
from fakes import RED, photo, save

from pose_contract.records import RunReport
from yolo_stage.cli import main
from yolo_stage.darknet import read_network
from yolo_stage.detector_plan import DetectorPlan
from yolo_stage.options import DetectOptions
from yolo_stage.steps import detect_people

COMMAND = Path(sys.executable).parent / "yolo-stage"


@pytest.fixture
def place(tmp_path: Path, small_cfg: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory where custom/ is the workspace and a small network lies beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSE_WORKSPACE", raising=False)
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path / "weights"))
    save(tmp_path / "custom/images/a.jpg", photo({RED: (20, 30, 60, 120)}))
    (tmp_path / "small.cfg").write_text(small_cfg)
    write_weights(tmp_path / "small.weights", random_parameters(read_network(tmp_path / "small.cfg"), 1))
    (tmp_path / "names").write_text("person\nball\n")
    return tmp_path


MODEL = ["--model_def", "small.cfg", "--class_path", "names", "--engine", "opencv", "--conf_thres", "0.9"]
ORIGINAL = [
    *("--image_folder", "custom/images", "--annot_folder", "custom/annots"),
    *("--inspect_folder", "custom/inspect", "--cut_folder", "custom/cuts"),
    *("--batch_size", "8", "--n_cpu", "8"),
]


def test_the_originals_command_line(place: Path) -> None:
    assert main([*ORIGINAL, *MODEL]) == 0
    annot = json.loads((place / "custom/annots/a.json").read_text())
    assert annot["image"] == "images/a.jpg"
    assert (place / "custom/inspect/a.jpg").is_file()
    assert json.loads((place / "custom/reports/yolo-stage.json").read_text())["engine"] == "opencv"


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--workspace", "nowhere"], 2, "no folder nowhere/images"),
        (["--batch_size", "0"], 2, "--batch_size: expected 1 to 1024, got 0"),
        (["--image_folder", "/one/images", "--cut_folder", "/two/cuts"], 2, "no common parent"),
        (["--weights_path", "gone.weights"], 4, "no weights file gone.weights"),
        (["--model_def", "gone.cfg"], 4, "gone.cfg"),
        (["--class_path", "gone.names"], 4, "gone.names"),
        (["--img_size", "100"], 2, "multiple of 32"),
        (["--img_size", "1000000"], 2, "multiple of 32 up to 4096"),
        (["--batch_size", "1000000000"], 2, "--batch_size: expected 1 to 1024"),
    ],
)
def test_exit_codes_and_messages(
    place: Path, flags: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*MODEL, *flags]) == code
    printed = capsys.readouterr().err
    assert message in printed and "->" in printed


@pytest.mark.parametrize(
    ("flags", "field", "value"),
    [
        ([], "conf_thres", 0.9),
        ([], "max_people", 0),
        (["--nms_thres", "0.6"], "nms_thres", 0.6),
        (["--cut_scale", "1.5"], "cut_scale", 1.5),
        (["--max_people", "3"], "max_people", 3),
        (["--batch_size", "4"], "batch_size", 4),
        (["--n_cpu", "5"], "n_cpu", 5),
        (["--overwrite"], "overwrite", True),
        (["--keep_going"], "keep_going", True),
        (["--quiet"], "quiet", True),
        (["--img_size", "96"], "model.img_size", 96),
        (["--device", "cpu"], "model.device", "cpu"),
        pytest.param(["--engine", "torch"], "model.engine", "torch", marks=needs_yolo_torch),
        (["--weights", "published"], "model.weights", "published"),
        (["--weights_path", "small.weights"], "model.weights_path", Path("small.weights")),
        (
            ["--weights_path", "gone", "--checkpoint_model", "small.weights"],
            "model.weights_path",
            Path("small.weights"),
        ),
    ],
)
def test_every_flag_arrives(
    place: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], field: str, value: object
) -> None:
    asked: list[DetectOptions] = []

    def noted(options: DetectOptions, plan: DetectorPlan) -> RunReport:
        asked.append(options)
        return detect_people(options, plan)

    monkeypatch.setattr("yolo_stage.steps.detect_people", noted)
    assert main([*MODEL, *flags]) == 0
    assert attrgetter(field)(asked[0]) == value


@pytest.mark.parametrize("flags", [["--no_such_flag"], ["--engine", "tf"], ["--conf_thres", "much"], ["--conf", "0.5"]])
def test_flags_that_argparse_refuses(flags: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(flags)
    assert caught.value.code == 2


def test_some_failed_is_3_and_keep_going_makes_it_0(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "custom/images/empty.jpg").write_bytes(b"")
    assert main([*MODEL, "--quiet"]) == 3
    assert capsys.readouterr().err.strip() == ("failed: images/empty.jpg: is empty (0 bytes) -> copy the picture again")
    assert main([*MODEL, "--keep_going"]) == 0
    printed = capsys.readouterr().err
    assert "2 images: 1 already done, 1 failed" in printed
    assert len(json.loads((place / "custom/reports/yolo-stage.json").read_text())["failures"]) == 1


def test_the_first_line_is_short_and_why_is_told_when_asked_for(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(MODEL) == 0
    differing = "model_def small.cfg, class_path names, engine opencv, conf_thres 0.9"
    first = f"yolo-stage: weights small.weights, OpenCV fp32; {differing}"
    assert capsys.readouterr().err.splitlines()[0] == first
    assert main([*MODEL, "--verbose"]) == 0
    assert "\n  small of small.weights; engine opencv: requested; fp32: " in capsys.readouterr().err


def test_help_and_version_import_nothing_heavy() -> None:
    code = (
        "import sys; from yolo_stage import cli\n"
        "for flag in ('--help', '--version'):\n"
        "    try: cli.main([flag])\n"
        "    except SystemExit as end: assert end.code == 0\n"
        "print([name for name in ('torch', 'cv2', 'numpy', 'pydantic') if name in sys.modules])"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert printed.endswith("[]\n")
    for flag in ("--image_folder", "--checkpoint_model", "--n_cpu", "--cut_scale", "--keep_going"):
        assert flag in printed


def test_the_installed_command(place: Path) -> None:
    run = subprocess.run([COMMAND, *MODEL], capture_output=True, text=True, cwd=place, check=False)
    assert run.returncode == 0, run.stderr
    assert "1 images: 1 processed" in run.stderr
    assert "Traceback" not in run.stderr
