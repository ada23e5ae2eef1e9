#!/usr/bin/env python3
"""Import weights of published code: tools/convert_checkpoint.py PUBLISHED OUT [key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("convert_checkpoint")
