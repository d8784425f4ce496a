"""When frames are shown: from a container's time stamps, which may be missing, go back or start anywhere. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

USUAL_STEP = 1 / 30  # seconds, where a video says nothing at all of its times
UNEVEN = 0.1  # of the median step: a frame that comes so much too early or too late makes the rate a variable one
STEP_UNIT = 1e-9  # seconds


@dataclass
class FrameTimes:
    """Gives each frame its time from the first one on, and learns on the way whether they come evenly.

    A time stamp that is missing, or not after the one before, is replaced: the median step so far after the frame
    before. Steps are counted by their length, so that an hour of frames costs no memory.
    """

    nominal_step: float = USUAL_STEP
    repaired: bool = False
    _first: Fraction | None = None
    _last: float | None = None
    _steps: Counter[int] = field(default_factory=Counter)

    def next(self, stamp: Fraction | None) -> float:
        """The time in seconds of the next frame, whose container's time stamp in seconds is `stamp`."""
        if self._first is None:
            self._first = stamp if stamp is not None else Fraction(0)
            self.repaired |= stamp is None
            self._last = 0.0
            return 0.0
        assert self._last is not None
        given = None if stamp is None else float(stamp - self._first)
        if given is None or given <= self._last:
            self.repaired = True
            given = self._last + self.step
        else:
            self._steps[round((given - self._last) / STEP_UNIT)] += 1
        self._last = given
        return given

    @property
    def step(self) -> float:
        """The median time between two frames in seconds; what the container says where there is none yet."""
        if not self._steps:
            return self.nominal_step
        half, passed = self._steps.total() / 2, 0
        for step in sorted(self._steps):
            passed += self._steps[step]
            if passed >= half:
                return step * STEP_UNIT
        raise AssertionError("the last step passes the half")

    @property
    def duration(self) -> float:
        """From the first frame to the end of the last, in seconds; 0 without a frame."""
        return 0.0 if self._last is None else self._last + self.step

    @property
    def variable(self) -> bool:
        """Whether some frame came more than a tenth of the median step too early or too late.

        Times in whole milliseconds, as WebM and Matroska have them, are even although they differ by one.
        """
        median, allowed = self.step, max(UNEVEN * self.step, 0.0011)
        return any(abs(step * STEP_UNIT - median) > allowed for step in self._steps)
