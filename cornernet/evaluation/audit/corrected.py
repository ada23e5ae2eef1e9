"""The annotations of a split with the findings of an audit in them, for an annotation tool to load.

No label is changed or left out: one that is doubted bears the attributes `audit`, the kind of the doubt, and
`sureness`; what the detector proposes in its place, or where none is, is one more annotation with the attribute
`audit: proposed KIND`. Tools that know attributes (CVAT) show both; deleting one of the two settles a finding.
"""

from collections.abc import Sequence
from typing import Any

from cornernet.evaluation.audit.finding import Finding

PROPOSING = ("missing", "box", "class")  # kinds that say what should be there


def corrected(content: dict[str, Any], findings: Sequence[Finding]) -> dict[str, Any]:
    """COCO dict whose annotations are numbered from 1 in the order of the labels, findings -> a new dict with both."""
    doubts = {x.label: x for x in findings if x.label is not None}
    entries = [
        {**entry, "attributes": _attributes(doubts[row], doubts[row].kind)} if row in doubts else entry
        for row, entry in enumerate(content["annotations"])
    ]
    proposed = [_proposed(x) for x in findings if x.kind in PROPOSING]
    entries += [{"id": i, **entry} for i, entry in enumerate(proposed, len(entries) + 1)]
    return {**content, "annotations": entries}


def _proposed(found: Finding) -> dict[str, Any]:
    assert found.box_found is not None
    x1, y1, x2, y2 = found.box_found
    return {
        "image_id": found.image_id,
        "category_id": found.category_found,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": (x2 - x1) * (y2 - y1),
        "iscrowd": 0,
        "attributes": _attributes(found, f"proposed {found.kind}"),
    }


def _attributes(found: Finding, what: str) -> dict[str, Any]:
    return {"audit": what, "sureness": round(found.sureness, 3)}
