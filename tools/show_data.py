#!/usr/bin/env python3
"""Draw what a training would see: tools/show_data.py CONFIG [images=N] [out=DIR] [key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("show_data")
