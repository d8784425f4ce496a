"""What the user may set: frozen and validated; a key of pose.toml [motion] and a flag each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import JsonValue

from motion_stage import STAGE
from motion_stage.tracks import Mode, TrackRules
from stage_kit.command.refusals import require

Despike = Literal["residual", "hampel", "none"]
Filter = Literal["savgol", "median", "butterworth", "oneeuro", "none"]
Speed = Literal["derivative", "window", "seed"]
Sport = Literal["none", "rowing", "gait"]
POLYNOMIAL = 3


@dataclass(frozen=True)
class MotionSettings:
    """All that changes results, under the flags' names; `motion-stage --help` says what each is."""

    mode: Mode = "centroid"
    anchor: Literal["hip", "neck"] = "hip"
    gate: float = 1.0
    grace: float = 1.0
    hits: int = 3
    predict: int = 0
    pick: str = "all"
    min_score: float = 0.3
    swaps: Literal["flag", "repair", "ignore"] = "flag"
    despike: Despike = "residual"
    longest_gap: float = 0.2
    fill: Literal["linear", "pchip"] = "linear"
    filter: Filter = "savgol"
    window: float = 0.4
    cutoff_hz: float = 6.0
    min_cutoff_hz: float = 1.0
    beta: float = 1.0
    speed: Speed = "derivative"
    speed_of: str = "hand,mid_hip"
    seed_compat: int = 0
    scale: str | None = None
    facing: Literal["auto", "left", "right"] = "auto"
    fps: float = 0.0
    slowmo: float = 1.0
    sport: Sport = "none"
    hand: Literal["auto", "both", "left", "right"] = "auto"
    drive: Literal["auto", "left", "right"] = "auto"
    walking: Literal["auto", "left", "right"] = "auto"
    strokes_model: str | None = None
    left_handed: int = 0
    plots: int = 1
    movie: int = 1
    blur_faces: int = 0

    def __post_init__(self) -> None:
        """Refuses values without a meaning. Raises UsageError."""
        for flag in ("gate", "window", "cutoff_hz", "min_cutoff_hz", "slowmo"):
            value = getattr(self, flag)
            require(0 < value <= 1000, flag, value, "over 0, up to 1000", STAGE)
        for flag in ("grace", "longest_gap", "beta", "fps"):
            value = getattr(self, flag)
            require(0 <= value <= 1000, flag, value, "0 to 1000", STAGE)
        require(1 <= self.hits <= 1000, "hits", self.hits, "1 to 1000", STAGE)
        require(0 <= self.min_score <= 1, "min_score", self.min_score, "0 to 1", STAGE)
        require(bool(self.speed_points), "speed_of", repr(self.speed_of), "names of points", STAGE)
        picks = ("all", "largest", "score", "travel", "first")
        chosen = self.pick in picks or self.pick.removeprefix("id:").isdecimal()
        require(chosen, "pick", self.pick, f"{', '.join(picks)} or id:NUMBER", STAGE)

    @property
    def rules(self) -> TrackRules:
        """How people are followed."""
        return TrackRules(
            mode=self.mode,
            anchor=self.anchor,
            gate_torsos=self.gate,
            grace_seconds=self.grace,
            hits=self.hits,
            predict=bool(self.predict),
        )

    @property
    def speed_points(self) -> tuple[str, ...]:
        """The names in `speed_of`, in their order, each once."""
        return tuple(dict.fromkeys(name.strip() for name in self.speed_of.split(",") if name.strip()))

    @property
    def options(self) -> dict[str, JsonValue]:
        """All of them."""
        return asdict(self)

    @property
    def table_options(self) -> dict[str, JsonValue]:
        """Those on which tables and plots depend, as `made_by` holds them."""
        return {name: value for name, value in asdict(self).items() if name not in OF_MOVIE}


OF_MOVIE = frozenset({"movie", "blur_faces"})
"""Those on which the movie alone depends."""
OF_TRACKING = frozenset({"mode", "anchor", "gate", "grace", "hits", "predict", "pick", "min_score", "fps", "slowmo"})
"""Those on which tracks.json depends."""
