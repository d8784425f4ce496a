"""Metres per pixel: from a person's height, a known length in the picture, or a calibration file."""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motion_stage.named_points import path_of
from motion_stage.sequence import Floats, Track
from pose_contract.errors import UsageError

HEEL_METRES = 0.10  # from the sole to the ankle's centre: no skeleton here has a heel
NOSE_TO_TOP_METRES = 0.12  # of a head that looks ahead
UPRIGHT_DEGREES = 30.0
LEAST_EXTREME = 0.5  # of the upright frames: those nearest to their median
TALLEST_METRES = 3.0
NUMBER = r"-?\d+(?:\.\d+)?"
SEGMENT = re.compile(rf"({NUMBER}),({NUMBER}),({NUMBER}),({NUMBER})=({NUMBER})")
EXPECTED = "height:METRES, segment:X1,Y1,X2,Y2=METRES or a calibration file"


@dataclass(frozen=True)
class Scale:
    """What `--scale` says: a person's height, or metres per pixel; and in words where they come from."""

    source: str
    height_metres: float | None = None
    metres_per_px: float | None = None

    def of(self, track: Track) -> float | None:
        """Metres per pixel for one person; None where the height is given and nobody stands upright."""
        if self.height_metres is None:
            return self.metres_per_px
        return metres_per_px(track, self.height_metres)


def read_scale(text: str | None, root: Path) -> Scale | None:
    """The scale that a flag means; None without one.

    Args:
        text: `height:1.80`, `segment:100,400,900,400=2.10` or a file's name.
        root: the workspace, in which the file lies.

    Raises:
        UsageError: it is none of these, or no length.
    """
    if not text:
        return None
    if text.startswith("height:"):
        return Scale(text, height_metres=_metres(text, text.removeprefix("height:"), TALLEST_METRES))
    if text.startswith("segment:"):
        match = SEGMENT.fullmatch(text.removeprefix("segment:"))
        if match is None:
            raise _refusal(text)
        x1, y1, x2, y2 = (float(value) for value in match.groups()[:4])
        return Scale(text, metres_per_px=_ratio(text, math.hypot(x2 - x1, y2 - y1), match[5]))
    return Scale(text, metres_per_px=_calibrated(text, root / text))


def _calibrated(text: str, path: Path) -> float:
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))["metres_per_px"]
    except OSError as error:
        raise UsageError(f"--scale: {text}: {error.strerror}", f"expected {EXPECTED}") from None
    except (KeyError, ValueError):
        raise UsageError(f"--scale: {text} holds no metres_per_px", "write into it: metres_per_px = 0.0025") from None
    return _metres(text, str(value), math.inf)


def _ratio(text: str, length_px: float, metres: str) -> float:
    if length_px <= 0:
        raise _refusal(text)
    return _metres(text, metres, math.inf) / length_px


def _metres(text: str, value: str, most: float) -> float:
    try:
        metres = float(value)
    except ValueError:
        raise _refusal(text) from None
    if not 0 < metres < most:
        raise _refusal(text)
    return metres


def _refusal(text: str) -> UsageError:
    return UsageError(f"--scale: expected {EXPECTED}, got {text}", "e.g. --scale height:1.80")


def metres_per_px(track: Track, height_metres: float) -> float | None:
    """By the lengths of shank, thigh, trunk and head of somebody who stands; 5 % off is usual.

    The upright frames count, and of them the half that lies nearest to their median.
    """
    lengths = _lengths_px(track)
    upright = lengths[np.isfinite(lengths) & _is_upright(track)]
    if not len(upright):
        return None
    off = np.abs(upright - np.median(upright))
    usual = upright[np.argsort(off, kind="stable")[: max(round(LEAST_EXTREME * len(upright)), 1)]]
    top = NOSE_TO_TOP_METRES if "head_top" not in track.skeleton.keypoints else 0.0
    return float((height_metres - HEEL_METRES - top) / usual.mean())


def _lengths_px(track: Track) -> Floats:
    """[T]: from ankle to head along the limbs; the side that is seen, or the mean of both."""
    sides = []
    for side in ("left", "right"):
        ankle, knee, hip = (track.point(f"{side}_{joint}") for joint in ("ankle", "knee", "hip"))
        sides.append(_distance(ankle, knee) + _distance(knee, hip))
    both = np.array(sides)
    seen = np.isfinite(both)
    legs = np.where(seen, both, 0.0).sum(axis=0) / np.where(seen.any(axis=0), seen.sum(axis=0), np.nan)
    head = "head_top" if "head_top" in track.skeleton.keypoints else "nose"
    shoulders = path_of(track, "mid_shoulder")
    trunk = _distance(path_of(track, "mid_hip"), shoulders)
    lengths: Floats = legs + trunk + _distance(shoulders, path_of(track, head))
    return lengths


def _distance(a: Floats, b: Floats) -> Floats:
    length: Floats = np.linalg.norm(a - b, axis=1)
    return length


def _is_upright(track: Track) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    trunk = path_of(track, "mid_shoulder") - path_of(track, "mid_hip")
    with np.errstate(invalid="ignore"):
        tilt = np.degrees(np.arctan2(np.abs(trunk[:, 0]), -trunk[:, 1]))
        return np.asarray(tilt <= UPRIGHT_DEGREES)
