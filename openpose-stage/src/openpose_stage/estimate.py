"""From maps to the people of one picture, as the command, the videos and the library have them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from openpose_stage.decode import DecodeRules, decode, decode_single
from openpose_stage.fitting import Fit, to_picture
from openpose_stage.layouts import Layout
from openpose_stage.maps import Maps
from openpose_stage.people import Somebody, people_of, person_pose
from pose_contract.records import PersonPose


@dataclass(frozen=True)
class Reading:
    """How the maps of a network are read: its layout and stride, the rules, and whether one person is looked for."""

    layout: Layout
    stride: int
    rules: DecodeRules
    single: bool = False


def people_in(maps: Maps, fit: Fit, reading: Reading) -> tuple[Somebody, ...]:
    """The people of a picture, from left to right, in its pixels."""
    if reading.single:
        xy, scores = decode_single(maps, reading.rules)
    else:
        xy, scores = decode(maps, reading.layout, reading.rules).poses()
    return tuple(people_of(to_picture(xy, reading.stride, fit), scores, (fit.width, fit.height)))


def poses_in(maps: Maps, fit: Fit, reading: Reading) -> tuple[PersonPose, ...]:
    """The same as a photo's record has them."""
    return tuple(person_pose(person, reading.layout.skeleton) for person in people_in(maps, fit, reading))
