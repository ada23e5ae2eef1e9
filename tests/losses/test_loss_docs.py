"""What docs/use_losses_elsewhere.md shows runs, and does what it says."""

import re
from pathlib import Path

import torch

PAGE = Path(__file__).resolve().parents[2] / "docs" / "use_losses_elsewhere.md"


def test_the_page_runs_and_its_losses_fall(capsys):
    """From its first block to its last, each going on where the one before ended."""
    known = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(code, PAGE.name, "exec"), known)
        if "optimizer" in code:
            assert known["step"] > 10 and known["total"].item() < 0.6  # from above 1.2 and above 5
    printed = capsys.readouterr().out
    assert {"AELoss", "ciou", "giou_loss", "head"} <= set(known) and "'bbox_regression': " in printed
    assert known["head"].compute_loss is known["box_loss"]
    assert all(parameter.grad is not None for parameter in known["head"].bbox_reg.parameters())
    assert torch.equal(known["terms"]["bbox_regression"], known["terms"]["bbox_regression"].abs())
