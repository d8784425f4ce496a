"""Which network: from the flags to a plan that says how to load it, without loading it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from openpose_stage.decode import OwnRules
from openpose_stage.layouts import BODY_25, COCO, MPI, Layout, with_seed_links
from openpose_stage.network import FieldNetwork
from openpose_stage.options import ModelOptions
from pose_contract.errors import ConfigError, UsageError, WeightsError
from stage_kit.networks.int8 import Samples
from stage_kit.networks.plan import NetworkPlan
from stage_kit.networks.precision import EMBEDDED, Precision, choose_precision, engine_in_words
from stage_kit.weights.published import (
    find_published,
    is_there,
    missing_weights_error,
    require_published,
    sha256_of,
    weights_folder,
)

if TYPE_CHECKING:
    from openpose_stage.engines.caffe_graph import CaffeGraph

LITE = Path(__file__).parent / "lite" / "openpose_lite.pth"
HPE = "human-pose-estimation-0001"
# Its cells are four pixels wide and its heatmaps smooth. Enlarged four times they gave 0.3 points less of PCK@0.2 on
# MPII's validation, more people who are nobody, and took four times as long.
LITE_RULES = OwnRules(upsample=1)


@dataclass(frozen=True)
class CaffeModel:
    """One of OpenPose's networks: its layout, its weights' published name, and the threshold it is published with."""

    layout: Layout
    weights: str
    stages: int  # 0: dense blocks
    threshold: float

    def graph(self) -> CaffeGraph:
        """Its layers."""
        from openpose_stage.engines.caffe_graph import dense_blocks, two_branches

        return two_branches(self.layout, self.stages) if self.stages else dense_blocks(self.layout)


CAFFE = {
    "coco": CaffeModel(COCO, "pose_iter_440000.caffemodel", 6, 0.1),
    "mpi": CaffeModel(MPI, "pose_iter_160000.caffemodel", 6, 0.6),
    "mpi-fast": CaffeModel(MPI, "pose_iter_160000.caffemodel", 4, 0.3),
    "body25": CaffeModel(BODY_25, "pose_iter_584000.caffemodel", 0, 0.1),
}


# What a file is by its extension, and the models that it may be of.
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    ".caffemodel": ("a network of Caffe", tuple(CAFFE)),
    ".xml": ("an IR of OpenVINO", ("hpe-0001",)),
    ".pth": ("a checkpoint", ("lite",)),
}


@dataclass(frozen=True, kw_only=True)
class OpenposePlan(NetworkPlan[FieldNetwork]):
    """A network that can be loaded, and all that its results depend on.

    Attributes:
        layout: what its maps are.
        stride: input pixels of a cell.
        multiple: of which the sides of an input are.
        height: of inputs, in pixels.
        own: the rules that suit it.
    """

    layout: Layout
    stride: int
    multiple: int
    height: int
    own: OwnRules = field(default_factory=OwnRules)


def plan_network(options: ModelOptions, seed_links: bool = False) -> OpenposePlan:
    """Finds and checks the files.

    Raises:
        WeightsError: weights that are missing, damaged or of another network.
        ConfigError: a network that this machine cannot run.
        UsageError: a precision that the CPU lacks; a file that is none of the model.
    """
    model = chosen_model(options)
    if model in CAFFE:
        plan = _caffe_plan(model, options)
    else:
        plan = _lite_plan(options) if model == "lite" else _ir_plan(options)
    return replace(plan, layout=with_seed_links(plan.layout)) if seed_links else plan


def chosen_model(options: ModelOptions) -> str:
    """The model's name; `auto` is what a file's extension says, else hpe-0001 where it is fetched, else lite."""
    path = options.weights_path
    kind = KINDS.get(path.suffix) if path is not None else None
    if kind is not None and options.model not in ("auto", *kind[1]):
        remedy = f"say --model {', '.join(kind[1])}" if len(kind[1]) > 1 else "leave --model out"
        raise UsageError(f"--model {options.model}: {path} is {kind[0]}, which is no file of it", remedy)
    if options.model != "auto":
        return options.model
    if path is not None:
        if path.suffix == ".caffemodel":
            raise UsageError(f"--weights_path {path} needs its --model", f"say {', '.join(CAFFE)}")
        return "lite" if path.suffix == ".pth" else "hpe-0001"
    fetched = find_published(f"{HPE}.xml") and find_published(f"{HPE}.bin")
    return "hpe-0001" if fetched or not LITE.is_file() else "lite"


def _caffe_plan(name: str, options: ModelOptions) -> OpenposePlan:
    model = CAFFE[name]
    path = _weights(options, model.weights)
    sha256 = _checked_sha256(path, options.trust)
    if options.precision not in ("auto", "fp32"):
        raise UsageError(f"--precision {options.precision}: Caffe networks compute in fp32 only", "leave it out")

    def load(_: Samples) -> FieldNetwork:
        from openpose_stage.engines.caffe import load_caffe

        return load_caffe(model.graph(), model.layout, path, options.norm)

    return OpenposePlan(
        model=name,
        weights_sha256=sha256,
        engine="opencv",
        precision="fp32",
        why=f"weights {path}, {engine_in_words('opencv', 'fp32', 'cpu')}",
        load=load,
        details=f"{name} of {path}; input values as {options.norm} has them",
        layout=model.layout,
        stride=8,
        multiple=8,
        height=options.height or 368,
        own=OwnRules(threshold=model.threshold),
    )


def _ir_plan(options: ModelOptions) -> OpenposePlan:
    from openpose_stage.engines.openvino import load_ir, read_ir

    path = _weights(options, f"{HPE}.xml")
    both = [_checked_sha256(file, options.trust) for file in (path, path.with_suffix(".bin")) if is_there(file)]
    sha256 = hashlib.sha256("".join(both).encode()).hexdigest()
    read = read_ir(path, COCO)
    precision = _precision(options, sha256, read.quantised)
    return OpenposePlan(
        model=path.stem,
        weights_sha256=sha256,
        engine="openvino",
        precision=precision,
        why=f"weights {path}, {engine_in_words('openvino', precision, 'cpu')}",
        load=lambda _: load_ir(read, COCO, precision),
        batches_at_once=2,
        details=f"{path.stem} of {path}; {precision}: {'as the file is' if read.quantised else 'chosen'}",
        layout=COCO,
        stride=read.stride,
        multiple=max(8, read.stride),
        height=options.height or 256,
    )


def _lite_plan(options: ModelOptions) -> OpenposePlan:
    path = options.weights_path or LITE
    if not is_there(path) or find_spec("openpose_stage.lite") is None:
        remedy = f"make weights NAME={HPE}.xml && make weights NAME={HPE}.bin, then --model hpe-0001"
        raise ConfigError("this version carries no embedded network", remedy)
    from openpose_stage.engines.lite import MULTIPLE, STRIDE, load_lite

    sha256 = sha256_of(path)
    precision, why = choose_precision(options.precision, "openvino", sha256)
    if precision == "int8":
        raise UsageError("--precision int8: the embedded network is not quantised", "leave it out")
    note = EMBEDDED if path == LITE else f"weights {path}"
    return OpenposePlan(
        model=path.stem,
        weights_sha256=sha256,
        engine="openvino",
        precision=precision,
        why=f"{note}, {engine_in_words('openvino', precision, 'cpu')}",
        load=lambda _: load_lite(path, sha256, COCO, precision),
        batches_at_once=2,
        details=f"{path.stem} of {path}; {precision}: {why}",
        layout=COCO,
        stride=STRIDE,
        multiple=MULTIPLE,
        height=options.height or 256,
        own=LITE_RULES,
    )


def _precision(options: ModelOptions, sha256: str, quantised: bool) -> Precision:
    """A quantised file computes as it was quantised; what is not quantised in it stays fp32, or bf16 if asked for."""
    if not quantised:
        if options.precision == "int8":
            raise UsageError("--precision int8: the file is not quantised", "leave it out, or give a quantised IR")
        return choose_precision(options.precision, "openvino", sha256)[0]
    if options.precision == "fp32":
        raise UsageError("--precision fp32: the file is quantised to int8", "leave it out, or give a FP32 IR")
    return "int8" if options.precision in ("auto", "int8") else cast(Precision, options.precision)


def _weights(options: ModelOptions, published: str) -> Path:
    if options.weights_path is not None:
        if not is_there(options.weights_path):
            raise WeightsError(f"no weights file {options.weights_path}", "check --weights_path")
        return options.weights_path
    found = find_published(published)
    if found is None:
        raise missing_weights_error(published, [weights_folder() / published])
    return found


def _checked_sha256(path: Path, trust: bool) -> str:
    sha256 = sha256_of(path)
    require_published(path, sha256, trust)
    return sha256


def convert_embedded() -> None:
    """Puts the embedded network's graph for OpenVINO into the cache: run when a container's image is built."""
    if LITE.is_file():
        plan_network(ModelOptions(model="lite", precision="fp32")).load(tuple)
