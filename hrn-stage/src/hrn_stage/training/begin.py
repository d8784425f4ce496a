"""What a training starts from, or an evaluation measures: the YAML's network, or published or embedded weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hrn_stage.config import HrnConfig, read_config
from hrn_stage.model_files import LITE, find_weights
from pose_contract.errors import ConfigError, WeightsError
from stage_kit.weights.published import require_published, sha256_of

FINE_TUNING_RATE = 0.0001


def embedded_network(config: HrnConfig) -> tuple[HrnConfig, Path]:
    """The YAML with the embedded network in its MODEL, its labels kept; and the embedded weights."""
    for path in sorted(LITE.glob("*.yaml")):
        lite = read_config(path)
        dataset = config.DATASET.model_copy(update={"COLOR_RGB": lite.DATASET.COLOR_RGB})
        weights = path.parent / lite.MODEL.PRETRAINED
        return config.model_copy(update={"MODEL": lite.MODEL, "DATASET": dataset}), weights
    raise ConfigError("this version carries no embedded lite weights", "fetch the published ones: make weights")


def fine_tuning(config: HrnConfig, config_path: Path, weights: str, overrides: Sequence[str]) -> HrnConfig:
    """The YAML, starting from all layers of published or embedded weights, by a low rate unless TRAIN.LR overrides it.

    Raises:
        WeightsError: the YAML's own weights (`published`) are not there.
    """
    if weights == "lite":
        config, path = embedded_network(config)
    else:
        found, _ = find_weights(config, config_path)
        if found is None:
            named = config.TEST.MODEL_FILE or config.MODEL.PRETRAINED or "named in the YAML"
            raise WeightsError(f"no weights {named}", "fetch them: make weights; or start from --weights lite")
        path = found
    extra = config.MODEL.EXTRA.model_copy(update={"PRETRAINED_LAYERS": ("*",)})
    model = config.MODEL.model_copy(update={"PRETRAINED": str(path), "INIT_WEIGHTS": True, "EXTRA": extra})
    rate = config.TRAIN.LR if "TRAIN.LR" in overrides[::2] else FINE_TUNING_RATE
    return config.model_copy(update={"MODEL": model, "TRAIN": config.TRAIN.model_copy(update={"LR": rate})})


def measured_network(config: HrnConfig, weights: str) -> HrnConfig:
    """The YAML as it is (`published`), or with the embedded network and its weights as TEST.MODEL_FILE (`lite`)."""
    if weights != "lite":
        return config
    config, path = embedded_network(config)
    return config.model_copy(update={"TEST": config.TEST.model_copy(update={"MODEL_FILE": str(path)})})


def require_known_backbone(config: HrnConfig, trust: bool) -> None:
    """Refuses weights to begin with that have a published file's name and are another file, unless they are trusted.

    Raises:
        WeightsError: with the ways out.
    """
    path = Path(config.MODEL.PRETRAINED)
    if config.MODEL.PRETRAINED and config.MODEL.INIT_WEIGHTS and path.is_file():  # else nothing of it is read
        require_published(path, sha256_of(path), trust)
