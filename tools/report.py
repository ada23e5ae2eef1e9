#!/usr/bin/env python3
"""Put two runs side by side: tools/report.py RUN_A RUN_B [out=DIR] [key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("report")
