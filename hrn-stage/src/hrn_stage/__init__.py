"""Stage 2: person cuts in, skeletons out."""

__version__ = "0.1.0"
STAGE = "hrn-stage"
