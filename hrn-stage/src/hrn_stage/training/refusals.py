"""Known keys of the YAML that training or evaluation cannot honour: refused there, unless they are neutral (pure).

Inference reads and ignores them: a published file loads unmodified.
"""

from __future__ import annotations

from hrn_stage.config import HrnConfig
from pose_contract.errors import ConfigError

FILES = ("jpg", "jpeg", "png")
ORDINARY = "people"


def is_ordinary(config: HrnConfig) -> bool:
    """Whether the labels are people of ordinary photos, each with weights, a box and a share (ordinary.py)."""
    return config.DATASET.DATASET.lower() == ORDINARY


def require_known_labels(config: HrnConfig) -> None:
    """For whatever reads labels. Raises ConfigError for archives of pictures, and for mixed kinds of joints."""
    dataset = config.DATASET
    if dataset.DATA_FORMAT.lower() not in FILES:
        reason = f"DATASET.DATA_FORMAT {dataset.DATA_FORMAT}: pictures are read from folders only"
        raise ConfigError(reason, "unpack them, and set DATASET.DATA_FORMAT jpg")
    if dataset.HYBRID_JOINTS_TYPE:
        reason = f"DATASET.HYBRID_JOINTS_TYPE {dataset.HYBRID_JOINTS_TYPE}: joints of mixed kinds are not read"
        raise ConfigError(reason, "set DATASET.HYBRID_JOINTS_TYPE ''")


def require_trainable(config: HrnConfig) -> None:
    """For training. Raises ConfigError as `require_known_labels`, where TOPK is no number of hard keypoints,
    and for people of ordinary photos without their weights or chosen by SELECT_DATA.
    """
    require_known_labels(config)
    topk, joints = config.LOSS.TOPK, config.MODEL.NUM_JOINTS
    if config.LOSS.USE_OHKM and not 1 <= topk <= joints:
        raise ConfigError(f"LOSS.TOPK is {topk}, of {joints} keypoints", f"set LOSS.TOPK from 1 to {joints}")
    if is_ordinary(config) and config.DATASET.SELECT_DATA:
        reason = "DATASET.SELECT_DATA chooses among published boxes, which people of ordinary photos do not have"
        raise ConfigError(reason, "set DATASET.SELECT_DATA false")
    if is_ordinary(config) and not config.LOSS.USE_TARGET_WEIGHT:
        reason = "LOSS.USE_TARGET_WEIGHT false: labels of ordinary photos do not count all alike"
        raise ConfigError(reason, "set LOSS.USE_TARGET_WEIGHT true")
