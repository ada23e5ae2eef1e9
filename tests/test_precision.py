"""The precision in which networks compute."""

import pytest
import torch

from cornernet import config
from cornernet.precision import predicting, resolve_precision
from cornernet.training import preflight

CPU = torch.device("cpu")


def test_auto_precision_is_bf16_only_where_the_hardware_has_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    assert resolve_precision("auto", cpu=True) == "bf16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False}, raising=False)
    assert resolve_precision("auto", cpu=True) == "fp32"
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert resolve_precision("auto", cpu=True) == "fp32"
    assert resolve_precision("fp16", cpu=False) == "fp16"


@pytest.mark.parametrize("has", [True, False])
def test_auto_predicts_in_what_the_hardware_has(monkeypatch, has):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": has}, raising=False)
    product = torch.nn.Linear(4, 4)
    with predicting("auto", CPU):
        assert product(torch.ones(1, 4)).dtype == (torch.bfloat16 if has else torch.float32)


def test_a_precision_ends_with_its_block():
    product = torch.nn.Linear(4, 4)
    with predicting("bf16", CPU):
        assert product(torch.ones(1, 4)).dtype == torch.bfloat16
    assert product(torch.ones(1, 4)).dtype == torch.float32
    with predicting("fp32", CPU):
        assert product(torch.ones(1, 4)).dtype == torch.float32


def test_fp16_without_a_gpu_is_refused():
    with pytest.raises(ValueError, match=r"test\.precision=fp16 needs a GPU; auto, bf16 and fp32 run on a CPU"):
        predicting("fp16", CPU)


def test_settings_of_a_training_are_tried_in_every_precision(tiny, monkeypatch):
    for precision in ("fp32", "bf16", "auto"):
        preflight.check(config.load(tiny, [f"test.precision={precision}"]))
    with pytest.raises(ValueError, match=r"test\.precision=fp16 needs a GPU"):
        preflight.check(config.load(tiny, ["test.precision=fp16", "train.device=cpu"]))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    preflight.check(config.load(tiny, ["test.precision=auto"]))
