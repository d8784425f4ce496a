"""Workspaces for the tests: photos of one colour, with records as the stages write them."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pose_contract.records import (
    Box,
    Counts,
    Failure,
    ImageAnnot,
    ImagePoses,
    Keypoint,
    MadeBy,
    Person,
    PersonPose,
    RunReport,
)
from pose_contract.skeletons import MPII16
from pose_contract.storage import write_record
from pose_contract.workspace import Workspace
from stage_kit.pictures.cuts import cut_around
from stage_kit.pictures.images import encode_jpeg
from stage_kit.runs.found_records import sealed_bytes

WIDTH, HEIGHT = 160, 120
BOX = (40.0, 20.0, 100.0, 110.0)


@dataclass(frozen=True)
class Photo:
    """A photo to be made: its name below images/, the score of each person in it, what has been done with it."""

    name: str
    scores: tuple[float, ...] = (0.9,)
    posed: bool = True
    seen: bool = True
    corrected: bool = False


def write_bytes(path: Path, data: bytes) -> None:
    """Without a sync: there are thousands of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def made_by(stage: str, annot: bytes | None = None) -> MadeBy:
    return MadeBy(
        stage=stage,
        results=1,
        model="m",
        weights_sha256="0" * 64,
        options={"cut_scale": 1.25} if annot is None else {"decode": "shift"},
        annot_sha256=None if annot is None else hashlib.sha256(annot).hexdigest(),
    )


def keypoints(score: float) -> tuple[Keypoint, ...]:
    names = enumerate(MPII16.keypoints)
    return tuple(Keypoint(name=name, x=45 + 3 * i, y=25 + 5 * i, score=score) for i, name in names)


@functools.cache
def picture(seed: int) -> bytes:
    colour = np.random.default_rng(seed).integers(40, 220, 3)
    return encode_jpeg(np.full((HEIGHT, WIDTH, 3), colour, np.uint8))


def add_photo(workspace: Workspace, photo: Photo, seed: int = 0) -> None:
    data = picture(seed % 40)
    write_bytes(workspace.path(workspace.image_file(photo.name)), data)
    if not photo.seen:
        return
    box = Box(x1=BOX[0], y1=BOX[1], x2=BOX[2], y2=BOX[3])
    people = tuple(
        Person(
            index=index, score=score, box=box,
            cut=cut_around(box, (WIDTH, HEIGHT), 1.25, workspace.cut_file(photo.name, index)),
        )
        for index, score in enumerate(photo.scores)
    )  # fmt: skip
    common = {
        "image": workspace.image_file(photo.name), "image_sha256": hashlib.sha256(data).hexdigest(),
        "width": WIDTH, "height": HEIGHT,
    }  # fmt: skip
    annot = sealed_bytes(ImageAnnot(people=people, made_by=made_by("yolo-stage"), **common))
    write_bytes(workspace.path(workspace.annot_file(photo.name)), annot)
    write_bytes(workspace.path(workspace.inspect_file(photo.name)), picture(seed % 40 + 1))
    if photo.posed:
        poses = ImagePoses(
            skeleton="mpii16",
            corrected=photo.corrected,
            people=tuple(
                PersonPose(index=index, score=score, box=box, keypoints=keypoints(score))
                for index, score in enumerate(photo.scores)
            ),
            made_by=made_by("hrn-stage", annot),
            **common,
        )
        write_bytes(workspace.path(workspace.poses_file(photo.name)), sealed_bytes(poses))
        write_bytes(workspace.path(workspace.final_file(photo.name)), picture(seed % 40 + 2))


def make_workspace(root: Path, photos: Sequence[Photo]) -> Workspace:
    workspace = Workspace(root)
    for folder in ("images", "annots", "cuts", "inspect", "final", "output", "reports"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number, photo in enumerate(photos):
        add_photo(workspace, photo, number)
    return workspace


def add_report(workspace: Workspace, stage: str, failures: Sequence[tuple[str, str, str]] = (), **more: object) -> None:
    told = tuple(Failure(file=file, reason=reason, remedy=remedy) for file, reason, remedy in failures)
    values = {
        "stage": stage, "version": "1", "state": "finished", "started": "2026-01-02T03:04:05+00:00", "seconds": 3.0,
        "images_per_second": 1.0, "engine": "openvino", "device": "cpu", "model": "m",
        "counts": Counts(images=4, failed=len(told)), "failures": told,
    }  # fmt: skip
    write_record(workspace.report_path(stage), RunReport(**values | more))  # type: ignore[arg-type]


def add_video(workspace: Workspace, name: str = "erg.mp4", frames: int = 30) -> None:
    """A video that plays, the movie made of it, and motion-stage's tables."""
    data = movie(frames)
    write_bytes(workspace.path(workspace.image_file(name)), data)
    write_bytes(workspace.path(workspace.movie_file(workspace.final, name)), data)
    folder = workspace.path(workspace.motion) / name
    rows = ["frame,t_seconds,track,point,speed_px_per_frame,speed_px_per_s,x_px_per_s,y_px_per_s,state"]
    rows += [f"{i},{i / 30:.6f},1,hand,1,{100 * abs(np.sin(i / 5)):.4f},0,0,measured" for i in range(frames)]
    rows[5] = "4,0.133333,1,hand,,,,,missing"
    write_bytes(folder / "speeds.csv", ("\n".join(rows) + "\n").encode())
    events = (
        "track,kind,side,t_seconds,frame,quality\n1,catch,both,0.3,9,measured\n1,foot_strike,left,0.7,21,measured\n"
    )
    write_bytes(folder / "events.csv", events.encode())
    write_bytes(folder / "report.json", json.dumps({"schema_version": 1}).encode())


def movie(frames: int) -> bytes:
    import io

    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(frames):
            shade = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
            cv2.circle(shade, (10 + 4 * number, 60), 9, (230, 120, 40), -1)
            for packet in stream.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return file.getvalue()
