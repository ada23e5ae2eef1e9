"""From the data section of the config to the two sources of a run."""

from dataclasses import replace
from pathlib import Path

from cornernet import registry
from cornernet.config import Config, Data, untyped
from cornernet.data.annotations import AnnotatedSet, Asked, first, require, with_classes
from cornernet.data.annotations.locating import test_part
from cornernet.data.division import divided
from cornernet.data.opening import holds, opened
from cornernet.data.searching import divided_for_search
from cornernet.data.source import Source
from cornernet.data.sources import DRAWN, FILES, FORMATS
from cornernet.data.values import decided, with_depth
from cornernet.system.wording import counted


def typed_data(settings: Config) -> bool:
    """Whether the user typed what leads to code of their own, by a dotted path in data.name or data.format."""
    return not untyped(settings, "data.name", "data.format")


def build_sources(data: Data, typed: bool = False, run: Path | None = None) -> tuple[Source, Source]:
    """Data section -> (training source, validation source with the training classes).

    typed: data.name and data.format may be dotted paths, as `typed_data` says of a config. run: folder of a run that
    goes on, whose split holds, see `division.divided`; for any other data.bit_depth=auto is decided here, see
    `values.decided`. Raises FileNotFoundError listing every missing file of both splits,
    and ValueError for bad records (data.on_error=stop), for a training set without a box and for classes that do not
    match.
    """
    check_split(data)
    if data.val.search:
        whole = build_source(_unsearched(data), "train", typed=typed, run=run)
        whole = whole if run else with_depth(whole, data.bit_depth)
        parts = divided_for_search(whole, data.val.search, data.split_by)
        require_boxes(parts["train"])
        return parts["train"], parts["val"]
    if data.name == FILES:
        asked = [_asked(data, split, typed) for split in ("train", "val")[: 1 if data.val.split else 2]]
        require(list(dict.fromkeys(each.path for each in asked)), [each.images for each in asked if each.images])
    if data.val.split:
        files = _parts(data, False, typed, run)
        require_boxes(files["train"])
        depth = data.bit_depth if run else decided(files["train"], data.bit_depth)
        return replace(files["train"], bit_depth=depth), replace(files["val"], bit_depth=depth)
    train = build_source(data, "train", typed=typed)
    require_boxes(train)
    train = train if run else with_depth(train, data.bit_depth)
    data = replace(data, bit_depth=getattr(train, "bit_depth", data.bit_depth))
    return train, build_source(data, "val", train.category_ids, train.class_names, typed=typed)


def build_source(
    data: Data,
    split: str,
    category_ids: list[int] | None = None,
    class_names: list[str] | None = None,
    quiet: bool = False,
    typed: bool = False,
    run: Path | None = None,
) -> Source:
    """Data section, "train" or "val", and the classes its labels shall refer to (None: its own) -> Source.

    What is odd about its records is logged unless quiet; typed and run as in `build_sources`.
    """
    if split not in ("train", "val"):
        raise ValueError(f"split must be train or val, got {split!r}")
    check_split(data)
    if data.val.search:
        whole = build_source(_unsearched(data), "train", category_ids, class_names, quiet, typed, run)
        return divided_for_search(whole, data.val.search, data.split_by)[split]
    source = _files(data, split, quiet, typed, run) if data.name == FILES else _drawn(data, split, typed)
    if category_ids is None:
        return source
    if isinstance(source, AnnotatedSet):
        return with_classes(source, category_ids, class_names or [])
    if list(category_ids) != source.category_ids:
        raise ValueError(f"the {data.name} have the classes {source.class_names}, not {class_names}")
    return source


def check_split(data: Data) -> None:
    """Raise ValueError for settings of data.val.split that do not go together, before anything is read."""
    share, named = data.val.split, [key for key in ("annotations", "images") if getattr(data.val, key)]
    if not 0 <= share < 1:
        raise ValueError(f"data.val.split must be at least 0 and below 1, got {share}")
    if share and data.name != FILES:
        raise ValueError(f"data.val.split={share:g} is for sets of files; the {data.name} have a validation set")
    if share and named:
        raise ValueError(
            f"data.val.split={share:g} holds out training images and data.val.{named[0]} names others; "
            "give one of them, or data.val.split=0"
        )
    if data.val.search is not None and not 0 < data.val.search < 1:
        raise ValueError(f"data.val.search must be above 0 and below 1, or null, got {data.val.search:g}")
    if data.split_by and not share and not data.val.search:
        raise ValueError("data.split_by says what data.val.split keeps together, and that is 0")


def _unsearched(data: Data) -> Data:
    return replace(data, val=replace(data.val, search=None), split_by=data.split_by if data.val.split else "")


def require_boxes(source: Source) -> None:
    """Raise ValueError for a set without a single box to train on, or with a label that has no class."""
    if source.objects is None:
        return
    labels, classes = source.objects.labels[~source.objects.iscrowd], len(source.category_ids)
    if not len(labels):
        crowds = f" other than {counted(len(source.objects.labels), 'crowd')}" if len(source.objects.labels) else ""
        why = f"; left out: {reasons}" if (reasons := source.problems.reasons()) else ""
        raise ValueError(f"{source.origin} has {counted(len(source), 'image')}, but no box to train on{crowds}{why}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"{source.origin}: labels from {labels.min()} to {labels.max()} for {counted(classes, 'class')}"
        )


def _drawn(data: Data, split: str, typed: bool) -> Source:
    members = {FILES: FORMATS[FILES], **DRAWN}
    return registry.find("data set", data.name, members, "cornernet.data.sources", typed).build(data, split)


def _files(data: Data, split: str, quiet: bool, typed: bool, run: Path | None) -> AnnotatedSet:
    if data.val.split:
        return _parts(data, quiet, typed, run)[split]
    source = opened(_asked(data, split, typed), data.on_error, quiet, data.format, typed, data.cache)
    return replace(first(source, getattr(data, split).limit), bit_depth=data.bit_depth)


def _parts(data: Data, quiet: bool, typed: bool, run: Path | None) -> dict[str, AnnotatedSet]:
    """The parts of a set that data.val.split divides."""
    asked = _asked(data, "train", typed)
    if asked.path.exists() and holds(asked.path, "val", data.format, typed):
        raise ValueError(f"{asked.path} holds a validation set, and data.val.split={data.val.split:g} is for others")
    parts = divided(opened(asked, data.on_error, quiet, data.format, typed, data.cache), data, run, quiet)
    limited = {split: first(part, getattr(data, split).limit) for split, part in parts.items()}
    return {split: replace(part, bit_depth=data.bit_depth) for split, part in limited.items()}


def _asked(data: Data, split: str, typed: bool) -> Asked:
    """What the data section says of a split; of validation without a word of its own, what training's path holds."""
    root = Path(data.root).expanduser()
    part = getattr(data, split)
    named = part.annotations or data.train.annotations
    if not named:
        raise ValueError(f"data.{split}.annotations is not set: give the path of annotations, a file or folder")
    path = root / Path(named).expanduser()
    if not part.annotations and path.exists() and not holds(path, "val", data.format, typed):
        raise ValueError(
            f"there is no validation set: {path} holds none and data.val.annotations is not set; "
            f"data.val.split=0.2 holds out a fifth of the training images{_test_set(path)}"
        )
    folders = [root / Path(x.images).expanduser() if x.images else None for x in (part, data.train)]
    near = tuple(folder for folder in (*folders[1:], root) if folder)
    return Asked(path, split, folders[0], near, data.voc_offset)


def _test_set(path: Path) -> str:
    """Hint to a test set beside a training set: nobody's choice of weights shall be made on it without a word."""
    found = test_part(path)
    return f", and data.val.annotations={found} would take that test set for one" if found else ""
