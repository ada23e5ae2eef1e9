"""From the data section of the config to the two sources of a run."""

from pathlib import Path

from cornernet import registry
from cornernet.config import Config, Data, untyped
from cornernet.data.annotations import AnnotatedSet, Asked, first, require, with_classes
from cornernet.data.opening import holds, opened
from cornernet.data.source import Source
from cornernet.data.sources import DRAWN, FILES, FORMATS


def typed_data(settings: Config) -> bool:
    """Whether the user typed what leads to code of their own, by a dotted path in data.name or data.format."""
    return not untyped(settings, "data.name", "data.format")


def build_sources(data: Data, typed: bool = False) -> tuple[Source, Source]:
    """Data section -> (training source, validation source with the training classes).

    typed: data.name and data.format may be dotted paths, as `typed_data` says of a config. Raises FileNotFoundError
    listing every missing file of both splits, and ValueError for bad records (data.on_error=stop), for a training set
    without a box and for classes that do not match.
    """
    if data.name == FILES:
        asked = [_asked(data, split, typed) for split in ("train", "val")]
        require([each.path for each in asked], [each.images for each in asked if each.images])
    train = build_source(data, "train", typed=typed)
    require_boxes(train)
    return train, build_source(data, "val", train.category_ids, train.class_names, typed=typed)


def build_source(
    data: Data,
    split: str,
    category_ids: list[int] | None = None,
    class_names: list[str] | None = None,
    quiet: bool = False,
    typed: bool = False,
) -> Source:
    """Data section, "train" or "val", and the classes its labels shall refer to (None: its own) -> Source.

    What is odd about its records is logged unless quiet; typed as in `build_sources`.
    """
    if split not in ("train", "val"):
        raise ValueError(f"split must be train or val, got {split!r}")
    source = _files(data, split, quiet, typed) if data.name == FILES else _drawn(data, split, typed)
    if category_ids is None:
        return source
    if isinstance(source, AnnotatedSet):
        return with_classes(source, category_ids, class_names or [])
    if list(category_ids) != source.category_ids:
        raise ValueError(f"the {data.name} have the classes {source.class_names}, not {class_names}")
    return source


def require_boxes(source: Source) -> None:
    """Raise ValueError for a set without a single box to train on, or with a label that has no class."""
    if source.objects is None:
        return
    labels, classes = source.objects.labels[~source.objects.iscrowd], len(source.category_ids)
    if not len(labels):
        raise ValueError(f"{source.origin} has {len(source)} images, but no box to train on other than crowds")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"{source.origin}: labels from {labels.min()} to {labels.max()} for {classes} classes")


def _drawn(data: Data, split: str, typed: bool) -> Source:
    members = {FILES: FORMATS[FILES], **DRAWN}
    return registry.find("data set", data.name, members, "cornernet.data.sources", typed).build(data, split)


def _files(data: Data, split: str, quiet: bool, typed: bool) -> AnnotatedSet:
    source = opened(_asked(data, split, typed), data.on_error, quiet, data.format, typed)
    return first(source, getattr(data, split).limit)


def _asked(data: Data, split: str, typed: bool) -> Asked:
    """What the data section says of a split; of validation without a word of its own, what training's path holds."""
    root = Path(data.root).expanduser()
    part = getattr(data, split)
    named = part.annotations
    if not named and split == "val" and data.train.annotations:
        shared = root / Path(data.train.annotations).expanduser()
        named = data.train.annotations if shared.exists() and holds(shared, "val", data.format, typed) else ""
    if not named:
        hint = " (without a validation set of your own, name the training set there)" if split == "val" else ""
        raise ValueError(f"data.{split}.annotations is not set: give the path of annotations, a file or folder{hint}")
    folders = [root / Path(x.images).expanduser() if x.images else None for x in (part, data.train)]
    near = tuple(folder for folder in (*folders[1:], root) if folder)
    return Asked(root / Path(named).expanduser(), split, folders[0], near, data.voc_offset)
