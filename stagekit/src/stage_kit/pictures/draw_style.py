"""What is drawn of poses, and how large. Light: the flags of a command take their defaults from here."""

from __future__ import annotations

from dataclasses import dataclass

MIN_PERSON_SCORE = 0.12
"""The embedded networks put 7 boxes on nobody in 80 photos of COCO, and found 1,454 of 1,664 labelled people of MPII.

This leaves out 3 of the former and none of the latter (0.15: 3 and 2; 0.18: 7 and 6; 0.2: 7 and 11). Nobody's are
boxes that overlap no labelled one by IoU 0.1; found is who overlaps by 0.5. In 130 photos on which neither network was
trained it leaves out 6 of 306 boxes on somebody (0.15: 21; 0.18: 37; 0.2: 43) and 4 of 15 on nothing (6; 9; 9).
"""


@dataclass(frozen=True)
class DrawStyle:
    """What is drawn, and how large: a given size is in pixels of the picture, None suits the picture's long side.

    A `circle_thickness` of -1 fills the circle, as everywhere in cv2, and is the default. `min_score` is that of a
    keypoint, `min_person_score` that of a whole pose. `blur_faces` makes faces unrecognisable, also those of people who
    are not drawn.
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
    blur_faces: bool = False
