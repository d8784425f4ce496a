"""The tables of one sequence, row by row. Units stand in the columns' names; what is missing is an empty cell.

Another step adds its own `Table` to `TABLES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_stage.angles import JOINTS, SEGMENTS, joint_angles, segment_angles, signed_joint_angles
from motion_stage.motion import Motion, speeds_of
from motion_stage.named_points import path_of
from motion_stage.sequence import Floats, State, Track
from motion_stage.settings import Sport
from pose_contract.skeletons import Skeleton

ROWS_AT_ONCE = 4096
WORDS = [state.word for state in State]
SIDES = {1: "right", -1: "left", 0: ""}


@dataclass(frozen=True)
class TableContext:
    """What a table's columns depend on."""

    skeleton: Skeleton
    speed_points: tuple[str, ...]
    scaled: bool
    sport: Sport = "none"
    stroke_classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A file of rows.

    Attributes:
        file: its name.
        step: the step that makes it.
        columns: the header.
        rows: one person's lines, without the line's end.
        points: names whose clean paths it needs.
    """

    file: str
    step: str
    columns: Callable[[TableContext], Iterable[str]]
    rows: Callable[[Motion, TableContext], Iterator[str]]
    points: Callable[[TableContext], tuple[str, ...]] = lambda _: ()


def cell(value: float, digits: int = 3) -> str:
    """A number as it stands in a table: empty where it is missing, never -0."""
    return f"{value:z.{digits}f}" if value == value else ""


def cells(values: Iterable[float], digits: int = 3) -> list[str]:
    """Several of them."""
    return [f"{value:z.{digits}f}" if value == value else "" for value in values]


KEYPOINT_COLUMNS = ("frame", "t_seconds", "track", "keypoint", "x_px", "y_px", "score", "state")


def keypoint_rows(track: Track) -> Iterator[str]:
    """A row a frame and keypoint, as recorded or smoothed."""
    names = track.skeleton.keypoints
    for part in _parts(track):
        for row, (frame, t_seconds) in enumerate(zip(part.frames.tolist(), part.t_seconds.tolist(), strict=True)):
            start = f"{frame},{cell(t_seconds, 6)},{track.id},"
            x, y = (cells(part.keypoints_xy[row, :, axis].tolist()) for axis in (0, 1))
            missing = part.states[row] == State.MISSING
            scores = ["" if gone else f"{score:.4f}" for gone, score in zip(missing, part.scores[row], strict=True)]
            words = (WORDS[state] for state in part.states[row])
            for name, *rest in zip(names, x, y, scores, words, strict=True):
                yield f"{start}{name},{','.join(rest)}"


def _parts(track: Track) -> Iterator[Track]:
    """The track in stretches, so that an hour takes no more memory than a minute."""
    for first in range(0, len(track.frames), ROWS_AT_ONCE):
        yield track.part(slice(first, first + ROWS_AT_ONCE))


def _starts(track: Track) -> list[str]:
    """`frame,t_seconds,track` of each row."""
    both = zip(track.frames.tolist(), track.t_seconds.tolist(), strict=True)
    return [f"{frame},{cell(t_seconds, 6)},{track.id}" for frame, t_seconds in both]


def _wide_columns(context: TableContext) -> list[str]:
    points = [f"{name}_{axis}_px" for name in context.skeleton.keypoints for axis in "xy"]
    return ["frame", "t_seconds", "track", *points]


def _wide_rows(motion: Motion, _: TableContext) -> Iterator[str]:
    for part in _parts(motion.track):
        flat = part.keypoints_xy.reshape(len(part.frames), -1).tolist()
        for start, values in zip(_starts(part), flat, strict=True):
            yield f"{start},{','.join(cells(values))}"


def _speed_columns(context: TableContext) -> list[str]:
    metres = ["speed_m_per_s"] if context.scaled else []
    pixels = ["speed_px_per_frame", "speed_px_per_s", *metres, "x_px_per_s", "y_px_per_s", "noise_floor_px_per_s"]
    return ["frame", "t_seconds", "track", "point", *pixels, "state"]


def _speed_rows(motion: Motion, context: TableContext) -> Iterator[str]:
    for point in context.speed_points:
        if point not in motion.paths:
            continue
        speeds, states = speeds_of(motion, point), motion.state_of(point)
        floor = cell(speeds.floor_per_second)
        columns = [speeds.per_frame, speeds.per_second]
        if context.scaled:
            columns.append(speeds.per_second * (motion.metres_per_px or np.nan))
        columns += [speeds.velocity[:, 0], speeds.velocity[:, 1]]
        numbers = np.stack(columns, axis=1)
        for first in range(0, len(states), ROWS_AT_ONCE):
            rows = slice(first, first + ROWS_AT_ONCE)
            starts = _starts(motion.track.part(rows))
            for start, values, state in zip(starts, numbers[rows].tolist(), states[rows].tolist(), strict=True):
                yield f"{start},{point},{','.join(cells(values, 4))},{floor},{WORDS[state]}"


def angle_names(skeleton: Skeleton) -> tuple[list[str], list[str]]:
    """The joints and the limbs whose angles this skeleton has."""
    joints = [name for name, points in JOINTS.items() if set(points) <= set(skeleton.keypoints)]
    return joints, [
        name for name, points in SEGMENTS.items() if name == "trunk" or set(points) <= set(skeleton.keypoints)
    ]


def _angle_columns(context: TableContext) -> list[str]:
    joints, limbs = angle_names(context.skeleton)
    of_joints = [f"{name}_{kind}" for name in joints for kind in ("degrees", "signed_degrees")]
    return ["frame", "t_seconds", "track", "facing", *of_joints, *(f"{name}_degrees" for name in limbs)]


def angles_of(track: Track, facing: NDArray[np.int8]) -> Floats:
    """[T, A]: per joint the angle and the signed one, which is missing where the side is; then the limbs' angles."""
    joints, limbs = angle_names(track.skeleton)
    sign = np.where(facing == 0, np.nan, facing)
    columns: list[Floats] = []
    for name in joints:
        points = [track.point(point) for point in JOINTS[name]]
        columns += [joint_angles(*points), signed_joint_angles(*points) * sign]
    columns += [segment_angles(*(path_of(track, point) for point in SEGMENTS[name])) for name in limbs]
    return np.stack(columns, axis=1) if columns else np.empty((len(track.frames), 0))


def _angle_rows(motion: Motion, _: TableContext) -> Iterator[str]:
    for first in range(0, len(motion.track.frames), ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        part, sides = motion.track.part(rows), motion.facing[rows]
        values = angles_of(part, sides).tolist()
        for start, side, angles in zip(_starts(part), sides.tolist(), values, strict=True):
            yield f"{start},{SIDES[side]},{','.join(cells(angles, 2))}"


RAW_TABLE, WIDE_FILE, SPEEDS_FILE = "keypoints_raw.csv", "wide.csv", "speeds.csv"
"""The first is made of the track as recorded, before it becomes a `Motion`."""
TABLES: list[Table] = [
    Table("keypoints_smooth.csv", "smooth", lambda _: KEYPOINT_COLUMNS, lambda motion, _: keypoint_rows(motion.track)),
    Table(WIDE_FILE, "smooth", _wide_columns, _wide_rows),
    Table(SPEEDS_FILE, "measure", _speed_columns, _speed_rows, lambda context: context.speed_points),
    Table("angles.csv", "measure", _angle_columns, _angle_rows),
]
