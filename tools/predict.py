#!/usr/bin/env python3
"""Draw what a checkpoint finds: tools/predict.py CHECKPOINT SOURCE ... [out=DIR] [key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("predict")
