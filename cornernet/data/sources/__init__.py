"""Where images and boxes come from: COCO files and synthetic shapes. Called by training, evaluation and prediction."""

from cornernet.data.sources.build import build_source, build_sources, require_boxes
from cornernet.data.sources.coco import CocoSet
from cornernet.data.sources.coco_classes import COCO_CLASSES
from cornernet.data.sources.source import Source

__all__ = [
    "COCO_CLASSES",
    "CocoSet",
    "Source",
    "build_source",
    "build_sources",
    "require_boxes",
]
