"""A program of torch.export, `.pt2`, which runs with PyTorch.

Not SAFE: what torch makes of a file is not looked at here.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

SUFFIX = ".pt2"
METADATA = "metadata.json"  # name inside the file


def write(program: ExportedProgram, path: Path, about: dict[str, Any]) -> None:
    """Write the program with its metadata."""
    torch.export.save(program, path, extra_files={METADATA: json.dumps(about)})


def open(path: Path) -> tuple[Any, dict[str, Any]]:
    """File -> (function from images to Rows, metadata)."""
    held = {METADATA: ""}
    program = torch.export.load(path, extra_files=held)
    return program.module(), json.loads(held[METADATA])
