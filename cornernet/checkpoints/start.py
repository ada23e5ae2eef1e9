"""What a training takes from a file of weights: tensors by name and shape, rows of classes by the classes' names."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from cornernet import detectors
from cornernet.backbones import Backbone
from cornernet.checkpoints import checkpoint, foreign, load
from cornernet.checkpoints.foreign import Weights
from cornernet.checkpoints.taken import Taken, listed, parts
from cornernet.config import Config
from cornernet.detectors import Detector
from cornernet.system.wording import counted

Rows = tuple[list[int], list[int]]  # places in a tensor of ours, and of the file's that go there


def take(detector: Detector, settings: Config, class_names: Sequence[str], path: str | Path) -> Taken:
    """Put what fits of a file's weights into a detector, built from the settings for these classes -> what that was.

    What the losses learnt stays the detector's own. Raises ValueError where neither half of the tensors fit nor half
    of the backbone's, for weights that are not finite, and as `foreign.read` does.
    """
    weights = foreign.read(path)
    own = {name: x for name, x in detector.state_dict().items() if not name.startswith("loss.")}
    given = _by_our_names(detector, own, weights.tensors)
    rows = _rows(detector, settings, class_names, weights, given)
    whole = {name: x for name, x in given.items() if name not in rows and _fits(x, own[name])}
    rows = {name: pair for name, pair in rows.items() if pair[0]}
    _check_share(detector, settings, own, given, [*whole, *rows], weights, path)
    if broken := checkpoint.not_finite({name: given[name] for name in [*whole, *rows]}):
        raise ValueError(
            f"{path} holds weights that are not finite: {counted(len(broken), 'tensor')} (first: {broken[0]})"
        )
    for name in [*whole, *rows]:
        ours, theirs = rows.get(name, (slice(None), slice(None)))
        _put(own[name], given[name], ours, theirs)
    return _taken(detector, own, whole, rows, class_names, weights)


def _put(into: Tensor, given: Tensor, ours: list[int] | slice, theirs: list[int] | slice) -> None:
    with torch.no_grad():
        if into.dim():
            into[ours] = given[theirs].to(into.device, into.dtype)
        else:
            into.copy_(given)


def _by_our_names(detector: Detector, own: dict[str, Tensor], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The file's tensors by the detector's names, wherever the network, or its backbone alone, lies in the file."""
    found: dict[str, Tensor] = {}
    for place in (_backbone(detector), "network."):
        wanted = foreign.below(own, place)
        there = foreign.below(tensors, foreign.start(tensors, wanted))
        found |= {place + name: there[name] for name in wanted if name in there}
    return found


def _backbone(detector: Detector) -> str:
    """Where the backbone without its neck lies: `network.backbone.body.`, or the network where there is none."""
    names = [name for name, module in detector.named_modules() if isinstance(module, Backbone)]
    return f"{max(names, key=len, default='network')}."


def _fits(given: Tensor, own: Tensor) -> bool:
    return given.shape == own.shape and checkpoint.same_kind(given, own)


def _rows(
    detector: Detector, settings: Config, class_names: Sequence[str], weights: Weights, given: dict[str, Tensor]
) -> dict[str, Rows]:
    """Which rows go where, of every tensor that depends on the classes; {} where the file's classes are the same."""
    if _same(detector, class_names, weights, given):
        return {}
    theirs, ours, count = weights.class_names or [], detector.class_rows(), len(class_names)
    other = _without_numbers(settings, len(theirs) or count + 1)
    larger = other if len(theirs) != count else _without_numbers(settings, count + 1)
    found: dict[str, Rows] = {name: ([], []) for name in (*_growing(detector, larger), *ours)}
    shapes, layout = other.state_dict(), other.class_rows()
    for name, classes in ours.items() if theirs else ():
        if name in given and _fits(given[name], shapes[name]):
            found[name] = _paired(_keys(classes, class_names), _keys(layout[name], theirs))
    return found


def _same(detector: Detector, class_names: Sequence[str], weights: Weights, given: dict[str, Tensor]) -> bool:
    """Whether the file has the same classes; of one that does not name them, whether it has as many."""
    if weights.class_names is not None:
        return list(class_names) == weights.class_names
    own = detector.state_dict()
    return all(name in given and _fits(given[name], own[name]) for name in detector.class_rows())


def _growing(detector: Detector, larger: Detector) -> list[str]:
    """Tensors that have another shape in the same detector for another number of classes."""
    own = detector.state_dict()
    return [name for name, x in larger.state_dict().items() if x.shape != own[name].shape]


def _without_numbers(settings: Config, count: int) -> Detector:
    """The detector of the settings for so many classes, on torch's meta device."""
    with torch.device("meta"):
        return detectors.build(load.without_weights(settings), count, with_loss=False)


def _keys(classes: Iterable[int], names: Sequence[str]) -> list[tuple[str | None, int]]:
    """The class of every row -> its name and which of the class's rows it is."""
    seen: Counter[int] = Counter()
    found = []
    for one in classes:
        found.append((names[one] if one >= 0 else None, seen[one]))
        seen[one] += 1
    return found


def _paired(ours: list[tuple[str | None, int]], theirs: list[tuple[str | None, int]]) -> Rows:
    places = {key: place for place, key in enumerate(theirs)}
    both = [(place, places[key]) for place, key in enumerate(ours) if key in places]
    return [place for place, _ in both], [place for _, place in both]


def _check_share(
    detector: Detector, settings: Config, own: dict[str, Tensor], given: dict[str, Tensor], fitting: list[str],
    weights: Weights, path: str | Path,
) -> None:  # fmt: skip
    """Raise ValueError where neither half of the tensors fit nor half of the backbone's."""
    place, left = _backbone(detector), [name for name in own if name not in fitting]
    backbone = [name for name in own if name.startswith(place)]
    lost = sum(name.startswith(place) for name in left)
    if 2 * len(fitting) >= len(own) or 2 * lost <= len(backbone):
        return
    shapes = [f"{name} {list(given[name].shape)} -> {list(own[name].shape)}" for name in left if name in given]
    missing = parts([name for name in left if name not in given], own)
    found = {"of another shape or classes": shapes, "not in the file": missing}
    words = "; ".join(f"{what}: {listed(names)}" for what, names in found.items() if names)
    error = (
        f"{path} holds another model than the config describes: {len(fitting)} of {counted(len(own), 'tensor')} "
        f"fit, and half of them, or of the backbone's, must; {words}"
    )
    with load.told_apart(weights.held, settings):
        raise ValueError(error)


def _taken(
    detector: Detector, own: dict[str, Tensor], whole: dict[str, Tensor], rows: dict[str, Rows],
    class_names: Sequence[str], weights: Weights,
) -> Taken:  # fmt: skip
    layout = detector.class_rows()
    full = [name for name, (ours, _) in rows.items() if len(ours) == len(own[name])]
    places = {layout[name][place] for name, (ours, _) in rows.items() for place in ours}
    same = not rows and any(name in whole for name in layout)
    fresh = [name for name in own if name not in whole and name not in rows]
    known = [name for place, name in enumerate(class_names) if place in places and not same]
    new = [name for place, name in enumerate(class_names) if place not in places and not same]
    named = weights.class_names is not None
    return Taken(len(whole) + len(full), len(fresh), len(own), parts(fresh, own), same, named, known, new)
