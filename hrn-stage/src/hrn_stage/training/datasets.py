"""Reads labelled people: MPII JSON, COCO keypoint JSON, LSP arrays, ordinary people, the records of a workspace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hrn_stage.config import HrnConfig
from hrn_stage.training.coco_labels import read_coco
from hrn_stage.training.label_files import label_file, reading_labels
from hrn_stage.training.lsp_labels import read_lsp
from hrn_stage.training.mpii_labels import read_mpii
from hrn_stage.training.ordinary import OrdinaryPerson, read_ordinary_people
from hrn_stage.training.samples import Sample
from hrn_stage.training.workspace_labels import read_workspace
from pose_contract.errors import ConfigError


def read_samples(config: HrnConfig, subset: str) -> list[Sample]:
    """The labelled people of DATASET.ROOT, by DATASET.DATASET mpii, coco, lsp, people or workspace.

    Args:
        config: names the data set, its root, and the skeleton (by MODEL.NUM_JOINTS).
        subset: DATASET.TRAIN_SET or TEST_SET, a part of the file's name.

    Raises:
        ConfigError: an unknown data set, a missing or damaged label file, or nobody in it.
    """
    readers: dict[str, Callable[[HrnConfig, str], list[Sample]]] = {
        "mpii": read_mpii,
        "coco": read_coco,
        "lsp": read_lsp,
        "people": _read_people,
        "workspace": read_workspace,
    }
    reader = readers.get(config.DATASET.DATASET.lower())
    if reader is None:
        known = ", ".join(readers)
        raise ConfigError(f"DATASET.DATASET {config.DATASET.DATASET} has no labels to read", f"known: {known}")
    samples = reader(config, subset)
    if not samples:
        raise ConfigError(
            f"nobody is labelled in {config.DATASET.ROOT}, set {subset}", "check DATASET.ROOT and the set"
        )
    return samples


def _read_people(config: HrnConfig, subset: str) -> list[Sample]:
    """People of ordinary photos, as they are measured; `ordinary_people` gives all that training wants to know."""
    return [person.as_sample(config.MODEL.IMAGE_SIZE) for person in ordinary_people(config, subset)]


def ordinary_people(config: HrnConfig, subset: str) -> list[OrdinaryPerson]:
    """The people of `{subset}.npz` (see ordinary.py).

    Raises:
        ConfigError: the file is missing or damaged, lacks arrays, or has another number of joints than the YAML.
    """
    path = label_file(config, f"{subset}.npz")
    with reading_labels(path):
        people = read_ordinary_people(path, Path(config.DATASET.ROOT))
    joints = {len(person.joints_xy) for person in people} - {config.MODEL.NUM_JOINTS}
    if joints:
        reason = f"{path}: people have {joints.pop()} joints, but MODEL.NUM_JOINTS is {config.MODEL.NUM_JOINTS}"
        raise ConfigError(reason, "set MODEL.NUM_JOINTS to the labels' number of joints")
    return people
