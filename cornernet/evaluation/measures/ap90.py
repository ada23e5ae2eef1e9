"""AP at IoU 0.90: how many of the boxes are tight."""

HIGHER = True
FIGURES = {"AP90": "IoU 0.90, all sizes, 100 detections"}
STRICT = 8  # of the thresholds 0.50, 0.55, ... 0.95


def ap90(seen):
    """Return the mean of COCO's precision at that threshold."""
    return {"AP90": seen.mean(seen.precision[STRICT, ..., 0, -1])}
