"""People made of formulas: a stick figure that stands, walks or rows, as tracks and as records of videos."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from motion_stage.sequence import Floats, State, Track
from pose_contract.records import Box, MadeBy
from pose_contract.skeletons import COCO17, Skeleton
from pose_contract.video_records import FramePose, FramePoses, VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.videos.record_files import line_of

# A figure seen from its left as it looks left to right; x, y from the middle of the hips, y down; the torso has 100 px.
FIGURE = {
    "nose": (20, -140), "left_eye": (15, -145), "right_eye": (15, -145), "left_ear": (0, -142), "right_ear": (0, -142),
    "left_shoulder": (-6, -100), "right_shoulder": (6, -100), "left_elbow": (-8, -40), "right_elbow": (8, -40),
    "left_wrist": (-6, 15), "right_wrist": (10, 15), "left_hip": (-5, 0), "right_hip": (5, 0),
    "left_knee": (-4, 90), "right_knee": (8, 90), "left_ankle": (-6, 180), "right_ankle": (6, 180),
}  # fmt: skip


def figure(at: tuple[float, float] = (0, 0), size: float = 1.0) -> Floats:
    """[17, 2]: the figure with its hips at `at`."""
    return np.array([FIGURE[name] for name in COCO17.keypoints], dtype=np.float64) * size + np.array(at)


def track_of(
    t_seconds: Floats, keypoints_xy: Floats, skeleton: Skeleton = COCO17, scores: Floats | None = None
) -> Track:
    """A recorded track of [T, J, 2]; NaN is a missing sample."""
    absent = ~np.isfinite(keypoints_xy).all(axis=2)
    return Track(
        id=1,
        frames=np.arange(len(t_seconds)),
        t_seconds=np.asarray(t_seconds, dtype=np.float64),
        keypoints_xy=np.array(keypoints_xy, dtype=np.float64),
        scores=(np.where(absent, 0, 0.9) if scores is None else scores).astype(np.float32),
        states=np.where(absent, State.MISSING, State.MEASURED).astype(np.uint8),
        skeleton=skeleton,
        torso_px=100.0,
    )


def times(fps: float, seconds: float) -> Floats:
    """[T]: even ones."""
    return np.arange(round(fps * seconds)) / fps


def dropped(t_seconds: Floats, share: float, rng: np.random.Generator) -> Floats:
    """The times without a share of them; the first and the last stay."""
    keep = rng.random(len(t_seconds)) >= share
    keep[[0, -1]] = True
    return t_seconds[keep]


def pose(keypoints_xy: Floats, index: int = 0, score: float = 0.9, points_score: Floats | float = 0.9) -> FramePose:
    """One person of a frame; NaN becomes a score of 0."""
    known = np.isfinite(keypoints_xy).all(axis=1)
    places = np.where(known[:, None], keypoints_xy, 0.0)
    scores = np.where(known, points_score, 0.0)
    (x1, y1), (x2, y2) = keypoints_xy[known].min(axis=0), keypoints_xy[known].max(axis=0)
    return FramePose(
        index=index,
        score=score,
        box=Box(x1=x1 - 5, y1=y1 - 5, x2=x2 + 5, y2=y2 + 5),
        keypoints=tuple((x, y, s) for (x, y), s in zip(places.tolist(), scores.tolist(), strict=True)),
    )


def write_video(
    workspace: Workspace,
    name: str,
    t_seconds: Sequence[float] | Floats,
    people: Callable[[int, float], Sequence[FramePose]],
    skeleton: Skeleton = COCO17,
    repeated: Sequence[int] = (),
    size_wh: tuple[int, int] = (1280, 720),
) -> Path:
    """The poses' record of a video; `people` gives those of a frame number and time.

    Where the video itself is there, it is that one's.
    """
    video = workspace.root / "images" / name
    stamps = np.asarray(t_seconds, dtype=np.float64)
    lines = [
        line_of(FramePoses(frame=at, t_seconds=t, duplicate=at in repeated, people=tuple(people(at, t))))
        for at, t in enumerate(stamps.tolist())
    ]
    dt = float(np.median(np.diff(stamps))) if len(stamps) > 1 else 0.0
    header = VideoPoses(
        image=f"images/{name}",
        image_sha256=hashlib.sha256(video.read_bytes()).hexdigest() if video.is_file() else "0" * 64,
        width=size_wh[0],
        height=size_wh[1],
        frames=len(stamps),
        duration_seconds=float(stamps[-1]) + dt if len(stamps) else 0.0,
        frames_per_second=1 / dt if dt else 0.0,
        frames_sha256=hashlib.sha256(b"".join(lines)).hexdigest(),
        made_by=MadeBy(stage="hrn-stage", results=1, model="m", weights_sha256="0" * 64, options={}),
        skeleton=skeleton.name,
    )
    path = workspace.path(workspace.output) / "poses" / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(line_of(header) + b"".join(lines))
    return path


def walker(at: int, t: float, start: float = 200.0, speed: float = 150.0) -> list[FramePose]:
    """Somebody who slides to the right, 150 px a second."""
    del at
    return [pose(figure((start + speed * t, 400)))]
