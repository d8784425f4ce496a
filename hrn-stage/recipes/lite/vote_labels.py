"""Labels of LSPET by vote of the label, MoveNet Thunder and BlazePose heavy, as MPII's 16 joints with weights.

    python vote_labels.py DATA teacher-lspet.npz OUT.npz

A twentieth of LSPET's people have left and right exchanged, a fifth of the joints lie off by more than 0.2 torsos.
Sides are decided first, for the legs and for the arms: every opinion votes for or against Thunder's way round, by its
reliability. Then every joint is the mean of the opinions that lie near each other; two teachers who agree win against
the label. Its weight is the share of the votes behind it. People whom no teacher recognises are left out.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from people_sets import LSPET_VALIDATION, Array, set_apart
from teachers import COCO

from hrn_stage.training.lsp_labels import mpii_from_lsp
from pose_contract.skeletons import LSP14, MPII16

LIMBS = list(LSP14.keypoints[:12])
MIRROR = [LIMBS.index(name.replace("right", "*").replace("left", "right").replace("*", "left")) for name in LIMBS]
LEGS, ARMS = slice(0, 6), slice(6, 12)
VOTES = {"label": 0.8, "thunder": 1.2, "heavy": 1.2}
SEEN_BY = {"thunder": 0.1, "heavy": 0.2}  # score or visibility from which a teacher's joint is an opinion
LOWER = {  # parts of the trunk by which a teacher's joints lie lower than MPII's, medians of its people for training
    "thunder": {"ankle": 0.020, "knee": 0.020, "hip": 0.0, "wrist": 0.0, "elbow": 0.005, "shoulder": -0.025},
    "heavy": {"ankle": 0.066, "knee": 0.055, "hip": 0.060, "wrist": 0.045, "elbow": 0.040, "shoulder": 0.008},
}
CLEAR = 0.15  # torsos a joint by which one way round must be nearer, to be a vote
NEAR = 0.3  # torsos within which opinions are one
RECOGNISED = 0.35  # torsos: a teacher's median distance from the nearer label
FEWEST, HEAD_WEIGHT = 8, 0.8


@dataclass(frozen=True)
class Opinion:
    """Where one judge sees the twelve limb joints [12, 2], and which it sees [12]."""

    joints_xy: Array
    seen: NDArray[np.bool_]
    vote: float

    def turned(self, rows: slice) -> Opinion:
        """With left and right of these limbs exchanged."""
        order = np.arange(len(LIMBS))
        order[rows] = np.array(MIRROR)[rows]
        return Opinion(self.joints_xy[order], self.seen[order], self.vote)


def as_mpii(joints_xy: Array, teacher: str) -> Array:
    """A teacher's joints [12, 2] moved up along the trunk to where MPII has them."""
    shoulders, hips = (
        joints_xy[[LIMBS.index(f"{side}_{part}") for side in ("left", "right")]].mean(axis=0)
        for part in ("shoulder", "hip")
    )
    lower = np.array([LOWER[teacher][name.partition("_")[2]] for name in LIMBS])
    return joints_xy - lower[:, None] * (hips - shoulders)


def way_round(one: Opinion, other: Opinion, rows: slice, torso: float) -> int:
    """1 if the two agree about these limbs' sides, -1 if they contradict each other, 0 if that is not clear."""
    both, crossed = one.seen & other.seen, one.seen & other.turned(rows).seen
    known = np.zeros(len(LIMBS), bool)
    known[rows] = (both & crossed)[rows]
    if not known.any():
        return 0
    straight = np.minimum(np.linalg.norm(one.joints_xy - other.joints_xy, axis=1) / torso, 1)[known].mean()
    across = np.minimum(np.linalg.norm(one.joints_xy - other.turned(rows).joints_xy, axis=1) / torso, 1)[known].mean()
    return int(across - straight > CLEAR) - int(straight - across > CLEAR)


def with_common_sides(opinions: list[Opinion], torso: float) -> list[Opinion]:
    """The opinions with the limbs of who is outvoted exchanged; who is unclear is brought into line with the first."""
    for rows in (LEGS, ARMS):
        ways = [way_round(opinion, opinions[0], rows, torso) for opinion in opinions]
        ways[0] = 1
        outvoted = sum(opinion.vote * way for opinion, way in zip(opinions, ways, strict=True)) < 0
        wanted = -1 if outvoted else 1
        opinions = [
            opinion.turned(rows) if way == -wanted else opinion for opinion, way in zip(opinions, ways, strict=True)
        ]
    return opinions


def vote_joints(opinions: list[Opinion], torso: float) -> tuple[Array, NDArray[np.float32]]:
    """Joints [12, 2], each the mean of the strongest group of opinions, and the group's share of all votes [12]."""
    points = np.stack([opinion.joints_xy for opinion in opinions])
    votes = np.stack([opinion.vote * opinion.seen for opinion in opinions])
    apart = np.linalg.norm(points[:, None] - points[None], axis=3) / torso
    behind = np.where(apart <= NEAR, votes[None], 0) * (votes > 0)[:, None]  # [who, with whom, joint]
    best = behind.sum(axis=1).argmax(axis=0)
    group = np.take_along_axis(behind, best[None, None], axis=0)[0]
    total = group.sum(axis=0)
    joints = np.einsum("oj,ojk->jk", group, points) / np.maximum(total, 1e-9)[:, None]
    return joints, (total / sum(VOTES.values())).astype(np.float32)


def torso_length(person: Array, thunder_xy: Array) -> float:
    """Left shoulder to right hip in pixels, of the label or of Thunder; never less than a part of the whole."""
    labelled = person[:, 2] > 0
    shoulder, hip = LSP14.keypoints.index("left_shoulder"), LSP14.keypoints.index("right_hip")
    ends = person[[shoulder, hip], :2]
    if not labelled[[shoulder, hip]].all():
        ends = thunder_xy[[LIMBS.index("left_shoulder"), LIMBS.index("right_hip")]]
    extent = float(np.ptp(person[labelled, :2], axis=0).max())
    return max(float(np.linalg.norm(ends[0] - ends[1])), 0.2 * extent, 6.0)


def recognises(teacher: Opinion, label: Opinion, torso: float) -> bool:
    """Whether a teacher saw this person and not the neighbour, sides apart."""
    distance = [
        np.linalg.norm(teacher.joints_xy - other, axis=1) for other in (label.joints_xy, label.joints_xy[MIRROR])
    ]
    known = teacher.seen & label.seen
    return bool(known.sum() >= 4 and np.median(np.minimum(*distance)[known]) < RECOGNISED * torso)


def vote(person: Array, thunder: Opinion, heavy: Opinion) -> tuple[Array, NDArray[np.float32]] | None:
    """MPII's joints [16, 2] and weights [16] of a label [14, 3]; None for whom no teacher recognises."""
    torso = torso_length(person, thunder.joints_xy)
    label = Opinion(person[:12, :2], person[:12, 2] > 0, VOTES["label"])
    teachers = [teacher for teacher in (thunder, heavy) if recognises(teacher, label, torso)]
    if not teachers:
        return None
    limbs, weights = vote_joints(with_common_sides([*teachers, label], torso), torso)
    lsp = np.concatenate([limbs, person[12:, :2]])
    counts = np.concatenate([weights, HEAD_WEIGHT * (person[12:, 2] > 0)])
    joints = mpii_from_lsp(np.concatenate([lsp, counts[:, None] > 0], axis=1)[None].astype(np.float32))[0]
    given = mpii_from_lsp(np.stack([np.zeros(14), np.zeros(14), counts], axis=1)[None].astype(np.float32))[0, :, 2]
    for middle, pair in (("pelvis", "hip"), ("thorax", "shoulder")):
        sides = [counts[LSP14.keypoints.index(f"{side}_{pair}")] for side in ("left", "right")]
        given[MPII16.keypoints.index(middle)] = min(sides)
    return joints[:, :2].astype(np.float64), given.astype(np.float32)


def main(data: Path, teacher: Path, out: Path) -> None:
    """Writes OUT.npz: `files`, `joints`, `weight`, `absent` of the people for training."""
    with np.load(data / "lspet-train.npz") as labels, np.load(teacher) as said:
        files, people = labels["files"], labels["joints"].astype(np.float64)
        thunder_xy, thunder_score = said["thunder_xy"].astype(np.float64), said["thunder_score"]
        heavy_xy, heavy_sees, there = said["heavy_xy"].astype(np.float64), said["heavy_visible"], said["heavy_present"]
    rows = [COCO[name] for name in LIMBS]
    kept_back, kept = set_apart(len(files), LSPET_VALIDATION), []
    for row, person in enumerate(people):
        if row in kept_back or (person[:, 2] > 0).sum() < FEWEST:
            continue
        looked = as_mpii(thunder_xy[row, rows], "thunder")
        thunder = Opinion(looked, thunder_score[row, rows] > SEEN_BY["thunder"], VOTES["thunder"])
        sees = (heavy_sees[row] > SEEN_BY["heavy"]) & (there[row] > 0.5) & np.isfinite(heavy_xy[row]).all(axis=1)
        heavy = Opinion(as_mpii(np.nan_to_num(heavy_xy[row]), "heavy"), sees, VOTES["heavy"])
        found = vote(person, thunder, heavy)
        if found is not None and (found[1] > 0).sum() >= FEWEST:
            kept.append((str(files[row]), *found))
    names, joints, weights = zip(*kept, strict=True)
    weight = np.stack(weights)
    absent = np.zeros(weight.shape, bool)
    np.savez_compressed(
        out, files=np.array(names), joints=np.stack(joints).astype(np.float32), weight=weight, absent=absent
    )
    print(f"{len(kept)} people, mean weight {weight.mean():.2f}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
