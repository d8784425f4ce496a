"""What Ray is told of a worker's environment. Nothing runs in a container here: there is no podman."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from pose_cluster.cli import main, parser
from pose_cluster.environment import Environment, add_environment_flags, asked_environment
from pose_contract.errors import UsageError

SHARED = Path("/nfs/poses")
IN_A_FOLDER = {"image": "pose/yolo-stage:1", "run_options": ["-v", "/nfs/poses:/nfs/poses"]}


@pytest.mark.parametrize(
    ("environment", "gpus", "wanted"),
    [
        (Environment(), 0, {}),
        (Environment("/opt/pose/bin/python"), 1, {"py_executable": "/opt/pose/bin/python"}),
        (Environment("/opt/{stage}/bin/python"), 0, {"py_executable": "/opt/yolo-stage/bin/python"}),
        (Environment(image="pose/{stage}:1"), 0, {"image_uri": "pose/yolo-stage:1"}),
        (Environment(image="pose/{stage}:1", mounts=("/nfs/poses",)), 0, {"container": IN_A_FOLDER}),
        (
            Environment(image="i", mounts=("/a", "/b")),
            0.5,
            {
                "container": {
                    "image": "i",
                    "run_options": ["-v", "/a:/a", "-v", "/b:/b", "--device", "nvidia.com/gpu=all"],
                }
            },
        ),
    ],
)
def test_what_ray_is_told(environment: Environment, gpus: float, wanted: dict[str, Any]) -> None:
    assert environment.runtime_env("yolo-stage", gpus, {"HOME": "/root"}) == wanted
    variables = {"POSE_CACHE": "/tmp/cache", "HOME": "/root"}
    told = environment.runtime_env("yolo-stage", gpus, variables)
    assert told == wanted | {"env_vars": {"POSE_CACHE": "/tmp/cache"}}
    ray = pytest.importorskip("ray.runtime_env", reason="Ray is not installed: make setup CLUSTER=1")
    assert ray.RuntimeEnv(**told), "Ray takes it"


def test_what_a_ray_of_our_own_inherits_is_not_told_again() -> None:
    assert Environment(inherits=True).runtime_env("yolo-stage", 0, {"POSE_CACHE": "/tmp"}) == {}


def flags(*words: str) -> argparse.Namespace:
    result = argparse.ArgumentParser()
    result.add_argument("--address", default="local")
    add_environment_flags(result.add_argument_group("environment"))
    return result.parse_args(words)


def test_flags_become_an_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSE_WEIGHTS", raising=False)
    assert asked_environment(flags(), SHARED) == Environment(inherits=True)
    assert asked_environment(flags("--python", "/p", "--address", "auto"), SHARED) == Environment("/p")
    words = ("--env", "container", "--image", "host:5000/pose/{stage}:1", "--address", "auto")
    image = "host:5000/pose/{stage}:1"
    assert asked_environment(flags(*words), SHARED) == Environment(image=image, mounts=("/nfs/poses",))
    assert asked_environment(flags(*words), None) == Environment(image=image)
    monkeypatch.setenv("POSE_WEIGHTS", "/nfs/weights")
    assert asked_environment(flags(*words), SHARED).mounts == ("/nfs/poses", "/nfs/weights")


@pytest.mark.parametrize(
    ("words", "workspace", "message"),
    [
        (["--image", "i"], "/w", "--image is of --env container"),
        (["--env", "container"], "/w", "--env container needs an image"),
        (["--env", "container", "--image", "i", "--python", "p"], "/w", "--python is of --env venv"),
        (["--env", "container", "--image", "a b"], "/w", "Ray cannot give podman 'a b'"),
        (["--env", "container", "--image", "i"], "/my photos", "Ray cannot give podman '/my photos'"),
        (["--env", "container", "--image", "i"], "/a:b", "Ray cannot give podman '/a:b'"),
        (["--env", "container", "--image", "i"], "/w", "by podman, which is not installed here"),
    ],
)
def test_what_cannot_be_is_refused(
    words: list[str], workspace: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(UsageError, match=message) as caught:
        asked_environment(flags(*words), Path(workspace))
    assert caught.value.remedy


def test_the_command_refuses_before_ray_is_started(fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--workspace", str(fresh), "--stages", "double", "--env", "container"]) == 2
    assert "--env container needs an image\n  -> name one: --image" in capsys.readouterr().err
    assert parser().parse_args(["--workspace", str(fresh)]).env == "venv"
