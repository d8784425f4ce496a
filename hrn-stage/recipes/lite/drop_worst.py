"""Leaves out the people whose labels a trained network contradicts most: their labels are the likeliest to be wrong.

    python drop_worst.py YAML WEIGHTS OUT.npz

YAML is an experiment on LSP arrays, WEIGHTS what came of it. Writes the training set of the YAML without the worst
twentieth: by the median distance of a person's labels from what the network finds, over their extent.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from hrn_stage.config import read_config
from hrn_stage.engines.torch import load_estimator
from hrn_stage.evaluation import predict
from hrn_stage.training.datasets import read_samples
from pose_contract.skeletons import skeleton_for

WORST = 0.05


def main(yaml: Path, weights: Path, out: Path) -> None:
    """Writes `out`."""
    config = read_config(yaml, ["TEST.FLIP_TEST", "false"])
    samples = read_samples(config, config.DATASET.TRAIN_SET)
    given = np.load(Path(config.DATASET.ROOT, f"{config.DATASET.TRAIN_SET}.npz"))
    if len(given["files"]) != len(samples):
        sys.exit(f"{len(given['files'])} people in the file, {len(samples)} with labels: cannot tell who is who")
    found = predict(samples, load_estimator(config.MODEL, weights, "auto"), config, skeleton_for("lsp", 16))
    errors = np.zeros(len(samples))
    for row, sample in enumerate(samples):
        labelled = sample.labelled
        distance = np.linalg.norm(found.keypoints_xy[row][labelled] - sample.joints_xy[labelled], axis=1)
        extent = np.ptp(sample.joints_xy[labelled], axis=0).max()
        errors[row] = np.median(distance) / max(float(extent), 1.0)
    kept = np.sort(np.argsort(errors)[: round((1 - WORST) * len(errors))])
    np.savez_compressed(out, files=given["files"][kept], joints=given["joints"][kept])
    print(f"{len(kept)} of {len(errors)} people kept: median distance of those left out")
    print(f"from {np.sort(errors)[len(kept)]:.3f} of their extent on, of the median person {np.median(errors):.3f}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
