#!/usr/bin/env python3
"""Write the page of all losses with their curves: tools/document_losses.py [FOLDER]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("document_losses")
