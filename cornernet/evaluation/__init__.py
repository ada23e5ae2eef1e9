"""From detections to COCO figures, the page that explains them, and the diagnosis of what is missed."""
