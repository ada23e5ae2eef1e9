"""From an image to detections: inference, the Predictor, media, exported files in place of a checkpoint."""
