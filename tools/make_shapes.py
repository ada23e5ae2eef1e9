#!/usr/bin/env python3
"""Write the synthetic shapes as a COCO set: tools/make_shapes.py OUT [data.shapes.key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("make_shapes")
