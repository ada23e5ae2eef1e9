#!/usr/bin/env python3
"""Look a data set over before a training: tools/check_data.py CONFIG [images=true] [key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("check_data")
