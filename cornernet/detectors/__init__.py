"""The detectors by name."""
