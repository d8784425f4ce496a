"""What is in the images, and that both builders make them."""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from containers import BASE_IMAGE, EMBEDDED, FLAVOUR, REPO, STAGES, Containers, Images, Models
from docker.errors import ImageNotFound

if TYPE_CHECKING:
    from docker import DockerClient


@pytest.mark.parametrize("stage", STAGES)
def test_without_flags_it_prints_its_help(containers: Containers, stage: str) -> None:
    for flags in ((), ("--help",)):
        finished = containers.run(stage, flags)
        assert finished.code == 0 and finished.output.startswith(f"usage: {stage}-stage"), finished.output


@pytest.mark.parametrize("stage", STAGES)
def test_labels_tell_version_and_licence(engine: DockerClient, images: Images, stage: str) -> None:
    project = tomllib.loads((REPO / f"{stage}-stage/pyproject.toml").read_text())["project"]
    labels = engine.images.get(images.name(stage)).labels
    assert labels["org.opencontainers.image.version"] == project["version"]
    gpl = " AND GPL-3.0-only" if (stage, FLAVOUR) == ("yolo", "cuda") else ""  # yolo-torch and pytorchyolo
    assert labels["org.opencontainers.image.licenses"] == project["license"] + gpl
    assert "org.opencontainers.image.source" in labels


@pytest.mark.parametrize("stage", STAGES)
def test_it_leaves_nothing_outside_tmp_and_asks_for_the_gpu(engine: DockerClient, images: Images, stage: str) -> None:
    config = engine.images.get(images.name(stage)).attrs["Config"]
    environment = dict(pair.split("=", 1) for pair in config["Env"])
    assert environment["NVIDIA_DRIVER_CAPABILITIES"] == "compute,utility"
    assert environment["POSE_FLAVOUR"] == FLAVOUR
    for name in ("HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR", "TORCH_HOME", "TORCHINDUCTOR_CACHE_DIR", "CUDA_CACHE_PATH"):
        assert environment[name].startswith("/tmp"), name
    assert config["WorkingDir"] == f"/{stage}" and config["Cmd"] == ["--help"]


@pytest.mark.skipif(FLAVOUR != "cpu", reason="the cpu flavour is the small one")
@pytest.mark.parametrize("stage", STAGES)
def test_the_cpu_flavour_is_small(engine: DockerClient, images: Images, stage: str) -> None:
    size_bytes = engine.images.get(images.name(stage)).attrs["Size"]
    print(f"{stage}: {size_bytes / 1e6:.0f} MB; both built in {images.seconds:.0f} s")
    assert size_bytes < 800e6


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_gpl_is_in_the_cuda_image_of_yolo_stage_alone(containers: Containers, stage: str) -> None:
    find = "import importlib.util as u; print([n for n in ('torch', 'yolo_torch', 'pytorchyolo') if u.find_spec(n)])"
    inside = {"cpu": "[]", "cuda": "['torch']"}[FLAVOUR]
    if (stage, FLAVOUR) == ("yolo", "cuda"):
        inside = "['torch', 'yolo_torch', 'pytorchyolo']"
    assert containers.run(stage, ("-c", find), entrypoint="python").output.strip() == inside


@pytest.mark.parametrize("stage", STAGES)
def test_the_licences_lie_inside(containers: Containers, stage: str) -> None:
    parts = ["contract", "stagekit", f"{stage}-stage"]
    if (stage, FLAVOUR) == ("yolo", "cuda"):
        parts.append("yolo-torch")
    finished = containers.run(stage, ("-c", "cd /licenses && sha256sum */LICENSE"), entrypoint="sh")
    found = {line.split()[1]: line.split()[0] for line in finished.output.splitlines()}
    assert found == {f"{part}/LICENSE": sha256((REPO / part / "LICENSE").read_bytes()).hexdigest() for part in parts}


def test_the_images_share_their_packages(engine: DockerClient, images: Images) -> None:
    """All layers up to the packages, 5 GB of them in the cuda flavour, are stored and moved once."""
    yolo, hrn = (engine.images.get(images.name(stage)) for stage in STAGES)
    shared = [a for a, b in zip(yolo.attrs["RootFS"]["Layers"], hrn.attrs["RootFS"]["Layers"], strict=True) if a == b]
    (packages,) = (
        entry["Size"] for entry in yolo.history() if re.search("COPY .*/opt/venv /opt/venv", entry["CreatedBy"])
    )
    base = engine.images.get(BASE_IMAGE).attrs["RootFS"]["Layers"]
    assert packages > 300e6
    assert len(shared) == len(base) + 2  # the caches' folder and the packages


@pytest.mark.skipif(FLAVOUR != "cpu", reason="the cuda flavour has PyTorch")
def test_the_cpu_flavour_names_itself_where_an_engine_is_missing(
    containers: Containers, models: Models, photos: Callable[[int], Path]
) -> None:
    finished = containers.run("yolo", (*models.yolo, "--engine", "torch"), photos(1))
    assert finished.code == 4, finished.output
    assert "yolo-torch is not installed in this image of FLAVOUR=cpu" in finished.output
    assert "make build FLAVOUR=cuda" in finished.output


@pytest.mark.skipif(not EMBEDDED, reason="this version carries no embedded weights")
@pytest.mark.parametrize("stage", STAGES)
def test_the_embedded_weights_are_inside(containers: Containers, stage: str) -> None:
    script = f"ls /opt/stage/{stage}_stage/models/lite"
    finished = containers.run(stage, ("-c", script), entrypoint="sh")
    suffix = ".weights" if stage == "yolo" else ".pth"
    assert finished.code == 0 and suffix in finished.output, finished.output


@pytest.mark.skipif(not EMBEDDED, reason="this version carries no embedded weights")
@pytest.mark.parametrize("stage", STAGES)
def test_the_embedded_networks_are_inside_converted(containers: Containers, stage: str) -> None:
    """So that nothing is left to be kept in a cache, nor to be read by PyTorch."""
    script = (
        f"import os, sys; from {stage}_stage.model_files import convert_embedded; convert_embedded(); "
        "assert not os.path.exists('/tmp/converted') and 'torch' not in sys.modules"
    )
    finished = containers.run(stage, ("-c", script), entrypoint="python", environment={"POSE_CACHE": "/tmp/converted"})
    assert finished.code == 0, finished.output


def test_the_classic_builder_makes_it_too(engine: DockerClient, images: Images) -> None:
    before = {image.id for image in engine.images.list(all=True)}
    name = f"pose/yolo-stage-classic:{images.tag}"
    # Without the cache every layer is this build's own, so that what its log names can be removed afterwards.
    image, log = engine.images.build(
        path=str(REPO),
        dockerfile="docker/Dockerfile",
        tag=name,
        buildargs={"STAGE": "yolo-stage", "FLAVOUR": "cpu", "BASE_IMAGE": BASE_IMAGE},
        nocache=True,
        rm=True,
        forcerm=True,
    )
    layers = re.findall(r"^ ---> ([0-9a-f]{12})$", "".join(line.get("stream", "") for line in log), re.MULTILINE)
    try:
        printed = engine.containers.run(image.id, ["--version"], remove=True)
        assert printed.startswith(b"yolo-stage ")
    finally:
        engine.images.remove(name, force=True)
        for layer in reversed([*dict.fromkeys(layers)]):  # one that others stand on is named again, later
            with contextlib.suppress(ImageNotFound):
                if (left := engine.images.get(layer)).id not in before:
                    engine.images.remove(left.id, force=True)
