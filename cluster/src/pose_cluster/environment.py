"""What a worker of a stage runs in: an interpreter of its node, or a container, as Ray's `runtime_env` says it."""

from __future__ import annotations

import argparse
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pose_contract.errors import UsageError

STAGE = "{stage}"
CHOICES = ("venv", "container")
WEIGHTS = "POSE_WEIGHTS"
# Ray joins podman's words by spaces and gives them to a shell, and podman parts a mount at its colons.
PLAIN = re.compile(r"[\w./@+,-]+")


@dataclass(frozen=True)
class Environment:
    """Where workers find their stage.

    Attributes:
        python: the interpreter of a virtual environment, on the worker's node; None is the driver's.
        image: a container's image; empty is none. `{stage}` in both becomes the stage's name.
        mounts: folders of the node that a container sees at the same path.
        inherits: whether workers have the driver's environment variables, as processes of a Ray that it has started.
    """

    python: str | None = None
    image: str = ""
    mounts: tuple[str, ...] = ()
    inherits: bool = False

    def runtime_env(self, stage: str, gpus: float = 0.0, variables: Mapping[str, str] = os.environ) -> dict[str, Any]:
        """Ray's `runtime_env` for a worker of that stage. Of `variables` a worker gets those named POSE_…

        Without any, Ray starts a worker at once, and need not wait for its agent for environments.
        """
        ours = {} if self.inherits else {name: value for name, value in variables.items() if name.startswith("POSE_")}
        result: dict[str, Any] = {"env_vars": ours} if ours else {}
        if not self.image:
            return result | ({"py_executable": self.python.replace(STAGE, stage)} if self.python else {})
        image = self.image.replace(STAGE, stage)
        if not self.mounts:
            return result | {"image_uri": image}
        # `image_uri` shows a container no folder but Ray's own, where no workspace lies.
        options = [word for folder in self.mounts for word in ("-v", f"{folder}:{folder}")]
        options += ["--device", "nvidia.com/gpu=all"] if gpus else []
        return result | {"container": {"image": image, "run_options": options}}


def add_environment_flags(group: argparse._ArgumentGroup) -> None:
    """--env, --python and --image."""
    text = "what workers run in: venv, or container, by podman on every node (default: venv)"
    group.add_argument("--env", choices=CHOICES, default="venv", help=text)
    text = "a worker's interpreter, on its node; {stage} becomes the stage's name (default: this one)"
    group.add_argument("--python", metavar="FILE", help=text)
    text = "of --env container, with Ray and pose-cluster in it; {stage} becomes the stage's name"
    group.add_argument("--image", metavar="NAME", help=text)


def asked_environment(args: argparse.Namespace, workspace: Path | None) -> Environment:
    """What the flags ask for.

    Args:
        args: of `add_environment_flags`, and `address`.
        workspace: a folder that containers must see; None of one in an object store.

    Raises UsageError.
    """
    if args.env == "venv":
        if args.image:
            raise UsageError("--image is of --env container", "say --env container, or leave --image out")
        return Environment(args.python, inherits=args.address == "local")
    if args.python:
        raise UsageError("--python is of --env venv", "a container's Python is its image's: leave --python out")
    if not args.image:
        raise UsageError("--env container needs an image", "name one: --image registry.example/pose/{stage}:0.1.0")
    weights = os.environ.get(WEIGHTS)
    mounts = [str(workspace)] if workspace else []
    mounts += [str(Path(weights).absolute())] if weights and workspace else []
    for text in (args.image.replace(STAGE, "stage"), *mounts):
        if not PLAIN.fullmatch(text.replace(":", "") if text not in mounts else text):
            reason = f"--env container: Ray cannot give podman {text!r}: it has other letters than a-z, 0-9 and ./@+,-_"
            raise UsageError(reason, "rename it, or --env venv")
    if args.address == "local" and shutil.which("podman") is None:
        reason = "--env container: Ray starts containers by podman, which is not installed here"
        raise UsageError(reason, "install podman on every node, or --env venv")
    return Environment(image=args.image, mounts=tuple(mounts))
