"""Data: the keypoint names, limbs and mirror pairs of the data sets that the networks were trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pose_contract.errors import ImageError

Side = Literal["left", "right", "middle"]


@dataclass(frozen=True)
class Limb:
    """A line between two keypoints, by name, and the person's own side of the body it belongs to."""

    a: str
    b: str
    side: Side


@dataclass(frozen=True)
class Skeleton:
    """Keypoint names in the order of the network's heatmaps, the limbs drawn, and who changes places in a mirror."""

    name: str
    keypoints: tuple[str, ...]
    limbs: tuple[Limb, ...]
    mirror_pairs: tuple[tuple[str, str], ...]

    @property
    def mirror_index(self) -> tuple[int, ...]:
        """For each keypoint the position of its mirror partner, or its own: an involution of 0..J-1."""
        partner = {name: name for name in self.keypoints}
        for a, b in self.mirror_pairs:
            partner[a], partner[b] = b, a
        return tuple(self.keypoints.index(partner[name]) for name in self.keypoints)


def _both_sides(*joined: tuple[str, str]) -> tuple[Limb, ...]:
    """Limbs of either side; a `*` in a name stands for `left_` or `right_`."""
    sides: tuple[Side, ...] = ("right", "left")
    return tuple(
        Limb(a.replace("*", f"{side}_"), b.replace("*", f"{side}_"), side) for side in sides for a, b in joined
    )


def _pairs(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"left_{name}", f"right_{name}") for name in names)


_JOINTS = ("ankle", "knee", "hip", "wrist", "elbow", "shoulder")
_LEG_AND_ARM = (("*ankle", "*knee"), ("*knee", "*hip"), ("*wrist", "*elbow"), ("*elbow", "*shoulder"))

# fmt: off
MPII16 = Skeleton(
    name="mpii16",
    keypoints=(
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
        "pelvis", "thorax", "upper_neck", "head_top",
        "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
    ),
    limbs=(
        *_both_sides(*_LEG_AND_ARM, ("*hip", "pelvis"), ("*shoulder", "thorax")),
        Limb("pelvis", "thorax", "middle"),
        Limb("thorax", "upper_neck", "middle"),
        Limb("upper_neck", "head_top", "middle"),
    ),
    mirror_pairs=_pairs(*_JOINTS),
)

COCO17 = Skeleton(
    name="coco17",
    keypoints=(
        "nose", "left_eye", "right_eye", "left_ear", "right_ear",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    ),
    limbs=(
        *_both_sides(*_LEG_AND_ARM, ("*shoulder", "*hip"), ("nose", "*eye"), ("*eye", "*ear"), ("*ear", "*shoulder")),
        Limb("left_shoulder", "right_shoulder", "middle"),
        Limb("left_hip", "right_hip", "middle"),
    ),
    mirror_pairs=_pairs("eye", "ear", *_JOINTS),
)

LSP14 = Skeleton(
    name="lsp14",
    keypoints=(
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
        "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
        "neck", "head_top",
    ),
    limbs=(
        *_both_sides(*_LEG_AND_ARM, ("*shoulder", "*hip"), ("*shoulder", "neck")),
        Limb("left_hip", "right_hip", "middle"),
        Limb("neck", "head_top", "middle"),
    ),
    mirror_pairs=_pairs(*_JOINTS),
)
# What OpenPose's networks find, in the order of their maps.
COCO18 = Skeleton(
    name="coco18",
    keypoints=(
        "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
        "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
        "right_eye", "left_eye", "right_ear", "left_ear",
    ),
    limbs=(
        *_both_sides(*_LEG_AND_ARM, ("*shoulder", "neck"), ("*hip", "neck"), ("nose", "*eye"), ("*eye", "*ear")),
        Limb("neck", "nose", "middle"),
    ),
    mirror_pairs=_pairs("eye", "ear", *_JOINTS),
)

MPI15 = Skeleton(
    name="mpi15",
    keypoints=(
        "head_top", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
        "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "chest",
    ),
    limbs=(
        *_both_sides(*_LEG_AND_ARM, ("*shoulder", "neck"), ("*hip", "chest")),
        Limb("neck", "head_top", "middle"),
        Limb("neck", "chest", "middle"),
    ),
    mirror_pairs=_pairs(*_JOINTS),
)

BODY25 = Skeleton(
    name="body25",
    keypoints=(
        *COCO18.keypoints[:8], "mid_hip", *COCO18.keypoints[8:],
        "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
    ),
    limbs=(
        *_both_sides(*_LEG_AND_ARM, ("*shoulder", "neck"), ("*hip", "mid_hip"), ("nose", "*eye"), ("*eye", "*ear")),
        *_both_sides(("*ankle", "*heel"), ("*ankle", "*big_toe"), ("*big_toe", "*small_toe")),
        Limb("neck", "nose", "middle"),
        Limb("neck", "mid_hip", "middle"),
    ),
    mirror_pairs=_pairs("eye", "ear", "big_toe", "small_toe", "heel", *_JOINTS),
)
# fmt: on

SKELETONS = (MPII16, COCO17, LSP14, COCO18, MPI15, BODY25)


def skeleton_named(name: str) -> Skeleton:
    """The skeleton that a record names. Raises ImageError where nobody knows it."""
    for skeleton in SKELETONS:
        if skeleton.name == name:
            return skeleton
    known = ", ".join(skeleton.name for skeleton in SKELETONS)
    raise ImageError(f"has a record that names the skeleton {name!r}", f"correct the record; known: {known}")
