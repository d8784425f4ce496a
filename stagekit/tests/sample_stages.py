"""What two stages tell of themselves: one works on photos, the other on its records."""

from __future__ import annotations

from stage_kit.stages import StageFacts, StatusFacts

FIRST = StageFacts(
    name="first-stage",
    package="first_stage",
    order=1,
    results=1,
    writes=("annots", "cuts", "inspect"),
    status=StatusFacts(of="images", record="annots", picture="inspect"),
    version="0.1.0",
)
SECOND = StageFacts(
    name="second-stage",
    package="second_stage",
    order=2,
    results=1,
    writes=("final", "output"),
    status=StatusFacts(of="annots", record="poses", picture="final"),
    version="0.1.0",
)
