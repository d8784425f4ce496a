"""The YAML's section PEOPLE: how the network is trained on people in ordinary photos (DATASET.DATASET people)."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hrn_stage.config_values import Count, Number, Text, Whole

Share = Annotated[Number, Field(ge=0, le=1)]


class PeopleConfig(BaseModel):
    """This stage's own keys; the published ones of DATASET (FLIP, ROT_FACTOR, SCALE_FACTOR, PROB_HALF_BODY) count too.

    Attributes:
        PER_EPOCH: people drawn for an epoch, by their `draws`; 0: everyone once.
        GROW: pairs of an input size and the share of the training until which it is taken; then MODEL.IMAGE_SIZE.
        PROB_BOX: how often a person is framed by a detector's box instead of by the joints.
        PROB_EDGE: how often the photo ends across the person.
        PROB_ANY_TURN: how often a person is turned by any angle, instead of by ROT_FACTOR.
        PROB_PATCHES, PROB_POOR: how often something hides a part; how often the picture is poor, in each of its ways.
        SHIFT: how far the person is moved, in parts of the frame.
        ABSENT: what a joint counts that the photo does not show, and whose heatmap shall be empty.
        SIDES: how much more the surroundings of a joint and of its mirror partner count.
        FROZEN: parts of the network (`conv1`, `layer1`) that stay as they began; they are a third of a step's price.
        HARD_FROM: the share of the training from which on the LOSS.TOPK worst joints count more (LOSS.USE_OHKM).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    PER_EPOCH: Whole = 0
    GROW: tuple[tuple[Count, Share], ...] = ()
    PROB_BOX: Share = 0.5
    PROB_EDGE: Share = 0.17
    PROB_ANY_TURN: Share = 0.09
    PROB_PATCHES: Share = 0.3
    PROB_POOR: Share = 0.1
    SHIFT: Share = 0.08
    ABSENT: Annotated[Number, Field(ge=0)] = 0.9
    SIDES: Annotated[Number, Field(ge=0)] = 2.0
    FROZEN: tuple[Text, ...] = ()
    HARD_FROM: Share = 0.8

    @model_validator(mode="after")
    def _grows(self) -> Self:
        shares = [until for _, until in self.GROW]
        if any(size % 32 for size, _ in self.GROW):
            raise ValueError(f"GROW: sizes must be divisible by 32, but are {[size for size, _ in self.GROW]}")
        if shares != sorted(shares):
            raise ValueError(f"GROW: shares of the training must rise, but are {shares}")
        return self
