"""From an image to detections: inference, the Predictor, media, exported files in place of a checkpoint.

Called by evaluation, training (its own evaluations), export (to compare with) and the commands that use a checkpoint.
"""

from cornernet.prediction.canvas import Fits, Fitted, FixedCanvas, OpenCanvas, fit, to_original
from cornernet.prediction.exported import Agreement, Difference, agreement, difference
from cornernet.prediction.exported_detector import is_exported
from cornernet.prediction.found import Found, collected, from_results, to_results
from cornernet.prediction.inference import chunk, detect, device_of, evaluating
from cornernet.prediction.media import write_image
from cornernet.prediction.pooling import after_nms, best, pooled
from cornernet.prediction.predictor import Predictor
from cornernet.prediction.thresholds import DRAWN, Least, Thresholds, drawn, in_words, of_labels
from cornernet.prediction.written import Written

__all__ = [
    "DRAWN",
    "Agreement",
    "Difference",
    "Fits",
    "Fitted",
    "FixedCanvas",
    "Found",
    "Least",
    "OpenCanvas",
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
