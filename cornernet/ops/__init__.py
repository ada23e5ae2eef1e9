"""Pure tensor functions without configuration: pooling, gathering, Gaussians, boxes, matching, NMS. Torch alone.

Called by losses, detectors and prediction.
"""
