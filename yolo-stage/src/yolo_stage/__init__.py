"""Stage 1: photos in, person boxes and cuts out."""

__version__ = "0.1.0"
STAGE = "yolo-stage"
