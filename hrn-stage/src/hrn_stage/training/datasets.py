"""Reads labelled people: MPII JSON, COCO keypoint JSON, LSP arrays, the records of a workspace."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hrn_stage.config import HrnConfig
from hrn_stage.data_set_skeleton import skeleton_for
from hrn_stage.preprocess import center_and_scale
from hrn_stage.training.ordinary import OrdinaryPerson, read_ordinary_people
from hrn_stage.training.samples import Sample, extent_box
from pose_contract.errors import ConfigError
from pose_contract.skeletons import LSP14, MPII16, Skeleton
from pose_contract.storage import read_poses, record_paths
from pose_contract.workspace import Workspace

HEAD_BIAS = 0.6
ALL_RECORDS = "all"


def read_samples(config: HrnConfig, subset: str) -> list[Sample]:
    """The labelled people of DATASET.ROOT, by DATASET.DATASET mpii, coco, lsp, people or workspace.

    Args:
        config: names the data set, its root, and the skeleton (by MODEL.NUM_JOINTS).
        subset: DATASET.TRAIN_SET or TEST_SET, a part of the file's name.

    Raises:
        ConfigError: an unknown data set, a missing or damaged label file, or nobody in it.
    """
    readers: dict[str, Callable[[HrnConfig, str], list[Sample]]] = {
        "mpii": _read_mpii,
        "coco": _read_coco,
        "lsp": _read_lsp,
        "people": _read_people,
        "workspace": _read_workspace,
    }
    reader = readers.get(config.DATASET.DATASET.lower())
    if reader is None:
        known = ", ".join(readers)
        raise ConfigError(f"DATASET.DATASET {config.DATASET.DATASET} has no labels to read", f"known: {known}")
    samples = reader(config, subset)
    if not samples:
        raise ConfigError(
            f"nobody is labelled in {config.DATASET.ROOT}, set {subset}", "check DATASET.ROOT and the set"
        )
    return samples


@contextmanager
def _record(path: Path, number: int | None = None) -> Iterator[None]:
    """Names the label file, and the person by its place in it, where a label is not what it should be."""
    where = f"{path}" if number is None else f"{path}, person {number} (from 0)"
    try:
        yield
    except KeyError as error:
        raise ConfigError(f"{where}: lacks {error.args[0]}", "export the labels again") from None
    except (TypeError, ValueError, IndexError, AttributeError, EOFError, OSError, BadZipFile, zlib.error) as error:
        raise ConfigError(f"{where}: cannot be read: {error}", "export the labels again") from None


def _label_file(config: HrnConfig, *names: str) -> Path:
    path = next((Path(config.DATASET.ROOT, name) for name in names if Path(config.DATASET.ROOT, name).is_file()), None)
    if path is None:
        looked = ", ".join(str(Path(config.DATASET.ROOT, name)) for name in names)
        raise ConfigError(f"no label file; looked for {looked}", "check DATASET.ROOT, TRAIN_SET and TEST_SET")
    return path


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON: {error}", "export the labels again") from None


def _read_mpii(config: HrnConfig, subset: str) -> list[Sample]:
    """MPII's JSON as published: 1-based pixels, a centre somewhat high on the body, a scale without context."""
    path = _label_file(config, f"annot/{subset}.json", f"{subset}.json")
    images = Path(config.DATASET.ROOT, "images")
    folder = images if images.is_dir() else path.parent
    people = _read_json(path)
    heads = _mpii_head_lengths(path.with_name(f"gt_{subset}.mat"), len(people))
    samples = []
    for number, (person, head_length) in enumerate(zip(people, heads, strict=True)):
        with _record(path, number):
            samples.append(_mpii_person(person, folder, config, head_length))
    return samples


def _mpii_person(person: Any, folder: Path, config: HrnConfig, head_length: float | None) -> Sample:
    center, scale = np.array(person["center"], np.float32), np.float32(person["scale"])
    if center[0] != -1:
        # The published code shifts the centre down and adds a quarter of context, so that no limb is cut off.
        center[1] += 15 * scale
        scale *= np.float32(config.TEST.CROP_CONTEXT)
    labelled = np.array(person["joints_vis"], bool)
    joints = np.array(person["joints"], np.float32).reshape(len(labelled), 2) - 1
    joints[~labelled] = 0
    width, height = config.MODEL.IMAGE_SIZE
    seen = np.array([scale, scale * (height / width)], np.float32)
    return Sample(folder / person["image"], center - 1, seen, joints, labelled, head_length=head_length)


def _mpii_head_lengths(path: Path, people: int) -> list[float | None]:
    """PCKh's units from MPII's own gt_*.mat: 0.6 of the head box's diagonal, as published; None where it is missing."""
    if not path.is_file():
        return [None] * people
    try:
        from scipy.io import loadmat  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise ConfigError(f"{path} needs scipy, which is not installed", "make setup") from None
    boxes = loadmat(path)["headboxes_src"]
    if boxes.shape != (2, 2, people):
        raise ConfigError(f"{path} has {boxes.shape[-1]} heads for {people} people", "take the files of one release")
    return [float(length) for length in HEAD_BIAS * np.linalg.norm(boxes[1] - boxes[0], axis=0)]


def _read_coco(config: HrnConfig, subset: str) -> list[Sample]:
    """COCO's keypoint JSON; people without labelled keypoints, crowds, and boxes without area are left out."""
    path = coco_label_file(config, subset)
    labels = _read_json(path)
    with _record(path):
        images = {image["id"]: image for image in labels["images"]}
        people = list(labels["annotations"])
    folder = coco_picture_folder(config, subset, path)
    samples = []
    for number, person in enumerate(people):
        with _record(path, number):
            sample = _coco_person(person, images[person["image_id"]], folder, config)
        if sample is not None:
            samples.append(sample)
    return samples


def _coco_person(person: Any, image: Any, folder: Path, config: HrnConfig) -> Sample | None:
    box = _box_in_image(person["bbox"], image["width"], image["height"])
    if person.get("iscrowd") or not person.get("num_keypoints") or box is None:
        return None
    points = np.array(person["keypoints"], np.float32).reshape(-1, 3)
    labelled = points[:, 2] > 0
    points[~labelled] = 0
    center, scale = center_and_scale(box, config.MODEL.IMAGE_SIZE, config.TEST.CROP_CONTEXT)
    return Sample(
        folder / image["file_name"], center, scale, points[:, :2], labelled, image["id"], float(person["area"])
    )


def coco_label_file(config: HrnConfig, subset: str) -> Path:
    """COCO's keypoint JSON of a set, in its published place or in the root. Raises ConfigError where it is missing."""
    return _label_file(config, f"annotations/person_keypoints_{subset}.json", f"{subset}.json")


def coco_picture_folder(config: HrnConfig, subset: str, labels: Path) -> Path:
    """Where the pictures of a set lie: in a published place below DATASET.ROOT, else beside the labels."""
    folders = [Path(config.DATASET.ROOT, name) for name in (f"images/{subset}", "images", subset)]
    return next((candidate for candidate in folders if candidate.is_dir()), labels.parent)


def _box_in_image(box_xywh: list[float], width: int, height: int) -> tuple[float, float, float, float] | None:
    """As the published code cleans COCO's boxes: corners clipped to the picture's pixels."""
    x, y, w, h = box_xywh
    x1, y1 = max(0.0, x), max(0.0, y)
    x2, y2 = min(width - 1.0, x1 + max(0.0, w - 1)), min(height - 1.0, y1 + max(0.0, h - 1))
    return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None


def _read_lsp(config: HrnConfig, subset: str) -> list[Sample]:
    """`files` and `joints` [N, 14, 3] (x, y, labelled) of an npz; the pictures lie beside it or in the root."""
    path = _label_file(config, f"{subset}.npz", f"lspet-{subset}.npz")
    with _record(path), np.load(path, allow_pickle=False) as arrays:
        files, joints = arrays["files"], arrays["joints"].astype(np.float32).reshape(-1, len(LSP14.keypoints), 3)
    if len(MPII16.keypoints) == config.MODEL.NUM_JOINTS:
        joints = mpii_from_lsp(joints)
    samples = []
    for file, person in zip(files, joints, strict=True):
        labelled = person[:, 2] > 0
        if labelled.sum() < 2 or np.ptp(person[labelled, :2], axis=0).max() < 1:
            continue  # no extent, so no box
        box = extent_box(person[:, :2], labelled)
        center, scale = center_and_scale(box, config.MODEL.IMAGE_SIZE, config.TEST.CROP_CONTEXT)
        image = next(
            (
                folder / str(file)
                for folder in (path.parent, Path(config.DATASET.ROOT))
                if (folder / str(file)).is_file()
            ),
            path.parent / str(file),
        )
        samples.append(Sample(image, center, scale, person[:, :2], labelled))
    return samples


def _read_people(config: HrnConfig, subset: str) -> list[Sample]:
    """People of ordinary photos, as they are measured; `ordinary_people` gives all that training wants to know."""
    return [person.as_sample(config.MODEL.IMAGE_SIZE) for person in ordinary_people(config, subset)]


def ordinary_people(config: HrnConfig, subset: str) -> list[OrdinaryPerson]:
    """The people of `{subset}.npz` (see ordinary.py).

    Raises:
        ConfigError: the file is missing or damaged, lacks arrays, or has another number of joints than the YAML.
    """
    path = _label_file(config, f"{subset}.npz")
    with _record(path):
        people = read_ordinary_people(path, Path(config.DATASET.ROOT))
    joints = {len(person.joints_xy) for person in people} - {config.MODEL.NUM_JOINTS}
    if joints:
        reason = f"{path}: people have {joints.pop()} joints, but MODEL.NUM_JOINTS is {config.MODEL.NUM_JOINTS}"
        raise ConfigError(reason, "set MODEL.NUM_JOINTS to the labels' number of joints")
    return people


def mpii_from_lsp(joints: NDArray[np.float32]) -> NDArray[np.float32]:
    """LSP's 14 joints [N, 14, 3] as MPII's 16 [N, 16, 3].

    Neck is the upper neck; pelvis and thorax are the midpoints of hips and shoulders where both are labelled.
    """
    result = np.zeros((len(joints), len(MPII16.keypoints), 3), np.float32)
    for position, name in enumerate(LSP14.keypoints):
        result[:, MPII16.keypoints.index("upper_neck" if name == "neck" else name)] = joints[:, position]
    for name, pair in (("pelvis", "hip"), ("thorax", "shoulder")):
        right, left = (joints[:, LSP14.keypoints.index(f"{side}_{pair}")] for side in ("right", "left"))
        both = (right[:, 2] > 0) & (left[:, 2] > 0)
        result[both, MPII16.keypoints.index(name)] = ((right + left) / 2)[both]
    return result


def _read_workspace(config: HrnConfig, subset: str) -> list[Sample]:
    """The corrected records of a workspace; with the set named `all`, every record.

    Keypoints that a corrected record leaves out are not labelled.
    """
    workspace = Workspace(Path(config.DATASET.ROOT))
    skeleton = skeleton_for(config.DATASET.DATASET, config.MODEL.NUM_JOINTS)
    samples = []
    for path in record_paths(workspace.path(workspace.output) / "poses"):
        poses = read_poses(path)
        if poses is None or poses.skeleton != skeleton.name or not (poses.corrected or subset == ALL_RECORDS):
            continue
        for person in poses.people:
            center, scale = center_and_scale(person.box.xyxy, config.MODEL.IMAGE_SIZE, config.TEST.CROP_CONTEXT)
            points = {point.name: (point.x, point.y) for point in person.keypoints}
            joints, labelled = _joints_by_name(points, skeleton)
            samples.append(Sample(workspace.path(poses.image), center, scale, joints, labelled))
    return samples


def _joints_by_name(
    points: dict[str, tuple[float, float]], skeleton: Skeleton
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    joints = np.array([points.get(name, (0.0, 0.0)) for name in skeleton.keypoints], np.float32)
    return joints, np.array([name in points for name in skeleton.keypoints])
