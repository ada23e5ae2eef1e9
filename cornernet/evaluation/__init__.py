"""From detections to COCO figures (evaluate, scoring, metrics), the page that explains them (report), and diagnosis.

Called by training after a save, by experiments, and by the commands evaluate and diagnose.
"""

from cornernet.evaluation.best_f1 import thresholds
from cornernet.evaluation.checkpoint import evaluate_checkpoint
from cornernet.evaluation.metrics import Metrics, Unwritten, aligned, table

__all__ = [
    "Metrics",
    "Unwritten",
    "aligned",
    "evaluate_checkpoint",
    "table",
    "thresholds",
]
