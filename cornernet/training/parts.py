"""Parts of a network by name: those that are frozen, and those that learn at another rate (docs/fine_tuning.md)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from torch import nn

from cornernet import registry
from cornernet.config import Train
from cornernet.config.ranges import POSITIVE, allow
from cornernet.detectors import Detector


def part(network: nn.Module, key: str, name: str) -> nn.Module:
    """Network, the key that names it, dotted name below the network -> the module of that name.

    Raises ValueError, one sentence with what there is, for a name that leads to none.
    """
    found, above = network, ""
    for word in name.split("."):
        inner = dict(found.named_children())
        if word not in inner:
            where = f"the network's {above}" if above else "the network"
            there = f"there are {', '.join(inner)}" if inner else "there is nothing"
            raise ValueError(f"{key}: {where} has no part {word!r}{registry.near(word, inner) or ','} {there}")
        found, above = inner[word], f"{above}.{word}".removeprefix(".")
    return found


def freeze(network: nn.Module, names: Sequence[str]) -> None:
    """Take the parameters of the named modules below a network out of the training, in place.

    Raises ValueError for a name that leads to no module, and where nothing of the network is left to be trained.
    """
    for name in names:
        part(network, "train.freeze", name).requires_grad_(False)
    if names and not any(p.requires_grad for p in network.parameters()):
        raise ValueError(f"train.freeze=[{', '.join(names)}] leaves nothing of the network to be trained")


def train_mode(detector: Detector, settings: Train) -> None:
    """Put a detector into training mode, but for what keeps its statistics: norms, if so asked, and frozen parts.

    Of a frozen part those modules stay in eval mode that hold no others, and norms: what holds others may choose by its
    mode what it gives, as hourglasses do with their stacks.
    """
    detector.train()
    frozen = (part(detector.network, "train.freeze", name) for name in settings.freeze)
    still = [x for module in frozen for x in module.modules() if _is_norm(x) or not any(x.children())]
    norms = filter(_is_norm, detector.modules()) if settings.freeze_norm else ()
    for module in (*still, *norms):
        module.eval()


def _is_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._BatchNorm)


def by_factor(module: nn.Module, factors: Mapping[str, float]) -> Iterator[tuple[float, list[nn.Parameter]]]:
    """Module, factors by name below its `network` -> each factor with the parameters that train at it.

    Parameters of factor 1 come first, the others in the alphabetical order of the names, so that an optimiser's memory
    is found again. The longest name that leads to a parameter counts. Raises ValueError for a name that leads to no
    module and for a factor that is not above 0.
    """
    network = getattr(module, "network", module)
    for name, factor in factors.items():
        part(network, "train.lr_factors", name)
        allow(f"train.lr_factors.{name}", factor, POSITIVE)
    own = dict(network.named_parameters())
    groups: dict[str, list[nn.Parameter]] = {name: [] for name in ("", *sorted(factors))}
    chosen = {id(parameter): _longest(name, factors) for name, parameter in own.items()}
    for parameter in module.parameters():
        if parameter.requires_grad:
            groups[chosen.get(id(parameter), "")].append(parameter)
    return ((factors.get(name, 1.0), parameters) for name, parameters in groups.items())


def _longest(name: str, prefixes: Iterable[str]) -> str:
    """The longest of the dotted prefixes that a name lies below, or ""."""
    return max((prefix for prefix in prefixes if name.startswith(f"{prefix}.")), key=len, default="")
