"""What is drawn over a frame: skeletons, ids with the estimator's order, and a line of numbers. Pure."""

from __future__ import annotations

import cv2
import numpy as np

from pose_contract.skeletons import Skeleton
from stage_kit.pictures.draw_poses import DrawnPose, add_poses
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.tags import PERSON_COLORS, Tag, add_tags
from web_app.watch.people import Picture
from web_app.watch.result import Result

WIDEST = 1280
QUALITY = 80
FONT = cv2.FONT_HERSHEY_SIMPLEX


def drawn(result: Result, skeleton: Skeleton) -> Picture:
    """A new picture with everything over it."""
    canvas = np.ascontiguousarray(result.picture).copy()
    people = result.people
    poses = [
        DrawnPose(one.keypoints[:, :2], one.keypoints[:, 2], color=PERSON_COLORS[one.visit % len(PERSON_COLORS)])
        for one in people
    ]
    add_poses(canvas, poses, skeleton, DrawStyle(circle=False))
    tags = [
        Tag(f"{one.visit or 'new'} #{one.order}", one.visit, ((one.box_xyxy[0] + one.box_xyxy[2]) / 2, one.box_xyxy[1]))
        for one in people
    ]
    add_tags(canvas, tags, np.empty((0, 2)))
    _add_line(canvas, result)
    return canvas


def _add_line(canvas: Picture, result: Result) -> None:
    """Along the bottom: people, inference time, frame."""
    height, width = canvas.shape[:2]
    scale = max(0.45, width / 1600)
    who = "person" if result.here == 1 else "people"
    text = (
        f"{result.here} {who} | inference {result.p50_ms:.0f} ms, p95 {result.p95_ms:.0f} | "
        f"{result.t_seconds:.1f} s, frame {result.frame}"
    )
    (_, tall), _ = cv2.getTextSize(text, FONT, scale, 1)
    band = canvas[height - 2 * tall - 4 :]
    np.right_shift(band, 2, out=band)
    cv2.putText(canvas, text, (8, height - tall // 2 - 3), FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)


def jpeg(picture: Picture) -> bytes:
    """As a JPEG at most 1280 pixels wide."""
    height, width = picture.shape[:2]
    if width > WIDEST:
        size = (WIDEST, round(height * WIDEST / width))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()
