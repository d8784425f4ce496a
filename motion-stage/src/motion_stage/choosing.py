"""Who of those who were followed matters. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from motion_stage.tracks import Followed

BY: dict[str, Callable[[Followed], float]] = {
    "largest": lambda one: sum(one.areas) / one.hits,
    "score": lambda one: sum(one.scores) / one.hits,
    "travel": lambda one: one.travel_px,
    "first": lambda one: -one.first_row,
}


def chosen_ids(everybody: Sequence[Followed], pick: str) -> set[int]:
    """The ids that `pick` means: `all`, `id:K`, or the one who has most of something; the lower id of two equal ones.

    Whoever was seen less than half as often as the most seen one is left out, so that a passer-by close to the camera
    does not win.
    """
    if pick == "all":
        return {one.id for one in everybody}
    if pick.startswith("id:"):
        return {one.id for one in everybody} & {int(pick.removeprefix("id:"))}
    most = max((one.hits for one in everybody), default=0)
    often = [one for one in everybody if 2 * one.hits >= most]
    return {max(often, key=lambda one: (BY[pick](one), -one.id)).id} if often else set()
