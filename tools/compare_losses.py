#!/usr/bin/env python3
"""Train with one loss after another and compare: tools/compare_losses.py CONFIG 'key=[a,b,...]' ... [key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("compare_losses")
