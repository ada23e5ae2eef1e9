"""Depthwise convolutions whose gradients a CPU computes fast.

The library beneath PyTorch's convolutions (oneDNN) has fast code for depthwise ones, but for two gradients: that of a
filter of more than three columns, and in bf16 that of the features where there is a stride. There it walks plain loops
that take 10 to 40 times as long as the convolution itself. So a wide filter gets its gradient three columns at a time,
which is the same sum, and features behind a stride get theirs in float32.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

COLUMNS = 3  # of a filter whose gradient is fast


def depthwise(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """Convolve each channel by itself: [B, D, H, W], [D, 1, K, L], [D] -> [B, D, H', W'], as `F.conv2d` does.

    Under autocast in its precision. Where `pays` says so, gradients cannot be differentiated again, nor by torch.func.
    """
    if not pays(x, weight, stride):
        return F.conv2d(x, weight, bias, stride, padding, 1, len(weight))
    if torch.is_autocast_enabled("cpu") and x.dtype != torch.double:
        half = torch.get_autocast_dtype("cpu")
        x, weight = x.to(half), weight.to(half)
    with torch.autocast("cpu", enabled=False):
        y = _Depthwise.apply(x, weight, stride, padding)
        return y if bias is None else y + bias.view(-1, 1, 1).to(y.dtype)


def pays(x: Tensor, weight: Tensor, stride: int) -> bool:
    """Whether gradients are wanted on a CPU of which one is slow: of a wide filter, or, with a stride, in bf16."""
    if x.device.type != "cpu" or not torch.is_grad_enabled() or not (x.requires_grad or weight.requires_grad):
        return False
    half = x.dtype == torch.bfloat16 or torch.is_autocast_enabled("cpu")
    return half if stride > 1 else weight.shape[-1] > COLUMNS


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight, None, stride, padding, 1, len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        stride, padding = ctx.stride, ctx.padding
        of_x = of_weight = None
        if ctx.needs_input_grad[0]:
            dtype = torch.float32 if stride > 1 and x.dtype == torch.bfloat16 else x.dtype
            shaped = torch.empty_like(x, dtype=dtype)  # for this gradient only the shape of the features counts
            given = gradient.to(dtype), shaped, weight.to(dtype), stride, (padding, padding)
            of_x = _backward(*given, (True, False))[0].to(x.dtype)
        if ctx.needs_input_grad[1]:
            of_weight = _by_columns(gradient, x, weight, stride, padding)
        return of_x, of_weight, None, None


def _by_columns(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Gradient of the filter, of two or three columns at a time, each from the features that these columns meet."""
    ways, columns = stride * (gradient.shape[-1] - 1), weight.shape[-1]
    padded = F.pad(x, (padding, ways + columns - x.shape[-1] - padding))
    parts, first = [], 0
    for part in torch.tensor_split(weight, -(-columns // COLUMNS), -1):
        met = padded[..., first : first + ways + part.shape[-1]]
        parts.append(_backward(gradient, met, part.contiguous(), stride, (padding, 0), (False, True))[1])
        first += part.shape[-1]
    return torch.cat(parts, -1)


def _backward(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: tuple[int, int], wanted: tuple[bool, bool]
) -> tuple[Tensor, Tensor]:
    """Gradients of the features and of the filter, as far as they are wanted."""
    strides, dilation, ends = (stride, stride), (1, 1), (0, 0)
    return torch.ops.aten.convolution_backward(
        gradient, x, weight, None, strides, padding, dilation, False, ends, len(weight), (*wanted, False)
    )[:2]
