"""From detections to COCO figures (evaluate, scoring, metrics), the page that explains them (report), and diagnosis.

measures/: a file a metric. audit/: which labels the detections contradict. side_by_side/: two runs on one page.
Called by training after a save, by experiments, and by the commands evaluate, diagnose, audit and report.
"""

from cornernet.evaluation.checkpoint import evaluate_checkpoint
from cornernet.evaluation.chosen import Chosen, chosen
from cornernet.evaluation.evaluated import Evaluated
from cornernet.evaluation.metrics import Metrics, Unwritten, aligned, table, thresholds
from cornernet.evaluation.reach import beyond_reach

__all__ = [
    "Chosen",
    "Evaluated",
    "Metrics",
    "Unwritten",
    "aligned",
    "beyond_reach",
    "chosen",
    "evaluate_checkpoint",
    "table",
    "thresholds",
]
