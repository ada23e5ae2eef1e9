"""What a training sees: its first images as the transforms leave them, with what they are to teach the network."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cornernet import config, detectors, drawing
from cornernet.data import Source, build_source, prepare, train_loader, typed_data, with_depth
from cornernet.detectors import Detector
from cornernet.prediction import outputs, write_image
from cornernet.structures import Batch
from cornernet.system.wording import counted

IMAGES, SHEET = 12, 6  # drawn unless the call says how many, and on the sheet
LARGEST = 1024  # pixels, longest side of an image beside its targets


class Shown(NamedTuple):
    """What was drawn."""

    folder: Path
    objects: int
    cut: int  # objects beyond data.max_objects, which a training would not see
    max_objects: int


def show(path: str | Path, overrides: Sequence[str] = (), count: int = IMAGES, out: Path | None = None) -> Shown:
    """Write an image for each of the first samples of a config's run, in the order in which it would see them, and
    targets.png with the first six of them, into out or runs/show-<config>.

    Raises ValueError or FileNotFoundError as a training of this config would.
    """
    folder = outputs.checked(out or Path(f"runs/show-{Path(path).stem}"))
    settings = config.load(path, overrides)
    source = with_depth(build_source(settings.data, "train", typed=typed_data(settings)), settings.data.bit_depth)
    detector = detectors.build(settings, len(source.class_names))
    sheet, objects, cut = [], 0, 0
    for old in folder.glob("[0-9][0-9][0-9]*_*.png"):
        old.unlink()
    typed = not config.untyped(settings, "data.transforms")
    style = drawing.Style(settings.test.draw_line, settings.test.draw_labels)
    whole = max(count, settings.train.steps * settings.train.batch_size)  # of its images
    batches = train_loader(settings.data, source, 1, 1, settings.seed, 0, count, typed=typed, whole=whole)
    for number, batch in enumerate(batches):
        (panel,) = draw(detector, batch, source, style)
        name = Path(source.record(int(batch.index)).file_name).stem
        write_image(folder / f"{number:03d}_{name}.png", panel)
        sheet += [panel] if number < SHEET else []
        objects, cut = objects + int(batch.mask.sum()), cut + int(batch.dropped.sum())
    write_image(folder / "targets.png", drawing.grid(sheet, columns=1, longest_side=SHEET * LARGEST))
    return Shown(folder, objects, cut, settings.data.max_objects)


def draw(detector: Detector, batch: Batch, source: Source, style: drawing.Style = drawing.STYLE) -> list[np.ndarray]:
    """Training batch and its source -> an image of each sample, BGR: the objects, and beside them their targets."""
    plain, boxes = [], []
    for pixels, found, mask in zip(seen(batch), batch.boxes, batch.mask, strict=True):
        larger, zoom = drawing.legible(pixels, LARGEST)
        plain.append(larger)
        boxes.append(found[mask].numpy() * zoom)
    panels = []
    for row, columns in enumerate(detector.draw_targets(batch, plain)):
        labels, record = batch.labels[row][batch.mask[row]], source.record(int(batch.index[row]))
        truth = drawing.draw(plain[row], boxes[row], labels, None, source.class_names, style=style)
        title = f"{record.file_name}: {counted(len(labels), 'object')}"
        named = [drawing.captioned(image, text) for text, image in [(title, truth), *columns]]
        panels.append(drawing.grid(named, columns=len(named)))
    return panels


def seen(batch: Batch) -> list[np.ndarray]:
    """Images [H, W, 3] uint8 BGR as the transforms on the device leave them."""
    images = prepare(batch, (0.0,) * 3, (1.0,) * 3)
    pixels = (images.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1)
    return [np.ascontiguousarray(image) for image in pixels.numpy()]
