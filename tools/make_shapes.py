#!/usr/bin/env python3
"""Write the synthetic shapes as a COCO set: make_shapes.py OUT [data.shapes.key=value ...]."""

import sys

from cornernet import config, data


def main(argv: list[str]) -> int:
    """Folder and overrides -> exit code."""
    if "--help" in argv or not argv:
        print(f"usage: {__doc__}\nwrites OUT/images/{{train,val}} and OUT/annotations/{{train,val}}.json")
        return 0 if argv else 2
    try:
        settings = config.override(config.Config(), argv[1:]).data
        settings.name = "shapes"
        for split in ("train", "val"):
            data.write(argv[0], data.build_source(settings, split))
    except (ValueError, OSError) as error:
        print(f"make_shapes: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
