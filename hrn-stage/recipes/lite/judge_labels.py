"""Judges the left and right of every label by the maps of `judge_maps.py`, and writes training and validation labels.

    python judge_labels.py DATA_DIR WORK_DIR

Writes into WORK_DIR, each with `files` and `joints` as in lspet-train.npz: `train.npz` (those of 8,500 people who have
seven labels or more left, relabelled), `train-as-given.npz` (all 8,500),
`valid.npz` (500, their labels untouched) and `valid-relabelled.npz` (the same 500, relabelled); and `verdicts.npz`,
what was decided for each of the 9,000.

For the legs and for the arms, eight hypotheses say which of the hip, knee and ankle pairs (shoulder, elbow, wrist) have
left and right exchanged. Each is worth the heatmaps' values at the labels plus the mean part affinity along the limbs
between them. A limb pair is trusted where the best hypothesis beats its mirror image clearly.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

VALIDATION, SEED = 500, 20241
NECK = 12
FEWEST = 7  # labels that somebody to be trained on must have left
MARGIN = 0.3  # by which a hypothesis must beat its mirror image to be trusted
# Who was labelled back to front was so in arms and legs: exchanged arms make exchanged legs 70 % likely, straight ones
# 3 %.
PRIOR, HELP_FOR, HELP_AGAINST = 0.1, 0.5, 0.4
MIXED_GAIN = 0.7  # by which a partial exchange must beat both none and a full one
TOGETHER = 1.5  # cells; a pair closer than that may keep its labels, whichever is left
BLIND_PEAK, SEEN_LABEL = 0.5, 0.12  # a label without support is dropped where the judge itself sees the joint elsewhere
FILL_PEAK, FILL_AFFINITY = 0.55, 0.55
HYPOTHESES = tuple(itertools.product((0, 1), repeat=3))
YY, XX = np.mgrid[:32, :32]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LimbPair:
    """Two limbs of three joints, right then left: rows of the labels, heatmaps and affinity fields, trunk outwards."""

    name: str
    labels: tuple[tuple[int, int, int], tuple[int, int, int]]
    points: tuple[tuple[int, int, int], tuple[int, int, int]]
    fields: tuple[tuple[int, int, int], tuple[int, int, int]]


LIMB_PAIRS = (
    LimbPair("legs", ((2, 1, 0), (3, 4, 5)), ((8, 9, 10), (11, 12, 13)), ((0, 1, 2), (3, 4, 5))),
    LimbPair("arms", ((8, 7, 6), (9, 10, 11)), ((2, 3, 4), (5, 6, 7)), ((6, 7, 8), (10, 11, 12))),
)


@dataclass(frozen=True)
class Person:
    """One person: labels in map cells [14, 2], which are labelled [14], heatmaps [19, 32, 32], fields [19, 2, ...]."""

    cells: Array
    labelled: NDArray[np.bool_]
    heatmaps: Array
    fields: Array


@dataclass(frozen=True)
class Verdict:
    """For one limb pair: which of the three joint pairs to exchange, whether that is sure, and the margin."""

    exchanged: tuple[int, int, int]
    sure: bool
    margin: float


def main(data: Path, work: Path) -> None:
    """Writes the label files of WORK_DIR."""
    given = np.load(data / "lspet-train.npz")
    joints, files = given["joints"].astype(np.float64), given["files"]
    maps = np.load(work / "maps.npy", mmap_mode="r")
    affines = np.load(work / "affines.npy")
    relabelled = joints.copy()
    verdicts = np.zeros((len(joints), len(LIMB_PAIRS), 5))
    dropped = filled = 0
    for row in range(len(joints)):
        person = person_of(joints[row], maps[row], affines[row])
        for number, (pair, verdict) in enumerate(zip(LIMB_PAIRS, judge(person), strict=True)):
            verdicts[row, number] = *verdict.exchanged, verdict.sure, verdict.margin
            counts = apply(verdict, person, pair, affines[row], relabelled[row])
            dropped, filled = dropped + counts[0], filled + counts[1]
    np.savez_compressed(work / "verdicts.npz", verdicts=verdicts)
    print(f"{dropped} labels dropped, {filled} filled in, {int((relabelled[..., 2] > 0).sum())} left")
    for number, pair in enumerate(LIMB_PAIRS):
        sure = verdicts[:, number, 3] > 0
        full = verdicts[sure, number, :3].sum(axis=1)
        print(
            f"{pair.name}: sure {sure.mean():.3f}; of these exchanged {np.mean(full == 3):.3f}, "
            f"partly {np.mean((full > 0) & (full < 3)):.3f}"
        )
    write_split(work, files, joints, relabelled)


def write_split(work: Path, files: NDArray[np.str_], joints: Array, relabelled: Array) -> None:
    """Divides the people by a seeded permutation."""
    order = np.random.default_rng(SEED).permutation(len(files))
    valid, train = np.sort(order[:VALIDATION]), np.sort(order[VALIDATION:])
    judged = train[(relabelled[train, :, 2] > 0).sum(axis=1) >= FEWEST]
    for name, rows, labels in (
        ("train", judged, relabelled),
        ("train-as-given", train, joints),
        ("valid", valid, joints),
        ("valid-relabelled", valid, relabelled),
    ):
        np.savez_compressed(work / f"{name}.npz", files=files[rows], joints=labels[rows].astype(np.float32))


def person_of(joints: Array, maps: NDArray[np.float16], affine: Array) -> Person:
    """The labels [14, 3] brought to the cells of the maps [57, 32, 32]."""
    both = np.asarray(maps, np.float64)
    cells = (joints[:, :2] @ affine[:, :2].T + affine[:, 2] - 3.5) / 8
    return Person(cells, joints[:, 2] > 0, both[:19], both[19:].reshape(19, 2, 32, 32))


def judge(person: Person) -> tuple[Verdict, ...]:
    """The best of the eight hypotheses for the legs and for the arms, each helped by the other's evidence."""
    worths = [np.array([worth_of(person, pair, exchanged) for exchanged in HYPOTHESES]) for pair in LIMB_PAIRS]
    straight = [worth[0] - worth[7] for worth in worths]
    return tuple(
        verdict_on(worth, PRIOR + float(np.clip(other / 2, -HELP_AGAINST, HELP_FOR)))
        for worth, other in zip(worths, reversed(straight), strict=True)
    )


def verdict_on(worth: Array, bias: float) -> Verdict:
    """The best hypothesis of one limb pair; `bias` speaks for labels as they are."""
    worth = worth.copy()
    worth[0] += bias / 2
    worth[7] -= bias / 2
    best = int(worth.argmax())
    whole = max(worth[0], worth[7])
    if best not in (0, 7) and worth[best] < whole + MIXED_GAIN:
        best = 0 if worth[0] >= worth[7] else 7
    margin = float(worth[best] - worth[7 - best])
    return Verdict(HYPOTHESES[best], margin >= MARGIN, margin)


def worth_of(person: Person, pair: LimbPair, exchanged: tuple[int, int, int]) -> float:
    """The evidence for one hypothesis: heatmaps at the joints plus affinities along the limbs, both sides."""
    total = 0.0
    for side in (0, 1):
        start = NECK
        for joint in range(3):
            end = pair.labels[side ^ exchanged[joint]][joint]
            if person.labelled[end]:
                total += heat(person.heatmaps[pair.points[side][joint]], person.cells[end])
                if person.labelled[start]:
                    total += affinity(person.fields[pair.fields[side][joint]], person.cells[start], person.cells[end])
            start = end
    return total


def heat(heatmap: Array, point: Array) -> float:
    """The largest value near a point, paid less the farther it lies: labels are some cells off."""
    beyond = np.maximum(0.0, np.hypot(XX - point[0], YY - point[1]) - 0.7)
    return float((heatmap * np.exp(-(beyond**2) / 1.8)).max())


def affinity(field: Array, start: Array, end: Array) -> float:
    """The mean of the field's component along the line from start to end: 1 says that a limb lies there."""
    length = float(np.hypot(*(end - start)))
    if length < 0.5:
        return 0.0
    way = start + (end - start) * np.linspace(0.1, 0.9, 8)[:, None]
    x, y = np.clip(np.rint(way).astype(int), 0, 31).T
    return float((field[:, y, x].T @ ((end - start) / length)).mean())


def apply(verdict: Verdict, person: Person, pair: LimbPair, affine: Array, joints: Array) -> tuple[int, int]:
    """Writes one limb pair's new labels into `joints` [14, 3]; returns how many were dropped and filled in."""
    before = joints.copy()
    dropped = filled = 0
    cells = person.cells.copy()
    for joint in range(3):
        right, left = pair.labels[0][joint], pair.labels[1][joint]
        if verdict.sure:
            if verdict.exchanged[joint]:
                joints[[right, left]] = before[[left, right]]
                cells[[right, left]] = cells[[left, right]]
        elif person.labelled[[right, left]].all() and np.hypot(*(cells[right] - cells[left])) < TOGETHER:
            continue
        else:
            dropped += int((joints[[right, left], 2] > 0).sum())
            joints[[right, left]] = 0
    if verdict.sure:
        for side in (0, 1):
            counts = mend(person, pair, side, affine, (joints, cells))
            dropped, filled = dropped + counts[0], filled + counts[1]
    return dropped, filled


def mend(person: Person, pair: LimbPair, side: int, affine: Array, labels: tuple[Array, Array]) -> tuple[int, int]:
    """Walks one limb outwards: fills in what the judge surely sees, drops labels that it sees elsewhere."""
    joints, cells = labels
    dropped = filled = 0
    start = NECK
    for joint in range(3):
        end = pair.labels[side][joint]
        heatmap, field = person.heatmaps[pair.points[side][joint]], person.fields[pair.fields[side][joint]]
        if joints[start, 2] > 0:
            peak, strength, along = best_peak(heatmap, field, cells[start])
            labelled = joints[end, 2] > 0
            other = pair.labels[1 - side][joint]
            taken = joints[other, 2] > 0 and np.hypot(*(cells[other] - peak)) < 2
            unsupported = labelled and heat(heatmap, cells[end]) < SEEN_LABEL
            sure = strength > FILL_PEAK and along > FILL_AFFINITY and not taken
            if (not labelled or unsupported) and sure:
                cells[end] = peak
                joints[end] = *(np.linalg.inv(affine[:, :2]) @ (peak * 8 + 3.5 - affine[:, 2])), 1
                filled += 1
            elif unsupported and strength > BLIND_PEAK:
                joints[end] = 0
                dropped += 1
        start = end
    return dropped, filled


def best_peak(heatmap: Array, field: Array, start: Array) -> tuple[Array, float, float]:
    """The cell (refined by its neighbours) that best ends a limb from `start`, its heat, the affinity on the way."""
    found: tuple[Array, float, float] = (np.zeros(2), 0.0, 0.0)
    inner = heatmap[1:-1, 1:-1]
    around = np.stack([heatmap[1 + dy : 31 + dy, 1 + dx : 31 + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    for y, x in np.argwhere((inner >= around.max(axis=0)) & (inner > 0.2)) + 1:
        patch = np.maximum(heatmap[y - 1 : y + 2, x - 1 : x + 2], 0)
        peak = np.array([(patch.sum(axis=0) @ [-1, 0, 1]), (patch.sum(axis=1) @ [-1, 0, 1])]) / patch.sum() + (x, y)
        along = affinity(field, start, peak)
        if heatmap[y, x] + along > found[1] + found[2]:
            found = peak, float(heatmap[y, x]), along
    return found


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
