#!/usr/bin/env python3
"""Train a detector: tools/train.py CONFIG [key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("train")
