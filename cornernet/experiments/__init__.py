"""Trainings that differ in one thing, side by side (grid, compare), and the box-regression experiment.

Called by the commands compare_losses and simulate_boxes.
"""

from cornernet.experiments.compare import markdown

__all__ = [
    "markdown",
]
