"""What is drawn of poses, and how large. Light: the flags of a command take their defaults from here."""

from __future__ import annotations

from dataclasses import dataclass

MIN_PERSON_SCORE = 0.12
"""The embedded networks put 39 boxes on nobody in 80 photos of COCO, and found 1,157 labelled people of MPII.

This leaves out 23 of the former and 12 of the latter (0.15: 30 and 34; 0.1: 11 and 6).
"""


@dataclass(frozen=True)
class DrawStyle:
    """What is drawn, and how large: a given size is in pixels of the picture, None suits the picture's long side.

    A `circle_thickness` of -1 fills the circle, as everywhere in cv2, and is the default. `min_score` is that of a
    keypoint, `min_person_score` that of a whole pose.
    """

    circle: bool = True
    label: bool = False
    line: bool = True
    circle_radius: int | None = None
    circle_thickness: int | None = None
    label_font_scale: float | None = None
    label_thickness: int | None = None
    line_thickness: int | None = None
    min_score: float = 0.2
    min_person_score: float = MIN_PERSON_SCORE
