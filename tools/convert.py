#!/usr/bin/env python3
"""Write a set in the format of other programs: tools/convert.py SOURCE out=DIR [format=NAME] [val=SHARE]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("convert")
