"""A set whose one part is trained on and whose other is held out for validation, and the file that says which."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from cornernet.config import Data
from cornernet.data.annotations import AnnotatedSet, chosen
from cornernet.data.source import Division
from cornernet.data.splitting import group_names, held_out
from cornernet.system import writing
from cornernet.system.wording import counted

log = logging.getLogger(__name__)
FILE = "split.json"  # in the folder of a run
LONGEST = 2**28  # bytes of such a file


def divided(source: AnnotatedSet, data: Data, run: Path | None = None, quiet: bool = False) -> dict[str, AnnotatedSet]:
    """Set and section data with val.split -> its parts, "train" and "val".

    run: folder of a run, whose split.json holds if it is there: images that are new since join the training. What has
    changed since the run is logged unless quiet. Raises ValueError where there is nothing to hold out, or to train on.
    """
    parts = _recorded(source, data, run, quiet) or _made(source, data, quiet)
    if not parts.val or not parts.train:
        by = f", which data.split_by={data.split_by} keeps together," if data.split_by else ""
        raise ValueError(
            f"{source.origin}: data.val.split={data.val.split:g} holds out {len(parts.val)} of "
            f"{counted(len(source), 'image')}{by} where some must be held out, and some of each class "
            "be left to train on"
        )
    held = set(parts.val)
    rows: dict[str, list[int]] = {"train": [], "val": []}
    for i, image in enumerate(source.records):
        rows["val" if image.file_name in held else "train"].append(i)
    note = ("held out", f"{len(rows['val'])} of {counted(len(source), 'image')} by data.val.split={data.val.split:g}")
    return {name: replace(chosen(source, at), division=parts, notes=(*source.notes, note)) for name, at in rows.items()}


def write_division(run: Path, parts: Division) -> None:
    """Write split.json into the folder of a run, for people and for `divided`."""
    writing.write(run / FILE, json.dumps(parts._asdict(), indent=1) + "\n")


def read_division(path: Path) -> Division | None:
    """File of a run -> Division, None where there is no file; raises ValueError naming one that is something else."""
    if not path.is_file():
        return None
    try:
        held = json.loads(path.read_bytes()[: LONGEST + 1])
        parts = Division(held["train"], held["val"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(f"{path} is not what a run has written; without it the split is made anew") from None
    if not all(isinstance(part, list) and all(isinstance(name, str) for name in part) for part in parts):
        raise ValueError(f"{path} must hold the lists of file names train and val; without it the split is made anew")
    return parts


def _made(source: AnnotatedSet, data: Data, quiet: bool) -> Division:
    """The split as it follows from file names and classes; a file listed twice counts once, with all its objects."""
    names = [image.file_name for image in source.records]
    unique = {name: at for at, name in enumerate(dict.fromkeys(names))}
    o = source.objects
    kept = ~o.iscrowd
    image = np.repeat(np.array([unique[name] for name in names], np.int64), np.diff(o.start))[kept]
    held = held_out(group_names(list(unique), data.split_by), image, o.labels[kept], data.val.split)
    parts = Division(
        [name for name, at in unique.items() if not held[at]], [name for name, at in unique.items() if held[at]]
    )
    if data.val.digest not in ("", parts.digest) and not quiet:
        log.warning(
            "%s: the images, or how they are split, have changed since the run, and some of those held out now may "
            "have been trained on; with the %s of the run beside the checkpoint the same ones are", source.origin, FILE,
        )  # fmt: skip
    return parts


def _recorded(source: AnnotatedSet, data: Data, run: Path | None, quiet: bool) -> Division | None:
    """The split that a file says, of the images that are there; None where it is of another run."""
    before = read_division(run / FILE) if run else None
    if before is None or data.val.digest not in ("", before.digest):
        return None
    held, names = set(before.val), dict.fromkeys(image.file_name for image in source.records)
    new, gone = len(names.keys() - held - set(before.train)), len(held - names.keys())
    if (new or gone) and not quiet:
        log.warning(
            "%s: the images have changed since %s was written: %d are new and not held out, %d of those held out are "
            "gone", source.origin, FILE, new, gone,
        )  # fmt: skip
    return Division([name for name in names if name not in held], [name for name in names if name in held])
