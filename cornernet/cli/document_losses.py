"""`document_losses`: write the page of all losses with their curves."""

from pathlib import Path

from cornernet.cli.commandline import Command, say

USAGE = """tools/document_losses.py [FOLDER]

Writes losses.md and losses/*.png from the losses' own docstrings into FOLDER, or without one into docs of a checkout,
and then also cornernet/losses/functional.pyi, by which editors know giou_loss and its kind; for example
  tools/document_losses.py
  tools/document_losses.py site/docs"""


def main(folder: str | None) -> None:
    """Write the page."""
    from cornernet.cli import catalogue

    catalogue.write(Path(folder or "docs"))
    if folder is None:
        catalogue.write_stub()
    say(f"{len(catalogue.entries())} losses written to {folder or 'docs'}")


COMMAND = Command(main, USAGE, paths=0, optional=1, overrides=False)
