"""Where a run computes."""

import torch

from cornernet.hardware import resolve_precision


def test_auto_precision_is_bf16_only_where_the_hardware_has_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    assert resolve_precision("auto", cpu=True) == "bf16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False}, raising=False)
    assert resolve_precision("auto", cpu=True) == "fp32"
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert resolve_precision("auto", cpu=True) == "fp32"
    assert resolve_precision("fp16", cpu=False) == "fp16"
