"""Where a run computes."""

import pytest
import torch
from accelerate.state import AcceleratorState

from cornernet import config
from cornernet.hardware import build_accelerator, resolve_precision


def test_each_training_of_a_process_has_its_own_precision(tiny):
    for precision, expected in (("fp32", "no"), ("bf16", "bf16"), ("fp32", "no")):
        accelerator = build_accelerator(config.load(tiny, [f"train.precision={precision}"]))
        assert accelerator.mixed_precision == expected and accelerator.device.type == "cpu"
    with pytest.raises(ValueError, match=r"train\.precision=fp16 needs a GPU"):
        build_accelerator(config.load(tiny, ["train.precision=fp16"]))
    AcceleratorState._reset_state(reset_partial_state=True)


def test_auto_precision_is_bf16_only_where_the_hardware_has_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    assert resolve_precision("auto", cpu=True) == "bf16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False}, raising=False)
    assert resolve_precision("auto", cpu=True) == "fp32"
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert resolve_precision("auto", cpu=True) == "fp32"
    assert resolve_precision("fp16", cpu=False) == "fp16"
