#!/usr/bin/env python3
"""Time a config's training step: tools/profile_step.py CONFIG [vary=...|estimate=N] [key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("profile_step")
