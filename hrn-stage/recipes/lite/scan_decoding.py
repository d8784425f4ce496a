"""Which decoding and how much context around the box fit a network best: PCK of the limb joints for each pair.

    python scan_decoding.py LABELS PICTURES YAML [--weights PTH] [--annots DIR] [KEY VALUE ...]

As evaluate_people.py, on labelled boxes and, with `--annots`, on those that yolo-stage has found. The network runs once
for each context.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from evaluate_people import Array, Network, Person, found_boxes, judge, read_people

from hrn_stage.config import read_config
from hrn_stage.decode import Method, decode, keypoints_to_image
from hrn_stage.engines.torch import load_estimator
from hrn_stage.inference import estimate_people
from pose_contract.skeletons import MPII16
from stage_kit.pictures.images import read_image

CONTEXTS = (1.0, 1.1, 1.2, 1.25, 1.3)
DECODINGS: tuple[tuple[Method, int], ...] = (("quarter", 1), ("dark", 3), ("dark", 5), ("dark", 7))


def keypoints_by_decoding(people: list[Person], boxes: list[Array | None], network: Network) -> dict[str, Array]:
    """Everybody's keypoints [N, 16, 2] by each decoding; NaN for whom there is no box."""
    result = {f"{method} {kernel}": np.full((len(people), 16, 2), np.nan) for method, kernel in DECODINGS}
    for row, (person, box) in enumerate(zip(people, boxes, strict=True)):
        if box is None:
            continue
        prepared = network.prepared(read_image(person.picture), box)
        (estimated,) = estimate_people(prepared.network_input[None], network.estimator, network.config, MPII16)
        for method, kernel in DECODINGS:
            found, _ = decode(estimated.heatmaps[None], method, kernel)
            size = network.config.MODEL.HEATMAP_SIZE
            points = keypoints_to_image(found, prepared.center[None], prepared.scale[None], size)
            result[f"{method} {kernel}"][row] = points[0]
    return result


def main() -> None:
    """argv -> a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("labels", "pictures", "cfg"):
        parser.add_argument(name, type=Path)
    for name in ("--weights", "--annots"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("opts", nargs="*", metavar="KEY VALUE")
    args = parser.parse_intermixed_args()
    config = read_config(args.cfg, args.opts)
    weights = args.weights or args.cfg.with_name(Path(config.MODEL.PRETRAINED).name)
    estimator = load_estimator(config.MODEL, weights, "cpu", args.precision)
    people = read_people(args.labels, args.pictures, None, None)
    sets: dict[str, list[Array | None]] = {"labelled": [person.box_xyxy for person in people]}
    if args.annots is not None:
        sets["found"] = found_boxes(people, args.annots)
    print("| boxes | context | " + " | ".join(f"{method} {kernel}" for method, kernel in DECODINGS) + " |")
    print("|---|---|" + "---|" * len(DECODINGS))
    for name, boxes in sets.items():
        for context in CONTEXTS:
            points = keypoints_by_decoding(people, boxes, Network(estimator, config, context))
            judged = [judge(people, found) for found in points.values()]
            cells = [f"{numbers['PCK@0.2']:.3f} ({numbers['PCK@0.1']:.3f})" for numbers in judged]
            print(f"| {name} | {context} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
