"""From the data section of the config to the two sources of a run."""

from pathlib import Path

from cornernet.config import Data, Split
from cornernet.data.sources.coco import CocoSet, first, read, with_classes
from cornernet.data.sources.coco_file import require
from cornernet.data.sources.shapes import ShapesSet
from cornernet.data.sources.source import Source


def build_sources(data: Data) -> tuple[Source, Source]:
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
    data: Data,
    split: str,
    category_ids: list[int] | None = None,
    class_names: list[str] | None = None,
    quiet: bool = False,
) -> Source:
    """Data section, "train" or "val", and the classes its labels shall refer to (None: its own) -> Source.

    What is odd about its records is logged unless quiet.
    """
    if split not in ("train", "val"):
        raise ValueError(f"split must be train or val, got {split!r}")
    source = _shapes(data, split) if data.name == "shapes" else _coco(data, split, quiet)
    if category_ids is None:
        return source
    if isinstance(source, CocoSet):
        return with_classes(source, category_ids, class_names or [])
    if list(category_ids) != source.category_ids:
        raise ValueError(f"the shapes have the classes {source.class_names}, not {class_names}")
    return source


def require_boxes(source: Source) -> None:
    """Raise ValueError for a COCO set without a single box to train on, or with a label that has no class."""
    if not isinstance(source, CocoSet):
        return
    labels, classes = source.objects.labels[~source.objects.iscrowd], len(source.category_ids)
    if not len(labels):
        raise ValueError(f"{source.annotations} has {len(source)} images, but no box to train on other than crowds")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"{source.annotations}: labels from {labels.min()} to {labels.max()} for {classes} classes")


def _shapes(data: Data, split: str) -> ShapesSet:
    shapes = data.shapes
    length = shapes.train_images if split == "train" else shapes.val_images
    limit = getattr(data, split).limit
    length = length if limit is None else min(length, limit)
    return ShapesSet(split, length, shapes.size, shapes.max_objects, shapes.seed)


def _coco(data: Data, split: str, quiet: bool) -> CocoSet:
    annotations, images = _paths(data, split)
    return first(read(annotations, images, data.on_error, quiet), getattr(data, split).limit)


def _paths(data: Data, split: str) -> tuple[Path, Path]:
    """(annotation file, folder of the images) of a split."""
    part: Split = getattr(data, split)
    if not part.annotations:
        hint = " (without a validation set of your own, name the training set there)" if split == "val" else ""
        raise ValueError(f"data.{split}.annotations is not set: give the path of a COCO json{hint}")
    root = Path(data.root).expanduser()
    return root / Path(part.annotations).expanduser(), root / Path(part.images).expanduser()
