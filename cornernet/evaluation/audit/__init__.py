"""Which labels of a set are probably wrong, by what a detector finds: missing, off, misnamed, doubled or of nothing.

`audit_checkpoint` writes an audit, `audit` and `judge` return one. finding: the kinds, and what is known of a finding;
reliance: how far the detector can be relied on; doubts: the labels; alike: images that are nearly the same; pictures,
page: what people see; corrected: the COCO file. Called by the command `audit`.
"""

from cornernet.evaluation.audit.finding import KINDS, Audit, Finding
from cornernet.evaluation.audit.run import audit, audit_checkpoint, judge

__all__ = ["KINDS", "Audit", "Finding", "audit", "audit_checkpoint", "judge"]
