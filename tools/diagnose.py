#!/usr/bin/env python3
"""Say where a checkpoint loses its AP and why: tools/diagnose.py CHECKPOINT [images=N] [out=DIR] [key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("diagnose")
