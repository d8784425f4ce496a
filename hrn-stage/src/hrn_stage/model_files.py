"""Which weights: from the YAML to a plan that says how to load the network, without loading it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hrn_stage.config import HrnConfig, read_config
from hrn_stage.data_set_skeleton import skeleton_for
from hrn_stage.engines.choice import choose_engine
from hrn_stage.estimator import PoseEstimator
from pose_contract.errors import ConfigError, WeightsError
from pose_contract.skeletons import Skeleton
from stage_kit.networks.device import require_gpu
from stage_kit.networks.int8 import Samples, calibration_of
from stage_kit.networks.plan import NetworkPlan
from stage_kit.networks.precision import EMBEDDED, Precision, choose_precision, engine_in_words
from stage_kit.weights.published import (
    find_published,
    is_there,
    missing_weights_error,
    published_weights,
    require_published,
    sha256_of,
    stand_in,
    weights_folder,
)

Device = Literal["auto", "cpu", "cuda"]
LITE = Path(__file__).parent / "models" / "lite"
_OWN_TEST = frozenset({"DECODE", "BLUR_KERNEL", "CROP_CONTEXT"})  # what suits a network depends on its size


@dataclass(frozen=True, kw_only=True)
class EstimatorPlan(NetworkPlan[PoseEstimator]):
    """A network that can be loaded, and all that its results depend on. `config` is the YAML as it is really used."""

    config: HrnConfig
    skeleton: Skeleton
    network_sha256: str


def plan_estimator(
    config: HrnConfig,
    config_path: Path,
    weights: str,
    device: Device,
    engine: str = "auto",
    precision: str = "auto",
    trust: bool = False,
) -> EstimatorPlan:
    """Finds the weights and checks them against the YAML's skeleton.

    Args:
        config: the YAML.
        config_path: where it lies; weights are looked for beside it.
        weights: auto, published or lite.
        device: auto, cpu or cuda.
        engine: auto, openvino or torch.
        precision: auto, fp32 or bf16.
        trust: take a file of a published name that is another one.

    Raises:
        ConfigError: a number of joints without a skeleton.
        WeightsError: the weights are missing.
        UsageError: an engine that cannot do what is asked for, or is not installed.
    """
    require_gpu(device)
    path, note = (None, "") if weights == "lite" else find_weights(config, config_path)
    if path is None:
        if weights == "published" or config.TEST.MODEL_FILE or (weights == "auto" and not LITE.is_dir()):
            raise _missing(config, config_path)
        config, path = _lite(config)
        note = EMBEDDED
    network_sha256 = _network_sha256(config)
    weights_sha256 = sha256_of(path)
    require_published(path, weights_sha256, trust)
    chosen, why = choose_engine(engine, device)
    arithmetic, why_arithmetic = choose_precision(precision, chosen, weights_sha256)
    key = f"{weights_sha256[:24]}-{network_sha256[:16]}"
    return EstimatorPlan(
        config=config,
        skeleton=skeleton_for(config.DATASET.DATASET, config.MODEL.NUM_JOINTS),
        model=path.stem,
        weights_sha256=weights_sha256,
        network_sha256=network_sha256,
        engine=chosen,
        why=f"{note}, {engine_in_words(chosen, arithmetic, device)}",
        precision=arithmetic,
        load=lambda samples: _load(config, path, device, key if chosen == "openvino" else None, arithmetic, samples),
        batches_at_once=2 if chosen == "openvino" else 1,
        details=f"{path.stem} of {path}; engine {chosen}: {why}; {arithmetic}: {why_arithmetic}",
        calibration=(lambda: _calibration(key)) if arithmetic == "int8" else None,
    )


def _calibration(key: str) -> str:
    from hrn_stage.engines.openvino import cache_name

    return calibration_of(cache_name(key))


def _network_sha256(config: HrnConfig) -> str:
    """Of all in MODEL that makes the network what it is, but for the weights."""
    shape = config.MODEL.model_dump(
        mode="json",
        include={"NAME", "NUM_JOINTS", "IMAGE_SIZE", "HEATMAP_SIZE", "EXTRA"},
        exclude={"EXTRA": {"PRETRAINED_LAYERS"}},
    )
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()


def _load(
    config: HrnConfig, weights: Path, device: Device, key: str | None, precision: Precision, samples: Samples
) -> PoseEstimator:
    """By OpenVINO where there is a `key` for its cache, else by torch."""
    if key is not None:
        from hrn_stage.engines.openvino import load_estimator as load_by_openvino

        return load_by_openvino(config.MODEL, weights, key, precision, samples)
    from hrn_stage.engines.torch import load_estimator

    return load_estimator(config.MODEL, weights, device, precision)


def convert_embedded() -> None:
    """Puts the embedded network's graph for OpenVINO into the cache: run when a container's image is built."""
    for path in sorted(LITE.glob("*.yaml")):
        plan_estimator(read_config(path), path, "lite", "cpu", "openvino", "fp32").load(tuple)


def find_weights(config: HrnConfig, config_path: Path) -> tuple[Path | None, str]:
    """The weights that the YAML names, and a note on where they were found; None where they are not there.

    TEST.MODEL_FILE if set, else MODEL.PRETRAINED: as given, beside the YAML, by base name in the weights folder; for
    MODEL.PRETRAINED also the file that weights.toml names as its stand-in.
    """
    for path in _candidates(config, config_path):
        if is_there(path):
            return path, f"weights {path}"
    published = None if config.TEST.MODEL_FILE else stand_in(Path(config.MODEL.PRETRAINED).name)
    found = find_published(published.name) if published else None
    if found is None:
        return None, ""
    return found, f"weights {found}, standing in for {Path(config.MODEL.PRETRAINED).name}"


def _candidates(config: HrnConfig, config_path: Path) -> tuple[Path, ...]:
    named = config.TEST.MODEL_FILE or config.MODEL.PRETRAINED
    if not named:
        return ()
    return Path(named), config_path.parent / named, weights_folder() / Path(named).name


def _missing(config: HrnConfig, config_path: Path) -> WeightsError:
    key = "TEST.MODEL_FILE" if config.TEST.MODEL_FILE else "MODEL.PRETRAINED"
    named = config.TEST.MODEL_FILE or config.MODEL.PRETRAINED
    if not named:
        return WeightsError(f"{config_path} names no weights", "set TEST.MODEL_FILE or MODEL.PRETRAINED in it")
    candidates = _candidates(config, config_path)
    known = {weights.name for weights in published_weights()}
    published = stand_in(Path(named).name)
    if key == "TEST.MODEL_FILE" or (published is None and Path(named).name not in known):
        places = "".join(f"\n     {path}" for path in candidates)
        remedy = f"put it there, or name other weights: hrn-stage --cfg {config_path} TEST.MODEL_FILE FILE"
        return WeightsError(f"no weights file {key} {named}; looked for{places}", remedy)
    extra = (weights_folder() / published.name,) if published else ()
    return missing_weights_error(Path(named).name, (*candidates, *extra))


def _lite(config: HrnConfig) -> tuple[HrnConfig, Path]:
    """The embedded network: its MODEL section, and its decoding where the user's YAML has none; all else the user's."""
    for path in sorted(LITE.glob("*.yaml")):
        lite = read_config(path)
        dataset = config.DATASET.model_copy(
            update={"DATASET": lite.DATASET.DATASET, "COLOR_RGB": lite.DATASET.COLOR_RGB}
        )
        own = (_OWN_TEST & lite.TEST.model_fields_set) - config.TEST.model_fields_set
        test = config.TEST.model_copy(update={key: getattr(lite.TEST, key) for key in own})
        merged = config.model_copy(update={"MODEL": lite.MODEL, "DATASET": dataset, "TEST": test})
        return merged, path.parent / lite.MODEL.PRETRAINED
    raise ConfigError("this version carries no embedded lite weights", "fetch the published ones: make weights")
