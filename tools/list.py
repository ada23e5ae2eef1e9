#!/usr/bin/env python3
"""Print what can be named in a config or a command: tools/list.py [KIND [NAME]]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("list")
