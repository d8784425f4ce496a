"""COCO-18: the 18 points, the 19 links with their field channels, and what stands on the other side of a body."""

from __future__ import annotations

NAMES = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip
AT = {name: row for row, name in enumerate(NAMES)}
NOSE, NECK = AT["nose"], AT["neck"]
FACE = [AT[name] for name in ("nose", "right_eye", "left_eye", "right_ear", "left_ear")]
SHOULDERS = [AT["right_shoulder"], AT["left_shoulder"]]
HIPS = [AT["right_hip"], AT["left_hip"]]
LIMBS = list(range(2, 14))
# From point, to point, first of the two field channels (x, then y).
LINKS = (
    (1, 2, 12), (1, 5, 20), (2, 3, 14), (3, 4, 16), (5, 6, 22), (6, 7, 24), (1, 8, 0), (8, 9, 2), (9, 10, 4),
    (1, 11, 6), (11, 12, 8), (12, 13, 10), (1, 0, 28), (0, 14, 30), (14, 16, 34), (0, 15, 32), (15, 17, 36),
    (2, 16, 18), (5, 17, 26),
)  # fmt: skip
MIRROR = [AT[name.replace("left", "*").replace("right", "left").replace("*", "right")] for name in NAMES]
# Rows of MPII's 16 and COCO's 17 points for ours; -1: they have none.
FROM_MPII = [-1, -1, 12, 11, 10, 13, 14, 15, 2, 1, 0, 3, 4, 5, -1, -1, -1, -1]
FROM_COCO = [0, -1, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]
