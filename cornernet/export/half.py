"""The weights of a detector's network as half-precision numbers, in a file of half the size.

What multiplies is halved, convolutions and linear layers, and with them the features that they give. Norms, whose
sums and variances half precision does not hold, and all that comes behind the network stay float32: each layer has
its input in the precision of its own weights.
"""

import copy

from torch import Tensor, nn

from cornernet.detectors import Detector

HALVED = (nn.modules.conv._ConvNd, nn.Linear)


def halved(detector: Detector) -> Detector:
    """A copy of a detector whose network multiplies in float16; images, boxes and scores are as they were."""
    made = copy.deepcopy(detector)
    for module in made.network.modules():
        if isinstance(module, HALVED):
            module.half()
        if next(module.parameters(recurse=False), None) is not None:
            module.register_forward_pre_hook(_in_own_precision)
    return made


def _in_own_precision(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    dtype = next(module.parameters(recurse=False)).dtype
    return tuple(x.to(dtype) for x in given)
