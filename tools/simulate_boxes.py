#!/usr/bin/env python3
"""Move boxes to their targets by gradient descent on box losses: tools/simulate_boxes.py [key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("simulate_boxes")
