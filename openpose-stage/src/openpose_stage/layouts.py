"""What the channels of each network are: parts in their order, links, and which two fields belong to a link. Data.

Sources: OpenPose's poseParameters.cpp for COCO, MPI and BODY_25; every field of human-pose-estimation-0001 was compared
with the people in real photos (docs/openpose.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pose_contract.skeletons import BODY25, COCO18, MPI15, Skeleton


@dataclass(frozen=True)
class Link:
    """Two parts that a field joins, by their numbers.

    Attributes:
        a, b: the field points from a to b.
        field: the x channel among the fields; the y channel is the next one.
        only_adds: the link may add a part to a person and join two persons, but begin none. An ear without an eye is
            of somebody whose shoulder is seen: from behind.
    """

    a: int
    b: int
    field: int
    only_adds: bool = False


@dataclass(frozen=True)
class Layout:
    """The maps of a network: a heatmap for each part of the skeleton, one of the background, then two fields a link."""

    skeleton: Skeleton
    links: tuple[Link, ...]

    @property
    def parts(self) -> int:
        """How many parts a person has."""
        return len(self.skeleton.keypoints)

    @property
    def heatmaps(self) -> int:
        """How many heatmaps the network gives: the last one is the background, and is never searched."""
        return self.parts + 1

    @property
    def fields(self) -> int:
        """How many channels the fields have."""
        return 2 * len(self.links)

    def name_of(self, link: int) -> str:
        """`neck - right_shoulder`."""
        names = self.skeleton.keypoints
        return f"{names[self.links[link].a]} - {names[self.links[link].b]}"


def _links(
    pairs: tuple[tuple[int, int], ...], fields: tuple[int, ...], only_adding: tuple[int, ...]
) -> tuple[Link, ...]:
    rows = zip(pairs, fields, strict=True)
    return tuple(Link(a, b, field, number in only_adding) for number, ((a, b), field) in enumerate(rows))


# fmt: off
COCO = Layout(
    COCO18,
    _links(
        (
            (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13),
            (1, 0), (0, 14), (14, 16), (0, 15), (15, 17), (2, 16), (5, 17),
        ),
        (12, 20, 14, 16, 22, 24, 0, 2, 4, 6, 8, 10, 28, 30, 34, 32, 36, 18, 26),
        (17, 18),
    ),
)
MPI = Layout(
    MPI15,
    _links(
        (
            (0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 14), (14, 8), (8, 9), (9, 10),
            (14, 11), (11, 12), (12, 13),
        ),
        tuple(range(0, 28, 2)),
        (),
    ),
)
BODY_25 = Layout(
    BODY25,
    _links(
        (
            (1, 8), (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (8, 9), (9, 10), (10, 11), (8, 12), (12, 13),
            (13, 14), (1, 0), (0, 15), (15, 17), (0, 16), (16, 18), (2, 17), (5, 18), (14, 19), (19, 20), (14, 21),
            (11, 22), (22, 23), (11, 24),
        ),
        (
            0, 14, 22, 16, 18, 24, 26, 6, 2, 4, 8, 10, 12, 30, 32, 36, 34, 38, 20, 28, 40, 42, 44, 46, 48, 50,
        ),
        (18, 19),
    ),
)
# fmt: on
CROSSED_EARS = {17: 17, 18: 16}  # the lecture's ends of the last two links, each an ear of the other side


def with_seed_links(layout: Layout) -> Layout:
    """COCO's links as the lecture lists them: the right shoulder with the left ear, and the left with the right.

    The fields are those of the same side, so these links are found nearly nowhere. Other layouts stay as they are.
    """
    if layout is not COCO:
        return layout
    crossed = {number: replace(layout.links[number], b=ear) for number, ear in CROSSED_EARS.items()}
    return replace(layout, links=tuple(crossed.get(number, link) for number, link in enumerate(layout.links)))
