"""A person detector that can be loaded, and all that its results depend on."""

from __future__ import annotations

from dataclasses import dataclass

from stage_kit.networks.plan import NetworkPlan
from yolo_stage.detector import Detector
from yolo_stage.options import DetectOptions
from yolo_stage.people import Selection

DEFAULT_CONF_THRES = 0.5
SEEN_SHARE = 0.5  # of the threshold is enough for whom a video's frame before showed in the same place


@dataclass(frozen=True, kw_only=True)
class DetectorPlan(NetworkPlan[Detector]):
    """A detector that can be loaded, and all that its results depend on.

    With `rectangular` pictures are fitted into rectangles of their shape, of about `input_size` x `input_size` pixels.
    """

    model_def_sha256: str
    person_class: int
    input_size: int
    conf_thres: float

    def selection(self, options: DetectOptions) -> Selection:
        """Who counts as a person: as asked for, else as the model's own threshold has it."""
        conf_thres = options.conf_thres or self.conf_thres
        seen_thres = SEEN_SHARE * conf_thres if options.seen_thres is None else options.seen_thres
        return Selection(conf_thres, options.nms_thres, options.max_people, seen_thres)

    rectangular: bool = False
