"""What a training sees: its first pictures as the augmentation leaves them, with what they are to teach the network."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from cornernet import config, detectors
from cornernet.config import Config
from cornernet.data.loader import train_loader
from cornernet.data.sources import build_source
from cornernet.data.sources.source import Source
from cornernet.data.transforms.photometric import photometric
from cornernet.drawing import visualize
from cornernet.prediction import outputs
from cornernet.prediction.media import write_picture
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
    sheet, objects, cut = [], 0, 0
    for old in folder.glob("[0-9][0-9][0-9]*_*.png"):
        old.unlink()
    for number, batch in enumerate(train_loader(settings.data, source, 1, seed=settings.seed, steps=count)):
        (panel,) = draw(detector, batch, source)
        name = Path(source.record(int(batch.index)).file_name).stem
        write_picture(folder / f"{number:03d}_{name}.png", panel)
        sheet += [panel] if number < SHEET else []
        objects, cut = objects + int(batch.mask.sum()), cut + int(batch.dropped.sum())
    write_picture(folder / "targets.png", visualize.grid(sheet, columns=1))
    text = f"{count} pictures with {objects} objects written to {folder}"
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
    chosen, overrides = outputs.split(overrides)
    own = [text for text in overrides if text.startswith("images=")]
    count = own[-1].partition("=")[2] if own else "12"
    if not count.isdecimal() or int(count) < 1:
        raise ValueError(f"images must be a whole number of at least 1, got {count!r}")
    folder = outputs.checked(Path(chosen or f"runs/show-{Path(path).stem}"))
    return config.load(path, [text for text in overrides if text not in own]), int(count), folder
