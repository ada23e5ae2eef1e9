#!/usr/bin/env python3
"""Say which labels of a set are probably wrong: tools/audit.py CHECKPOINT [split=val] [out=DIR] [key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("audit")
