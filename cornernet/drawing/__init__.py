"""Boxes on images, panels of images, curves. Called by reports, prediction, training and comparisons."""
