"""The region stages of the corner detector by name, `model.region.name`: what looks into boxes that corners propose.

A region stage is one file; it defines what it is named after, a class whose further parameters are its arguments,
`model.region.args`:

    class bar(nn.Module):
        def __init__(self, channels: int, num_classes: int, width: int = 64)

channels is the width of the backbone's map. Each stack has one of its own. It offers

    maps(features [B, channels, H, W]) -> tuple of maps [B, any, H, W], computed for the whole image; within the network
    forward(maps, boxes [B, N, 4] float32, cells) -> RegionLogits

It may offer `class_rows`, see `Detector.class_rows`, so that a run can start from the weights of other classes, and
`segments() -> list of modules` in `maps` that gradient checkpointing computes twice, each from one tensor to one.

Boxes have edges as coordinates: cell i covers [i, i + 1]. On a CPU their number N may differ from step to step.
Proposals, labels, the loss and the score are the detector's.
"""

from torch import nn

from cornernet import registry
from cornernet.arguments import bound
from cornernet.config import Config, untyped

KIND = "region stage"
REGIONS = registry.modules(__name__, __path__)


def build(config: Config, channels: int, num_classes: int, stacks: int) -> list[nn.Module]:
    """Config, width of the features, classes -> a region stage for every stack; none where the name is none.

    Raises ValueError, one sentence, for a name that is unknown or that nobody typed, for what is no such class, and for
    arguments that do not fit.
    """
    name, args = config.model.region.name, config.model.region.args
    if name == "none":
        return []
    typed, label = not untyped(config, "model.region"), f"{KIND} {name!r}"
    kind = registry.own_class(label, registry.find(KIND, name, REGIONS, __name__, typed), __name__)
    if not issubclass(kind, nn.Module):
        raise ValueError(f"{label} must derive from torch.nn.Module: see {__name__}")
    registry.offering(label, kind, ["maps"], __name__)
    given = {"channels": channels, "num_classes": num_classes}
    return [bound(label, kind, args, given) for _ in range(stacks)]  # type: ignore[misc]
