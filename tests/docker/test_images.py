"""What is in the images, and that both builders make them."""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Callable
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
    assert labels["org.opencontainers.image.licenses"] == project["license"]
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
    assert size_bytes < 2e9


@pytest.mark.skipif(FLAVOUR != "cpu", reason="the cuda flavour has PyTorch")
def test_the_cpu_flavour_names_itself_where_an_engine_is_missing(
    containers: Containers, models: Models, photos: Callable[[int], Path]
) -> None:
    finished = containers.run("yolo", (*models.yolo, "--engine", "torch"), photos(1))
    assert finished.code == 4, finished.output
    assert "torch and pytorchyolo not installed in this image of FLAVOUR=cpu" in finished.output
    assert "make build FLAVOUR=cuda" in finished.output


@pytest.mark.skipif(not EMBEDDED, reason="this version carries no embedded weights")
@pytest.mark.parametrize("stage", STAGES)
def test_the_embedded_weights_are_inside(containers: Containers, stage: str) -> None:
    script = f"ls /opt/stage/{stage}_stage/models/lite"
    finished = containers.run(stage, ("-c", script), entrypoint="sh")
    suffix = ".weights" if stage == "yolo" else ".pth"
    assert finished.code == 0 and suffix in finished.output, finished.output


@pytest.mark.skipif(not EMBEDDED, reason="this version carries no embedded weights")
@pytest.mark.parametrize(("stage", "conversion"), [("yolo", "build_graph"), ("hrn", "_convert")])
def test_the_embedded_networks_are_inside_converted(containers: Containers, stage: str, conversion: str) -> None:
    script = (
        f"import {stage}_stage.engines.openvino as engine; engine.{conversion} = None; "
        f"from {stage}_stage.model_files import convert_embedded; convert_embedded(); "
        "import sys; assert 'torch' not in sys.modules"
    )
    finished = containers.run(stage, ("-c", script), entrypoint="python")
    assert finished.code == 0, finished.output


def test_the_classic_builder_makes_it_too(engine: DockerClient, images: Images) -> None:
    before = {image.id for image in engine.images.list(all=True)}
    name = f"pose/yolo-stage-classic:{images.tag}"
    # Without the cache every layer is this build's own, so that what its log names can be removed afterwards.
    image, log = engine.images.build(
        path=str(REPO),
        dockerfile="yolo-stage/Dockerfile",
        tag=name,
        buildargs={"FLAVOUR": "cpu", "BASE_IMAGE": BASE_IMAGE},
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
        for layer in reversed(layers):
            with contextlib.suppress(ImageNotFound):
                if (left := engine.images.get(layer)).id not in before:
                    engine.images.remove(left.id, force=True)
