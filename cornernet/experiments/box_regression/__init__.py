"""Box regression without a network: boxes move to their targets by gradient descent on box losses.

`plan` says what is simulated and `simulate` does it; `scaled` makes courses of few start points comparable. Called by
`simulate_boxes`.
"""

from cornernet.experiments.box_regression.descent import CASES, POINTS, Course
from cornernet.experiments.box_regression.simulation import Plan, plan, scaled, simulate

__all__ = ["CASES", "POINTS", "Course", "Plan", "plan", "scaled", "simulate"]
