"""Where images and boxes come from: COCO files and synthetic shapes. Called by training, evaluation and prediction."""

from cornernet.data.sources.build import build_source, require_boxes, sources

__all__ = ["build_source", "require_boxes", "sources"]
