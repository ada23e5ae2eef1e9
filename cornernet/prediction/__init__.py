"""From an image to detections: inference, the Predictor, media, exported files in place of a checkpoint.

Called by evaluation, training (its own evaluations), export (to compare with) and the commands that use a checkpoint.
"""

from cornernet.prediction.exported import Agreement, Difference, agreement, difference
from cornernet.prediction.exported_detector import is_exported
from cornernet.prediction.found import Found, collected, from_results, to_results
from cornernet.prediction.inference import (
    Fitted,
    after_nms,
    best,
    chunk,
    detect,
    device_of,
    evaluating,
    fit,
    pooled,
    to_original,
)
from cornernet.prediction.media import write_image
from cornernet.prediction.predictor import Predictor
from cornernet.prediction.thresholds import DRAWN, Least, Thresholds, drawn, in_words, of_labels
from cornernet.prediction.written import Written

__all__ = [
    "DRAWN",
    "Agreement",
    "Difference",
    "Fitted",
    "Found",
    "Least",
    "Predictor",
    "Thresholds",
    "Written",
    "after_nms",
    "agreement",
    "best",
    "chunk",
    "collected",
    "detect",
    "device_of",
    "difference",
    "drawn",
    "evaluating",
    "fit",
    "from_results",
    "in_words",
    "is_exported",
    "of_labels",
    "pooled",
    "to_original",
    "to_results",
    "write_image",
]
