"""Reads LSP's and LSPET's labels: arrays of 14 joints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrn_stage.config import HrnConfig
from hrn_stage.preprocess import center_and_scale
from hrn_stage.training.label_files import label_file, reading_labels
from hrn_stage.training.samples import Sample, extent_box
from pose_contract.skeletons import LSP14, MPII16


def read_lsp(config: HrnConfig, subset: str) -> list[Sample]:
    """`files` and `joints` [N, 14, 3] (x, y, labelled) of an npz; the pictures lie beside it or in the root."""
    path = label_file(config, f"{subset}.npz", f"lspet-{subset}.npz")
    with reading_labels(path), np.load(path, allow_pickle=False) as arrays:
        files, joints = arrays["files"], arrays["joints"].astype(np.float32).reshape(-1, len(LSP14.keypoints), 3)
    if len(MPII16.keypoints) == config.MODEL.NUM_JOINTS:
        joints = mpii_from_lsp(joints)
    samples = []
    for file, person in zip(files, joints, strict=True):
        labelled = person[:, 2] > 0
        if labelled.sum() < 2 or np.ptp(person[labelled, :2], axis=0).max() < 1:
            continue  # no extent, so no box
        box = extent_box(person[:, :2], labelled)
        center, scale = center_and_scale(box, config.MODEL.IMAGE_SIZE, config.TEST.CROP_CONTEXT)
        image = next(
            (
                folder / str(file)
                for folder in (path.parent, Path(config.DATASET.ROOT))
                if (folder / str(file)).is_file()
            ),
            path.parent / str(file),
        )
        samples.append(Sample(image, center, scale, person[:, :2], labelled))
    return samples


def mpii_from_lsp(joints: NDArray[np.float32]) -> NDArray[np.float32]:
    """LSP's 14 joints [N, 14, 3] as MPII's 16 [N, 16, 3].

    Neck is the upper neck; pelvis and thorax are the midpoints of hips and shoulders where both are labelled.
    """
    result = np.zeros((len(joints), len(MPII16.keypoints), 3), np.float32)
    for position, name in enumerate(LSP14.keypoints):
        result[:, MPII16.keypoints.index("upper_neck" if name == "neck" else name)] = joints[:, position]
    for name, pair in (("pelvis", "hip"), ("thorax", "shoulder")):
        right, left = (joints[:, LSP14.keypoints.index(f"{side}_{pair}")] for side in ("right", "left"))
        both = (right[:, 2] > 0) & (left[:, 2] > 0)
        result[both, MPII16.keypoints.index(name)] = ((right + left) / 2)[both]
    return result
