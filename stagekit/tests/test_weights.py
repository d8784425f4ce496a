"""The facts of weights.toml, and how weights are found or named as missing."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from pose_contract.errors import UsageError, WeightsError
from stage_kit.weights.published import (
    PublishedWeights,
    chosen_weights,
    difference_from_published,
    find_published,
    how_to_replace,
    is_there,
    missing_weights_error,
    published_weights,
    require_published,
    sha256_of,
    stand_in,
    weights_by_name,
    weights_folder,
)

REPOSITORY = Path(__file__).parents[2]
STAND_IN = "hrnet_w32_mpii_256x256-6c4f923f_20200812.pth"
UNVERIFIABLE = "pose_hrnet_w32_256x256.pth"
HOSTS = {
    "data.pjreddie.com",
    "pjreddie.com",
    "huggingface.co",
    "download.openmmlab.com",
    "drive.usercontent.google.com",
    "download.pytorch.org",
    "storage.openvinotoolkit.org",
    "media.githubusercontent.com",
    "www.uio.no",
}
WITHOUT_A_HASH = {UNVERIFIABLE, "pose_iter_160000.caffemodel"}
FOR_RESEARCH = "OpenPose's: academic or non-profit research only"

by_entry = pytest.mark.parametrize("entry", published_weights(), ids=lambda entry: entry.name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path / "here"))
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def write_sparse(path: Path, size_bytes: int) -> None:
    with path.open("wb") as file:
        file.truncate(size_bytes)


def test_the_files_and_their_sizes_are_the_published_ones() -> None:
    assert {entry.name: entry.size_bytes for entry in published_weights()} == {
        "yolov3.weights": 248007048,
        "yolov3-tiny.weights": 35434956,
        "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth": None,
        "person-detection-retail-0013.xml": 647966,
        "person-detection-retail-0013.bin": 1445734,
        "hrnet_w32_mpii_256x256-6c4f923f_20200812.pth": None,
        "hrnet_w48_mpii_256x256-92cab7bd_20200812.pth": None,
        "hrnet_w32_mpii_256x256_dark-f1601c5b_20200927.pth": None,
        "hrnet_w32_coco_256x192-c78dce93_20200708.pth": None,
        "hrnet_w48_coco_256x192-b9e0b3ab_20200708.pth": None,
        "td-hm_hrnet-w32_8xb64-210e_coco-256x192-81c58e40_20220909.pth": None,
        "pose_hrnet_w32_256x256.pth": None,
        "pose_hrnet_w32_256x192.pth": 114721619,
        "pose_hrnet_w48_384x288.pth": 255061287,
        "human-pose-estimation-0001.xml": 426156,
        "human-pose-estimation-0001.bin": 4170034,
        "pose_iter_440000.caffemodel": 209274056,
        "pose_iter_160000.caffemodel": None,
        "pose_iter_584000.caffemodel": 104715850,
    }


def test_names_are_unique() -> None:
    names = [entry.name for entry in published_weights()]
    assert len(names) == len(set(names))


def test_darknet_sizes_are_a_header_and_whole_floats() -> None:
    # 20 bytes of header, then the parameters: 62001757 of YOLOv3, 8858734 of YOLOv3-tiny.
    assert weights_by_name("yolov3.weights").size_bytes == 20 + 4 * 62001757
    assert weights_by_name("yolov3-tiny.weights").size_bytes == 20 + 4 * 8858734


@by_entry
def test_every_mirror_is_https_on_a_known_host_and_leads_to_this_file(entry: PublishedWeights) -> None:
    assert entry.mirrors
    for url in entry.mirrors:
        parts = urlsplit(url)
        assert parts.scheme == "https"
        assert parts.hostname in HOSTS
        if parts.hostname == "drive.usercontent.google.com":
            assert re.fullmatch(r"id=[\w-]{33}&export=download&confirm=t", parts.query)
        else:
            assert parts.path.rsplit("/", 1)[-1] == entry.name


@by_entry
def test_hashes_are_whole_or_the_prefix_in_the_name(entry: PublishedWeights) -> None:
    if entry.sha256 is not None:
        assert re.fullmatch("[0-9a-f]{64}", entry.sha256)
        assert entry.sha256_prefix is None
        assert entry.size_bytes is not None
    elif entry.sha256_prefix is not None:
        assert re.fullmatch("[0-9a-f]{8}", entry.sha256_prefix)
        assert re.search(f"-{entry.sha256_prefix}[_.]", entry.name)
    elif entry.sha384 is not None:
        assert re.fullmatch("[0-9a-f]{96}", entry.sha384) and entry.size_bytes is not None
    else:
        assert entry.name in WITHOUT_A_HASH


@by_entry
def test_licence_and_stage_are_given(entry: PublishedWeights) -> None:
    caffe = entry.name.endswith(".caffemodel")
    assert entry.licence in ({FOR_RESEARCH} if caffe else {"public domain", "Apache-2.0", "MIT", "BSD-3-Clause"})
    openpose = caffe or entry.name.startswith("human-pose-estimation")
    assert entry.stage == ("openpose-stage" if openpose else "hrn-stage" if "hrnet" in entry.name else "yolo-stage")


def test_records_are_frozen_and_refuse_unknown_keys() -> None:
    entry = published_weights()[0]
    with pytest.raises(ValidationError):
        entry.name = "other"
    with pytest.raises(ValidationError):
        PublishedWeights.model_validate({**entry.model_dump(), "sha265": "typo"})


def test_the_default_is_one_detector_and_the_stand_in_of_the_seed_yaml() -> None:
    assert [entry.name for entry in chosen_weights([], trust=False)] == ["yolov3.weights", STAND_IN]
    replacement = stand_in(UNVERIFIABLE)
    assert replacement is not None
    assert replacement.name == STAND_IN
    assert stand_in("yolov3.weights") is None


def test_named_files_are_chosen_once_each_in_order() -> None:
    chosen = chosen_weights(["yolov3-tiny.weights", UNVERIFIABLE, "yolov3-tiny.weights"], trust=True)
    assert [entry.name for entry in chosen] == ["yolov3-tiny.weights", UNVERIFIABLE]


def test_trust_without_a_name_is_refused() -> None:
    with pytest.raises(UsageError, match="by name"):
        chosen_weights([], trust=True)


def test_an_unknown_name_is_refused_with_the_nearest_and_the_list() -> None:
    with pytest.raises(UsageError) as caught:
        weights_by_name("yolo3.weights")
    assert "did you mean yolov3.weights" in caught.value.reason
    for entry in published_weights():
        assert entry.name in caught.value.remedy


def test_a_name_like_none_of_them_gets_the_list_only() -> None:
    with pytest.raises(UsageError) as caught:
        weights_by_name("#")
    assert "did you mean" not in caught.value.reason


def test_the_folder_is_pose_weights_else_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", "/somewhere")
    assert weights_folder() == Path("/somewhere")
    monkeypatch.setenv("POSE_WEIGHTS", "")
    assert weights_folder() == Path("weights").absolute()
    monkeypatch.delenv("POSE_WEIGHTS")
    assert weights_folder() == Path("weights").absolute()


def test_a_published_file_is_found_only_with_its_size(folder: Path) -> None:
    path = folder / "yolov3-tiny.weights"
    assert find_published(path.name) is None
    write_sparse(path, 35434955)
    assert find_published(path.name) is None
    write_sparse(path, 35434956)
    assert find_published(path.name) == path


def test_a_published_file_of_unknown_size_is_found_when_it_is_there(folder: Path) -> None:
    assert find_published(STAND_IN) is None
    (folder / STAND_IN).write_bytes(b"anything")
    assert find_published(STAND_IN) == folder / STAND_IN


def test_neither_a_folder_nor_an_unpublished_name_is_found(folder: Path) -> None:
    (folder / STAND_IN).mkdir()
    (folder / "mine.pth").write_bytes(b"mine")
    assert find_published(STAND_IN) is None
    assert find_published("mine.pth") is None
    assert find_published("../here") is None


def test_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_tells_a_file_from_the_published_one(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    entry = published_weights()[0].model_copy(
        update={"size_bytes": 3, "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
    )
    assert difference_from_published(entry, path) == "it is missing"
    path.write_bytes(b"abcd")
    assert difference_from_published(entry, path) == "4 bytes instead of 3"
    path.write_bytes(b"abd")
    assert "instead of ba7816bf8f01cfea…" in str(difference_from_published(entry, path))
    path.write_bytes(b"abc")
    assert difference_from_published(entry, path) is None


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("yolov3.weights", "make weights"),
        ("yolov3-tiny.weights", "make weights NAME=yolov3-tiny.weights"),
        (UNVERIFIABLE, "make weights"),
    ],
)
def test_missing_weights_name_file_places_and_command(folder: Path, name: str, command: str) -> None:
    error = missing_weights_error(name, [Path("models") / name, folder / name])
    assert isinstance(error, WeightsError)
    assert error.exit_code == 4
    assert name in error.reason
    assert f"models/{name}" in error.reason
    assert str(folder / name) in error.reason
    assert error.remedy.splitlines()[0].endswith(f": {command}")


def test_missing_weights_of_a_stand_in_name_it_and_the_way_of_trust(folder: Path) -> None:
    remedy = missing_weights_error(UNVERIFIABLE, [folder / UNVERIFIABLE]).remedy
    assert f"{STAND_IN}, which stands in" in remedy
    assert f"make weights NAME={UNVERIFIABLE} TRUST=1" in remedy


def test_missing_weights_of_ones_own_are_not_promised(folder: Path) -> None:
    remedy = missing_weights_error("mine.pth", [folder / "mine.pth"]).remedy
    assert "make weights" not in remedy
    assert str(folder / "mine.pth") in remedy


def test_a_file_passed_over_for_its_size_is_said_to_be_there(folder: Path) -> None:
    path = folder / "yolov3.weights"
    path.write_bytes(b"half")
    assert "there, but 4 bytes instead of 248007048" in missing_weights_error(path.name, [path]).reason


def test_only_a_published_file_can_be_fetched_again() -> None:
    assert how_to_replace(Path("x/yolov3.weights")).endswith(": make weights")
    assert how_to_replace(Path("yolov3-tiny.weights")).endswith(": make weights NAME=yolov3-tiny.weights")
    assert "make weights" not in how_to_replace(Path("mine.pth"))


def test_a_folder_that_may_not_be_entered_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", denied)
    with pytest.raises(WeightsError, match="look for weights in /closed") as refused:
        is_there(Path("/closed/yolov3.weights"))
    assert "chmod a+rx /closed" in refused.value.remedy


@pytest.mark.parametrize(
    "entry", [entry for entry in published_weights() if entry.sha256 or entry.sha256_prefix], ids=lambda e: e.name
)
def test_another_file_under_a_published_name_is_refused(entry: PublishedWeights, tmp_path: Path) -> None:
    path = tmp_path / entry.name
    known = str(entry.known_digits)
    require_published(path, known.ljust(64, "0"), trust=False)
    require_published(tmp_path / "mine.pth", "0" * 64, trust=False)
    require_published(path, "0" * 64, trust=True)
    with pytest.raises(
        WeightsError, match=f"another file: sha256 0000000000000000… instead of {known[:16]}…"
    ) as caught:
        require_published(path, "0" * 64, trust=False)
    assert str(path) in caught.value.reason
    assert "rename it, or say --trust" in caught.value.remedy and "make weights" in caught.value.remedy


def test_a_file_whose_sha384_is_published_is_known_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"name": "a.bin", "stage": "s", "network": "n", "data": "d", "licence": "MIT", "mirrors": ()}
    entry = PublishedWeights.model_validate(facts | {"sha384": hashlib.sha384(b"right").hexdigest()})
    monkeypatch.setattr("stage_kit.weights.published.published_weights", lambda: (entry,))
    path = tmp_path / "a.bin"
    path.write_bytes(b"right")
    assert difference_from_published(entry, path) is None
    require_published(path, "0" * 64, trust=False)
    path.write_bytes(b"wrong")
    assert "sha384" in str(difference_from_published(entry, path))
    with pytest.raises(WeightsError, match="another file: sha384"):
        require_published(path, "0" * 64, trust=False)
    require_published(path, "0" * 64, trust=True)
