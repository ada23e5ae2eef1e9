"""Fixtures shared by all tests: the folder of goldens and photographs, and quiet, seeded torch."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with golden/ and data/; CORNERNET_SHARED names it, beside the checkout is where it is looked for."""
    folder = Path(os.environ.get("CORNERNET_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the reference data; set CORNERNET_SHARED (looked for {folder})")
    return folder


@pytest.fixture(scope="session")
def golden(shared):
    """Golden arrays by file name without its ending; the test is skipped where that file is absent."""

    def load(name: str) -> np.lib.npyio.NpzFile:
        path = shared / "golden" / f"{name}.npz"
        if not path.is_file():
            pytest.skip(f"golden {path.name} is not in the reference data")
        return np.load(path)

    return load


@pytest.fixture(autouse=True)
def seeded():
    """Every test starts from the same random state."""
    torch.manual_seed(0)
    np.random.seed(0)
