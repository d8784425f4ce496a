"""COCO's ids of pictures, and its category."""

from __future__ import annotations

import zlib

import pytest

from pose_contract.skeletons import COCO17
from stage_kit.export.coco_rows import coco_category, colliding_ids, image_id


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("000000000785.jpg", 785),
        ("val2017/000000000785.jpg", 785),
        ("COCO_val2014_000000000192.jpg", 192),
        ("7.png", 7),
        ("tennis-00.jpg", zlib.crc32(b"tennis-00.jpg")),
        ("IMG_0001.jpg", zlib.crc32(b"IMG_0001.jpg")),
        ("é.jpg", zlib.crc32("é.jpg".encode())),
    ],
)
def test_image_ids(name: str, number: int) -> None:
    assert image_id(name) == number


def test_collisions() -> None:
    assert colliding_ids([]) == []
    assert colliding_ids(["1.jpg", "2.jpg", "a.jpg"]) == []
    assert colliding_ids(["1.jpg", "a/01.jpg"]) == [("1.jpg", "a/01.jpg")]


def test_the_coco_category_counts_from_one() -> None:
    category = coco_category(COCO17)
    assert [16, 14] in [sorted(limb, reverse=True) for limb in category["skeleton"]]  # type: ignore[attr-defined]
    assert min(min(limb) for limb in category["skeleton"]) == 1  # type: ignore[attr-defined]
