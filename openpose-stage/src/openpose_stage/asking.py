"""How a run asks its network and reads the answers, and what its records say of that. Pure but for the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from openpose_stage import facts
from openpose_stage.estimate import Reading
from openpose_stage.fitting import RULE, scaled
from openpose_stage.maps import Maps, mean_of
from openpose_stage.model_files import OpenposePlan
from openpose_stage.network import FieldNetwork
from openpose_stage.options import OpenposeOptions
from pose_contract.records import MadeBy


def made_by(options: OpenposeOptions, plan: OpenposePlan) -> MadeBy:
    """All that changes results, and nothing else."""
    decode = options.decode
    chosen: dict[str, JsonValue] = {
        "height": plan.height,
        "scales": list(options.model.scales),
        "input_rule": RULE,
        "engine": plan.engine,
        "precision": plan.precision,
    }
    if plan.engine == "opencv":
        chosen["norm"] = options.model.norm
    rules = decode.rules(plan.own)
    for part in (rules.points, rules.links, rules.persons):
        chosen |= asdict(part)
    chosen |= {"seed_links": decode.seed_links, "single": decode.single}
    return MadeBy(
        stage=facts().name,
        results=facts().results,
        model=plan.model,
        weights_sha256=plan.weights_sha256,
        options=chosen,
    )


def reading_of(options: OpenposeOptions, plan: OpenposePlan) -> Reading:
    """How the maps of a run are read."""
    decode = options.decode
    return Reading(plan.layout, plan.stride, decode.rules(plan.own), decode.single)


def maps_of(network: FieldNetwork, pictures: NDArray[np.uint8], scales: Sequence[float], multiple: int) -> list[Maps]:
    """The maps of inputs [N, H, W, 3]: the mean over all scales, at the first one's size."""
    several = [network.maps(scaled(pictures, scale, multiple)) for scale in scales]
    return [mean_of(list(one)) for one in zip(*several, strict=True)]
