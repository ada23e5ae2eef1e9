"""The precision in which networks compute: as asked, or the one that the hardware multiplies in."""

from contextlib import AbstractContextManager, nullcontext

import torch

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


def resolve_precision(precision: str, cpu: bool) -> str:
    """fp32, bf16 or fp16 as asked; auto becomes bf16 where the hardware multiplies in it, and fp32 elsewhere."""
    if precision != "auto":
        return precision
    if not cpu:
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    features: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # an older torch cannot tell
    return "bf16" if any(features.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16")) else "fp32"


def check_predicting(precision: str, cpu: bool) -> None:
    """Raise ValueError for fp16 without a GPU."""
    if precision == "fp16" and cpu:
        raise ValueError("test.precision=fp16 needs a GPU; auto, bf16 and fp32 run on a CPU")


def predicting(precision: str, device: torch.device) -> AbstractContextManager:
    """Context in which a network predicts in a precision; raises ValueError for fp16 without a GPU."""
    cpu = device.type == "cpu"
    check_predicting(precision, cpu)
    resolved = resolve_precision(precision, cpu)
    return torch.autocast(device.type, HALF[resolved]) if resolved in HALF else nullcontext()
