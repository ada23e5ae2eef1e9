"""CornerNet: a box is a pair of corners."""
