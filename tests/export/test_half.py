"""Half precision: what is halved, and how near the answer stays."""

import torch
from torch import nn

from cornernet.checkpoints.load import load_detector
from cornernet.export import check, export, half
from cornernet.prediction import difference
from tests.conftest import untrained
from tests.export.test_open_sizes import KEYS


def test_what_multiplies_is_halved_and_norms_are_not(kinds, tmp_path):
    detector = load_detector(untrained(tmp_path / "best.pt", kinds["corner"], KEYS), [])[0]
    made = half.halved(detector)
    parts = [module for module in made.network.modules() if isinstance(module, nn.Conv2d)]
    assert parts and all(x.dtype == torch.float16 for part in parts for x in part.parameters())
    norms = [module for module in made.network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms and all(x.dtype == torch.float32 for norm in norms for x in norm.parameters())
    assert all(x.dtype == torch.float32 for x in detector.parameters()) and made.mean.dtype == torch.float32


def test_the_answer_is_near_and_float32(kinds, tmp_path):
    detector = load_detector(untrained(tmp_path / "best.pt", kinds["anchor"], KEYS), [])[0]
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    expected = check.answer(export.Graph(detector), images)
    found = check.answer(export.Graph(half.halved(detector)), images)
    assert [x.dtype for x in found] == [torch.float32, torch.float32, torch.int64]
    apart = difference(found, expected, *check.CLOSE["fp16"])
    assert apart.rows > 50 and apart.lost <= apart.rows / 20 and 0 < apart.scores < 0.01, apart


def test_a_file_of_half_precision_has_bounds_of_its_own(caplog):
    near, far = check.Difference(100, 0.5, 0.01, 4), check.Difference(100, 0.5, 0.01, 20)
    assert check.exact([near, near], 3, "fp16").apart == (200, 0.5, 0.01, 8) and not caplog.records
    check.exact([near], 3)
    assert "not PyTorch's" in caplog.text
    caplog.clear()
    check.exact([far], 3, "fp16")
    assert "not PyTorch's" in caplog.text


def test_it_stands_beside_the_checkpoint_under_its_own_name():
    assert export.plan("runs/best.pt", "torch", precision="fp16").out.as_posix() == "runs/best.fp16.pt2"
