#!/usr/bin/env python3
"""Say which labels are probably wrong: tools/audit.py CHECKPOINT [split=val] [least=0.3] [out=DIR] [key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("audit")
