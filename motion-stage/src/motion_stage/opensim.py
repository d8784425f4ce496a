"""A person's smoothed keypoints as .trc and the angles as .mot, as OpenSim reads them."""

from __future__ import annotations

from collections.abc import Iterator

from motion_stage.motion import Motion
from motion_stage.tables import ROWS_AT_ONCE, angle_names, angles_of


def trc_lines(motion: Motion, name: str, height_px: int) -> Iterator[str]:
    """The lines of a .trc: x right, y up from the picture's lower edge, z 0; what is missing is empty.

    The unit is metres with a scale, else pixels, which OpenSim takes for no length: it must be told.
    """
    track = motion.track
    scale, unit, digits = (motion.metres_per_px, "m", 5) if motion.metres_per_px else (1.0, "px", 3)
    rate, count, names = f"{1 / motion.dt if motion.dt > 0 else 0:.6g}", len(track.frames), track.skeleton.keypoints
    yield f"PathFileType\t4\t(X/Y/Z)\t{name}"
    yield "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames"
    yield f"{rate}\t{rate}\t{count}\t{len(names)}\t{unit}\t{rate}\t1\t{count}"
    yield "Frame#\tTime\t" + "\t\t\t".join(names)
    yield "\t\t" + "\t".join(f"X{index}\tY{index}\tZ{index}" for index in range(1, len(names) + 1))
    yield ""
    for row in range(count):
        places = (
            "\t\t"
            if x != x or y != y
            else f"{x * scale:z.{digits}f}\t{(height_px - y) * scale:z.{digits}f}\t{0:.{digits}f}"
            for x, y in track.keypoints_xy[row].tolist()
        )
        yield f"{row + 1}\t{track.t_seconds[row]:.6f}\t" + "\t".join(places)


def mot_lines(motion: Motion, name: str) -> Iterator[str]:
    """The lines of a .mot: the angles of angles.csv in degrees; what is missing is `nan`: a .mot has no empty cells."""
    track = motion.track
    joints, limbs = angle_names(track.skeleton)
    columns = ["time", *(f"{joint}{kind}" for joint in joints for kind in ("", "_signed")), *limbs]
    yield name
    yield "version=1"
    yield f"nRows={len(track.frames)}"
    yield f"nColumns={len(columns)}"
    yield "inDegrees=yes"
    yield "endheader"
    yield "\t".join(columns)
    for first in range(0, len(track.frames), ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        angles = angles_of(track.part(rows), motion.facing[rows]).tolist()
        for t_seconds, values in zip(track.t_seconds[rows].tolist(), angles, strict=True):
            yield "\t".join([f"{t_seconds:.6f}", *(f"{value:z.2f}" for value in values)])
