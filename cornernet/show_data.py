"""What a training sees: its first pictures as the augmentation leaves them, with what they are to teach the network."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from torch import Tensor, nn

from cornernet import config, detectors, visualize
from cornernet.config import Config
from cornernet.data.loader import train_loader
from cornernet.data.photometric import photometric
from cornernet.data.source import Source
from cornernet.data.sources import build_source
from cornernet.pictures import write_picture
from cornernet.structures import Batch

SHEET = 6  # pictures on the sheet


def show(path: str, overrides: Sequence[str] = ()) -> str:
    """Config, overrides, images=N and out=DIR -> what was written: a picture for each of the first N samples of the
    run, in the order in which it would see them, and targets.png with the first six of them.

    Raises ValueError or FileNotFoundError as a training of this config would.
    """
    settings, count, folder = _read(path, overrides)
    source = build_source(settings.data, "train")
    detector = detectors.build(settings, len(source.class_names))
    batch = next(iter(train_loader(settings.data, source, count, seed=settings.seed)))
    panels = draw(detector, batch, source)
    for number, (index, panel) in enumerate(zip(batch.index.tolist(), panels, strict=True)):
        write_picture(folder / f"{number:03d}_{Path(source.record(index).file_name).stem}.png", panel)
    write_picture(folder / "targets.png", visualize.grid(panels[:SHEET], columns=1))
    cut = int(batch.dropped.sum())
    text = f"{count} pictures with {int(batch.mask.sum())} objects written to {folder}"
    return text + (f"; data.max_objects={settings.data.max_objects} cuts {cut} more" if cut else "")


def draw(detector: nn.Module, batch: Batch, source: Source) -> list[np.ndarray]:
    """Training batch and its source -> a picture of each sample, BGR: the objects, and beside them their targets."""
    plain, boxes = [], []
    for picture, found, mask in zip(seen(batch), batch.boxes, batch.mask, strict=True):
        larger, places = visualize.enlarged(picture, found[mask].numpy())
        plain.append(larger)
        boxes.append(places)
    panels = []
    for row, columns in enumerate(detector.draw_targets(batch, plain)):
        labels, record = batch.labels[row][batch.mask[row]], source.record(int(batch.index[row]))
        truth = visualize.draw(plain[row], boxes[row], labels, None, source.class_names)
        title = f"{record.file_name}: {len(labels)} objects"
        named = [visualize.captioned(image, text) for text, image in [(title, truth), *columns]]
        panels.append(visualize.grid(named, columns=len(named)))
    return panels


def seen(batch: Batch) -> list[np.ndarray]:
    """Pictures [H, W, 3] uint8 BGR with the colours that the augmentation gives them on the device."""
    images: Tensor = photometric(batch.images.float() / 255, batch.colour_order, batch.colour_alpha, batch.colour_light)
    pixels = (images.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1)
    return [np.ascontiguousarray(picture) for picture in pixels.numpy()]


def _read(path: str, overrides: Sequence[str]) -> tuple[Config, int, Path]:
    """Config and overrides -> settings, number of pictures, folder."""
    own = {"images": 12, "out": f"runs/show-{Path(path).stem}"}
    rest = []
    for text in overrides:
        key, _, value = text.partition("=")
        if key in own:
            own[key] = yaml.safe_load(value) if key == "images" else value
        else:
            rest.append(text)
    if not isinstance(own["images"], int) or isinstance(own["images"], bool) or own["images"] < 1:
        raise ValueError(f"images must be a whole number of at least 1, got {own['images']!r}")
    return config.load(path, rest), own["images"], Path(own["out"])
