"""The detectors by name. A new detector is a folder with a `build` and one line here."""

from torch import nn

from cornernet.config import Config
from cornernet.detectors.anchor.detector import build as build_anchor
from cornernet.detectors.corner.detector import build as build_corner

DETECTORS = {"corner": build_corner, "anchor": build_anchor}


def build(config: Config, num_classes: int, with_loss: bool = True) -> nn.Module:
    """Config and number of classes -> detector with random weights, its convolutional part at `.network`.

    That part has `segments()`, the modules that gradient checkpointing computes twice. Every detector offers
    `detector(batch)` -> dict of named loss terms with their weighted `total`, `predict(images)` -> Detections in input
    pixels, `fit_size(height, width)` -> the input that holds a picture, `cell_size()` -> side of its finest cells in
    input pixels, `describe()` -> what the log says of its loss, `draw_targets(batch, pictures)` -> what a batch is to
    teach it, `graph_overrides()` -> what of the config has to change before `predict` can be traced, and for a
    diagnosis `parts`, `reasons` and `oracle(image, boxes, labels, frame)` -> its output beside the truth, see
    `detectors.oracle`.
    with_loss: without, it predicts alone, and nothing that the config names under `loss` is looked up. With it, a loss
    by dotted path is looked up only where the user typed its name, see `config.untyped`. Raises ValueError, one
    sentence, for settings that do not go together and for a name that nobody typed.
    """
    if config.model.detector not in DETECTORS:
        raise ValueError(f"model.detector {config.model.detector!r} is unknown; there are: {', '.join(DETECTORS)}")
    return DETECTORS[config.model.detector](config, num_classes, with_loss)
