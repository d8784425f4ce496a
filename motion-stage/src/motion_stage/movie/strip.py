"""The strip below a movie's frames: the speed through time, what happened when, and a cursor at now. Pure.

A long clip's strip turns its pages, so that a second is never too narrow to be read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from motion_stage.movie.made_tables import Curve
from motion_stage.movie.strip_content import (
    SHORT,
    Color,
    StripContent,
    color_of,
    color_of_mark,
    digits_of,
    round_step,
    speed_at,
)
from stage_kit.pictures.tags import Lettering, lettering

Picture = NDArray[np.uint8]

PAGE_SECONDS = 10.0
ONE_PAGE_SECONDS = 16.0  # a clip that is no longer has one page
HEIGHT_SHARE, LEAST_HEIGHT, ROOMY = 0.07, 56, 90  # of width and height together
FONT = cv2.FONT_HERSHEY_SIMPLEX
PAPER, INK, FAINT, FLOOR = (24, 24, 24), (235, 235, 235), (90, 90, 90), (150, 150, 150)
ROOM_ABOVE = 1.08  # of the highest speed


def strip_height(width: int, height: int) -> int:
    """Pixels below frames of that size; both together are even."""
    strip = max(LEAST_HEIGHT, round(HEIGHT_SHARE * (width + height)))
    return strip + (strip + height) % 2


@dataclass
class Strip:
    """Draws the strip of each moment; `page` holds the one that was drawn last."""

    content: StripContent
    width: int
    height: int
    _page: tuple[float, Picture] | None = None
    _top: float = field(init=False)
    _letters: Lettering = field(init=False)

    def __post_init__(self) -> None:
        """What all pages share."""
        highest = [float(np.nanmax(curve.speed)) for curve in self.content.curves if np.isfinite(curve.speed).any()]
        floors = [curve.floor for curve in self.content.curves if math.isfinite(curve.floor)]
        self._top = ROOM_ABOVE * max([*highest, *floors, 1e-6])
        self._letters = lettering((self.height * 6, self.width))

    @property
    def seconds(self) -> float:
        """How much time a page shows."""
        whole = max(self.content.duration_seconds, 1e-3)
        return whole if whole <= ONE_PAGE_SECONDS else PAGE_SECONDS

    def draw_onto(self, canvas: Picture, t_seconds: float, frame: int) -> None:
        """Fills the canvas, uint8 [height, width, 3], with the strip of a moment."""
        start = math.floor(t_seconds / self.seconds) * self.seconds if self.seconds == PAGE_SECONDS else 0.0
        if self._page is None or self._page[0] != start:
            self._page = start, self._drawn(start)
        np.copyto(canvas, self._page[1])
        left, top, right, bottom = self._plot
        x = min(self._x(t_seconds, start), right)
        cv2.line(canvas, (x, top), (x, bottom), INK, max(1, self._letters.thickness))
        told = [f"{t_seconds:.2f} s", f"frame {frame}"]
        for curve in self.content.curves:
            speed = speed_at(curve, t_seconds)
            if math.isfinite(speed):
                radius = max(2, self._letters.pad)
                cv2.circle(canvas, (x, self._y(speed)), radius, color_of(curve), -1, cv2.LINE_AA)
        if self.content.curves:
            speed, unit = speed_at(self.content.curves[0], t_seconds), self.content.curves[0].unit
            told.append(f"{speed:.{digits_of(unit)}f} {unit}" if math.isfinite(speed) else f"- {unit}")
        self._write(canvas, "   ".join(told), left)

    @property
    def _plot(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the plot's area."""
        _, high = self._letters.size_wh("0")
        wide, _ = self._letters.size_wh(self._label(self._top))
        left = min(wide, self.width // 4)
        top, right = min(high + 2, self.height // 2), max(self.width - self._letters.pad - 1, left + 1)
        return left, top, right, self.height - (high if self._has_room else 4)

    @property
    def _has_room(self) -> bool:
        """Whether seconds can stand below the plot."""
        return self.height >= ROOMY

    def _x(self, t_seconds: float, start: float) -> int:
        left, _, right, _ = self._plot
        return round(left + (t_seconds - start) / self.seconds * (right - left))

    def _y(self, speed: float) -> int:
        _, top, _, bottom = self._plot
        return round(bottom - min(max(speed / self._top, 0.0), 1.0) * (bottom - top))

    def _label(self, speed: float) -> str:
        digits = digits_of(self.content.curves[0].unit) if self.content.curves else 0
        return f"{speed:.{digits}f}"

    def _drawn(self, start: float) -> Picture:
        canvas = np.empty((self.height, self.width, 3), np.uint8)
        canvas[:] = PAPER
        self._shade(canvas, start)
        self._axes(canvas, start)
        for curve in reversed(self.content.curves):  # the first one on top
            self._curve(canvas, curve, start)
        self._marks(canvas, start)
        self._title(canvas)
        return canvas

    def _shade(self, canvas: Picture, start: float) -> None:
        _, top, _, bottom = self._plot
        for first, last, color in self.content.stretches():
            if last >= start and first <= start + self.seconds:
                x1, x2 = self._x(max(first, start), start), self._x(min(last, start + self.seconds), start)
                canvas[top : bottom + 1, x1:x2] = color

    def _axes(self, canvas: Picture, start: float) -> None:
        left, _, right, bottom = self._plot
        cv2.line(canvas, (left, bottom), (right, bottom), FAINT)
        step = round_step(self.seconds / max((right - left) / 90, 1))
        tick = math.ceil(start / step) * step
        while tick <= start + self.seconds:
            x = self._x(tick, start)
            cv2.line(canvas, (x, bottom), (x, bottom - max(3, self._letters.pad)), INK)
            if self._has_room and x + self._letters.size_wh(f"{tick:g}")[0] < self.width:
                self._write(canvas, f"{tick:g}", x, bottom + self._letters.size_wh("0")[1] // 2)
            tick += step
        high = round_step(self._top / 4)
        for speed in np.arange(high, self._top, high).tolist():
            y = self._y(speed)
            cv2.line(canvas, (left, y), (right, y), FAINT)
            if self._has_room or speed == high:
                self._write(canvas, self._label(speed), 0, y)
        floor = next((curve.floor for curve in self.content.curves), math.nan)
        if math.isfinite(floor):
            canvas[self._y(floor), left:right:4] = FLOOR

    def _curve(self, canvas: Picture, curve: Curve, start: float) -> None:
        first, last = np.searchsorted(curve.t_seconds, [start, start + self.seconds])
        rows = slice(max(int(first) - 1, 0), int(last) + 1)
        times, speeds = curve.t_seconds[rows], curve.speed[rows].astype(np.float64)
        known = np.isfinite(speeds)
        left, top, right, bottom = self._plot
        x = left + (times - start) / self.seconds * (right - left)
        y = bottom - np.clip(speeds / self._top, 0, 1) * (bottom - top)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
        part = canvas[:, left : right + 1]
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            line = np.rint(np.stack([x[begin:end] - left, y[begin:end]], axis=1) * 16).astype(np.int32)
            cv2.polylines(part, [line], False, color_of(curve), max(1, self._letters.thickness), cv2.LINE_AA, 4)

    def _marks(self, canvas: Picture, start: float) -> None:
        _, top, _, bottom = self._plot
        for mark in self.content.marks:
            if mark.track != self.content.first or not start <= mark.t_seconds <= start + self.seconds:
                continue
            x, color = self._x(mark.t_seconds, start), color_of_mark(mark)
            if mark.kind == "toe_off":  # the lesser event of the two
                cv2.line(canvas, (x, bottom), (x, bottom - (bottom - top) // 4), color)
                continue
            cv2.line(canvas, (x, top), (x, bottom), color)
            letter = SHORT.get(mark.kind, mark.side[:1].upper())
            self._write(canvas, letter, x + 2, top + self._letters.size_wh("0")[1] // 2, color)

    def _title(self, canvas: Picture) -> None:
        if not self.content.curves:
            return
        what = "hand" if self.content.point == "hand" else self.content.point.replace("_", " ")
        text = f"speed of the {what}, person {self.content.curves[0].track}"
        wide, _ = self._letters.size_wh(text)
        room, _ = self._letters.size_wh("0000.00 s   frame 000000   00000 px/s")
        if self._plot[0] + room + wide < self.width:
            self._write(canvas, text, self.width - wide)

    def _write(self, canvas: Picture, text: str, left: int, middle: int | None = None, color: Color = INK) -> None:
        """Letters at the top, or around a height."""
        (_, high), _ = cv2.getTextSize("0", FONT, self._letters.scale, 1)
        y = self._letters.pad + high if middle is None else middle + high // 2
        cv2.putText(canvas, text, (left + 2, y), FONT, self._letters.scale, color, self._letters.thickness, cv2.LINE_AA)
