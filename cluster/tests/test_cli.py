"""The command: flags, and what is refused before Ray is started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pose_cluster.cli import asked, main, parser
from pose_cluster.environment import Environment
from pose_cluster.ray_pool import Place, room

COMMAND = Path(sys.executable).parent / "pose-cluster"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--workspace", "{here}/gone"], 2, "no workspace {here}/gone"),
        (["--workspace", "gopher://bucket/photos"], 2, "no storage is called gopher://"),
        (["--workspace", "file://{here}/gone"], 2, "no workspace file://{here}/gone: nothing lies in its images/"),
        (["--workspace", "file://{here}", "--double-stage", "--precision int8"], 2, "unknown flag --precision"),
        (
            ["--workspace", "file://{here}", "--stages", "hrn", "--hrn-stage", "--tables both"],
            2,
            "hrn-stage: --tables both puts a shard's part into a folder",
        ),
        (["--workspace", "{here}", "--scratch", "{here}"], 2, "--scratch is for object storage"),
        (["--workspace", "{here}", "--shard-size", "0"], 2, "--shard-size: expected 1 to 1,000,000, got 0"),
        (["--workspace", "{here}", "--workers", "-1"], 2, "--workers: expected 0 to 1,000,000, got -1"),
        (["--workspace", "{here}", "--gpus-per-task", "-1"], 2, "--gpus-per-task: expected 0 to"),
        (["--workspace", "{here}", "--stages", "double,singel"], 2, "no stage 'singel' that runs by shards"),
        (["--workspace", "{here}", "--double-stage", "--puase 1"], 2, "unknown flag --puase"),
        (["--workspace", "{here}", "--double-stage", "--shard 1/2"], 2, "--shard is for the command line"),
        (["--workspace", "{here}", "--double-stage", "'"], 2, "close the quotation"),
        (["--workspace", "{here}", "--stages", "double", "--address", "127.0.0.1:1"], 2, "no Ray at 127.0.0.1:1: "),
    ],
)
def test_what_makes_no_sense_is_refused(
    fresh: Path, words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *(word.format(here=fresh) for word in words)]) == code
    printed = capsys.readouterr().err
    assert message.format(here=fresh) in printed and "->" in printed and "Traceback" not in printed
    assert not list((fresh / "reports").iterdir())


@pytest.mark.parametrize("words", [["run"], ["run", "--workspace", ".", "--shard_size", "3"], ["runn"]])
def test_flags_that_argparse_refuses(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2


def test_flags_become_options_and_a_stage_s_words(fresh: Path) -> None:
    words = ["--workspace", str(fresh), "--stages", "double-stage", "--double-stage", "--pause 0.5", "--overwrite"]
    more = ["--shard-size", "7", "--cpus-per-task", "4", "--gpus-per-task", "0.5", "--workers", "3"]
    options = asked(parser().parse_args([*words, *more]))
    (stage,) = options.stages
    common = ("--workspace", str(fresh), "--quiet", "--overwrite")
    assert options.words == {stage.name: (*common, "--pause", "0.5")}
    assert options.segment_seconds == 60
    assert asked(parser().parse_args([*words, "--segment-seconds", "0"])).segment_seconds == 0
    assert (options.shard_size, options.place, options.address) == (
        7,
        Place(3, 4, 0.5, Environment(inherits=True)),
        "local",
    )


def test_without_names_all_stages_that_run_by_shards_are_taken_in_their_order(fresh: Path) -> None:
    options = asked(parser().parse_args(["--workspace", str(fresh)]))
    names = [stage.name for stage in options.stages]
    assert "double-stage" in names and "motion-stage" not in names
    assert "openpose-stage" not in names, "it is no part of pose run, and has to be named"
    asked_for = asked(parser().parse_args(["--workspace", str(fresh), "--stages", "openpose"]))
    assert [stage.name for stage in asked_for.stages] == ["openpose-stage"]
    assert [stage.order for stage in options.stages] == sorted(stage.order for stage in options.stages)


@pytest.mark.parametrize(
    ("nodes", "place", "expected"),
    [
        ([], Place(), (1, 1)),
        ([(2, 0)], Place(), (1, 2)),
        ([(2, 0), (8, 0)], Place(), (5, 2)),
        ([(0, 0), (4, 0)], Place(), (1, 4)),
        ([(4, 0), (4, 0)], Place(cpus=1), (8, 1)),
        ([(4, 0), (4, 0)], Place(workers=3), (3, 4)),
        ([(64, 8), (8, 0)], Place(gpus=1), (8, 8)),
        ([(8, 1)], Place(gpus=0.5), (2, 4)),
        ([(8, 1)], Place(cpus=16), (1, 16)),
    ],
)
def test_how_many_workers_there_is_room_for(
    nodes: list[tuple[float, float]], place: Place, expected: tuple[int, int]
) -> None:
    assert room(nodes, place) == expected


def test_help_imports_no_ray() -> None:
    code = (
        "import sys; from pose_cluster import cli\n"
        "try: cli.main(['run', '--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print([name for name in ('ray', 'cv2', 'numpy', 'torch') if name in sys.modules])"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert printed.endswith("[]\n") and "--shard-size" in printed


def test_without_ray_the_way_to_get_it_is_told(fresh: Path) -> None:
    code = "import sys; sys.modules['ray'] = None; from pose_cluster.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ["run", "--workspace", str(fresh), "--stages", "double"]
    finished = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert finished.returncode == 2, finished.stderr
    assert finished.stderr == "pose-cluster: Ray is not installed\n  -> make setup CLUSTER=1\n"
