"""Keypoint- and anchor-based object detectors and their losses."""

__version__ = "0.1.0"
