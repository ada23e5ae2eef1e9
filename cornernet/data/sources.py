"""From the data section of the config to the two sources of a run."""

from pathlib import Path

import numpy as np

from cornernet.config import Data, Split
from cornernet.data.coco import CocoSet, read, with_classes
from cornernet.data.coco_file import require
from cornernet.data.shapes import ShapesSet
from cornernet.data.source import Source


def sources(data: Data) -> tuple[Source, Source]:
    """Data section -> (training source, validation source with the training classes).

    Raises FileNotFoundError listing every missing file of both splits, and ValueError for bad records
    (data.on_error=stop), for a training set without a box and for classes that do not match.
    """
    if data.name == "coco":
        paths = [_paths(data, split) for split in ("train", "val")]
        require([annotations for annotations, _ in paths], [images for _, images in paths])
    train = build_source(data, "train")
    require_boxes(train)
    return train, build_source(data, "val", train.category_ids, train.class_names)


def build_source(
    data: Data, split: str, category_ids: list[int] | None = None, class_names: list[str] | None = None
) -> Source:
    """Data section, "train" or "val", and the classes its labels shall refer to (None: its own) -> Source."""
    if split not in ("train", "val"):
        raise ValueError(f"split must be train or val, got {split!r}")
    source = _shapes(data, split) if data.name == "shapes" else _coco(data, split)
    if category_ids is None:
        return source
    if isinstance(source, CocoSet):
        return with_classes(source, category_ids, class_names)
    if list(category_ids) != source.category_ids:
        raise ValueError(f"the shapes have the classes {source.class_names}, not {class_names}")
    return source


def require_boxes(source: Source) -> None:
    """Raise ValueError for a training source without a single box, or with a label that has no class."""
    labels = [source.labels(i) for i in range(len(source))] if isinstance(source, CocoSet) else [source.labels(0)]
    labels = np.concatenate(labels)
    if not len(labels):
        raise ValueError(
            f"{source.annotations} has no box to train on: it lists {len(source)} pictures, but no annotation other than crowds"
        )
    if labels.min() < 0 or labels.max() >= len(source.category_ids):
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}, expected 0 to {len(source.category_ids) - 1}")


def _shapes(data: Data, split: str) -> ShapesSet:
    shapes = data.shapes
    length = shapes.train_images if split == "train" else shapes.val_images
    return ShapesSet(split, length, shapes.size, shapes.max_objects, shapes.seed)


def _coco(data: Data, split: str) -> CocoSet:
    annotations, images = _paths(data, split)
    return read(annotations, images, data.on_error)


def _paths(data: Data, split: str) -> tuple[Path, Path]:
    """(annotation file, folder of the pictures) of a split."""
    part: Split = getattr(data, split)
    if not part.annotations:
        extra = "; a run without validation pictures of its own can name the training set there" if split == "val" else ""
        raise ValueError(f"data.{split}.annotations is not set: give the path of a COCO json{extra}")
    root = Path(data.root).expanduser()
    return root / Path(part.annotations).expanduser(), root / Path(part.images).expanduser()
