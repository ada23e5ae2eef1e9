#!/usr/bin/env python3
"""Write the page of all losses with their pictures: tools/document_losses.py [FOLDER]"""

from pathlib import Path

from cornernet.cli import commandline

USAGE = """tools/document_losses.py [FOLDER]

Writes losses.md and losses/*.png into FOLDER, docs unless it is given, from the losses' own docstrings, for example
  tools/document_losses.py
  tools/document_losses.py site/docs"""


def main(folder: str | None) -> None:
    from cornernet.losses import catalogue

    catalogue.write(Path(folder or "docs"))
    commandline.say(f"{len(catalogue.entries())} losses written to {folder or 'docs'}")


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=0, optional=1, keys=False)
