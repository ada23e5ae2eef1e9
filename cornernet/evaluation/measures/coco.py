"""The twelve figures of COCO, in the order of COCOeval.stats (pycocotools)."""

HIGHER = True
FIGURES = {
    "AP": "IoU 0.50:0.95, all sizes, 100 detections",
    "AP50": "IoU 0.50, all sizes, 100 detections",
    "AP75": "IoU 0.75, all sizes, 100 detections",
    "AP_small": "IoU 0.50:0.95, area below 32 x 32, 100 detections",
    "AP_medium": "IoU 0.50:0.95, area between, 100 detections",
    "AP_large": "IoU 0.50:0.95, area above 96 x 96, 100 detections",
    "AR1": "IoU 0.50:0.95, all sizes, 1 detection",
    "AR10": "IoU 0.50:0.95, all sizes, 10 detections",
    "AR100": "IoU 0.50:0.95, all sizes, 100 detections",
    "AR_small": "IoU 0.50:0.95, area below 32 x 32, 100 detections",
    "AR_medium": "IoU 0.50:0.95, area between, 100 detections",
    "AR_large": "IoU 0.50:0.95, area above 96 x 96, 100 detections",
}


def coco(seen):
    """Return them by name."""
    return dict(zip(FIGURES, seen.stats, strict=True))
