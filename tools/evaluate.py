#!/usr/bin/env python3
"""Score a checkpoint with COCO mAP: tools/evaluate.py CHECKPOINT [out=DIR] [key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("evaluate")
