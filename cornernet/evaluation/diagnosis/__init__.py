"""Where a detector loses its AP, and why each object that it misses was missed."""

from cornernet.evaluation.diagnosis.run import diagnose_checkpoint

__all__ = [
    "diagnose_checkpoint",
]
