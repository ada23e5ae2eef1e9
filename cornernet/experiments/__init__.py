"""Trainings that differ in one thing, side by side, and the box-regression experiment.

grid says what is to be compared, compare trains what is missing, results makes the table, statistics the differences.

Called by the commands compare_losses and simulate_boxes.
"""

from cornernet.experiments.outputs.markdown import brief as markdown

__all__ = [
    "markdown",
]
