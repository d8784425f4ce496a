"""What is found in one person's motion: events and cycles of a sport, and strokes of a racket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from motion_stage.events.gait import Gait, GaitSettings, Stride, gait_events
from motion_stage.events.records import SIDES, Cycle, Event
from motion_stage.events.rowing import Rowing, RowingSettings, Stroke, rowing_events
from motion_stage.sequence import Floats, Track
from motion_stage.strokes.features import features_at, mirrored
from motion_stage.strokes.spans import Span, spans_of
from pose_contract.errors import ImageError
from pose_contract.skeletons import Skeleton

if TYPE_CHECKING:
    from motion_stage.motion import Motion
    from motion_stage.settings import Sport

ROWS_AT_ONCE = 4096
FEET = ("ankle", "knee", "hip", "heel", "big_toe", "toe")
POINTS: Mapping[Sport, tuple[str, ...]] = {
    "none": (),
    "rowing": tuple(f"{side}_{name}" for name in ("wrist", "hip", "ankle") for side in SIDES),
    "gait": tuple(f"{side}_{name}" for name in FEET for side in SIDES),
}
"""The keypoints whose clean paths a sport's events are told from."""
CYCLES: Mapping[Sport, type[Cycle]] = {"none": Cycle, "rowing": Stroke, "gait": Stride}


class Classifier(Protocol):
    """Tells strokes."""

    @property
    def classes(self) -> tuple[str, ...]:
        """C names, in the order of the probabilities."""

    def probabilities(self, features: NDArray[np.float32]) -> Floats:
        """[N, C] of [N, F]."""


@dataclass(frozen=True)
class Found:
    """What was found in one person's motion.

    Attributes:
        sport: the strokes or steps, where a sport was named and the person shows it.
        not_told: why there are none.
        probabilities: [T, C] of the classes of strokes; NaN where the person is not seen. Without a model [T, 0].
        spans: the strokes of a racket.
    """

    sport: Rowing | Gait | None = None
    not_told: str = ""
    probabilities: Floats = field(default_factory=lambda: np.empty((0, 0)))
    spans: tuple[Span, ...] = ()

    @property
    def events(self) -> Sequence[Event]:
        """In order of time."""
        return self.sport.events if self.sport else ()

    @property
    def cycles(self) -> Sequence[Cycle]:
        """In order of time."""
        if self.sport is None:
            return ()
        return self.sport.strokes if isinstance(self.sport, Rowing) else self.sport.strides


def found_in(motion: Motion, classifier: Classifier | None) -> Found:
    """Events of the settings' sport, and strokes where there is a classifier."""
    settings = motion.settings
    sport, not_told = None, ""
    try:
        sport = _sport(clean_track(motion, POINTS[settings.sport]), motion)
    except ImageError as error:  # somebody else in the picture does not row: that fails nothing
        not_told = f"{error.reason}; {error.remedy}"
    if classifier is None:
        return Found(sport, not_told, np.empty((len(motion.track.frames), 0)))
    player = mirrored(motion.track) if settings.left_handed else motion.track
    probabilities = np.concatenate([np.empty((0, len(classifier.classes))), *_answers(player, classifier)])
    spans = spans_of(motion.track.t_seconds, probabilities, classifier.classes)
    return Found(sport, not_told, probabilities, tuple(spans))


def _sport(track: Track, motion: Motion) -> Rowing | Gait | None:
    settings = motion.settings
    if settings.sport == "rowing":
        return rowing_events(track, RowingSettings(settings.hand, settings.drive))
    if settings.sport == "gait":
        return gait_events(track, GaitSettings(settings.walking))
    return None


def _answers(player: Track, classifier: Classifier) -> Iterator[Floats]:
    for first in range(0, len(player.frames), ROWS_AT_ONCE):
        features = features_at(player, player.t_seconds[first : first + ROWS_AT_ONCE])
        answers = classifier.probabilities(features)
        answers[np.isnan(features).all(axis=1)] = np.nan
        yield answers


def clean_track(motion: Motion, names: Sequence[str]) -> Track:
    """A track of these keypoints alone, as far as there are any: without outliers and gaps, but not smoothed."""
    kept = [name for name in names if name in motion.paths]
    columns = [motion.track.skeleton.keypoints.index(name) for name in kept]
    paths = [motion.paths[name] for name in kept]
    return Track(
        id=motion.track.id,
        frames=motion.track.frames,
        t_seconds=motion.track.t_seconds,
        keypoints_xy=np.stack(paths, axis=1) if paths else np.empty((len(motion.track.frames), 0, 2)),
        scores=motion.track.scores[:, columns],
        states=motion.track.states[:, columns],
        skeleton=Skeleton(f"{motion.track.skeleton.name} in part", tuple(kept), (), ()),
        torso_px=motion.track.torso_px,
    )
