#!/usr/bin/env python3
"""Look at a data set and write a config for it: tools/auto.py FOLDER out=DIR [minutes=N] [key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("auto")
