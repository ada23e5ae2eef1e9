#!/usr/bin/env python3
"""Print the losses: tools/list_losses.py [ROLE [NAME]]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("list_losses")
