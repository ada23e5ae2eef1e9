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


TINY = """
data:
  name: shapes
  shapes: {size: 64, train_images: 10, val_images: 2, max_objects: 3}
  input_size: [64, 64]
  max_objects: 8
  workers: 0
  augment: {border: 16, scales: [0.9, 1.0]}
model:
  backbone: {stacks: 2, stem_channels: 8, channels: [8, 8, 8], blocks: [1, 1, 1]}
  head: {channels: 8, pool_channels: 8}
loss: {grouping: {args: {chunk_size: 4}}}
train: {steps: 4, batch_size: 4, lr: 1.0e-3, eval_every: 2, log_every: 1, save_every: 3, ema: 0.9, device: cpu}
test: {flip: false, top_k: 20, num_dets: 50, report: false}
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """Config file of a run that takes a second."""
    path = tmp_path_factory.mktemp("configs") / "tiny.yaml"
    path.write_text(TINY)
    return path


TINY_ANCHOR = """
base: tiny.yaml
model:
  detector: anchor
  anchor: {channels: 8, depth: 1, first_level: 2, last_level: 4, side: 5, scales: [1], ratios: [1], assign: atss}
loss: {box: {name: giou}}
"""


@pytest.fixture(scope="session")
def tiny_anchor(tiny) -> Path:
    """The same with anchors."""
    path = tiny.with_name("tiny_anchor.yaml")
    path.write_text(TINY_ANCHOR)
    return path


@pytest.fixture(scope="session")
def tiny_run(tiny, tmp_path_factory) -> Path:
    """Folder of a finished run of `tiny`; to be read, not written."""
    from cornernet import config, engine

    folder = tmp_path_factory.mktemp("runs") / "tiny"
    engine.train(config.load(tiny, [f"work_dir={folder}"]), "tiny")
    return folder
