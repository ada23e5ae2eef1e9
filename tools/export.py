#!/usr/bin/env python3
"""Write a checkpoint as a file for other programs: tools/export.py CHECKPOINT [key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("export")
