"""Training images that are held out for the trials of a search, so that the validation set has no say in them."""

from dataclasses import replace

import numpy as np

from cornernet.data.annotations import AnnotatedSet, chosen
from cornernet.data.drawn import DrawnSet, part
from cornernet.data.source import Source
from cornernet.data.splitting import group_names, held_out
from cornernet.system.wording import counted


def divided_for_search(source: Source, share: float, pattern: str) -> dict[str, Source]:
    """Training set, data.val.search and data.split_by -> its parts "train" and "val", the same whatever the seed.

    Of a set of files they follow from digests of the names, as data.val.split has them; of a drawn one the last images
    are held out. Raises ValueError where nothing is held out, or left to train on, and for a set of another kind.
    """
    if isinstance(source, DrawnSet):
        count = len(source) - round(len(source) * share)
        rows = np.arange(len(source)) >= count
        parts: dict[str, Source] = {"train": part(source, 0, count), "val": part(source, count, len(source) - count)}
    elif isinstance(source, AnnotatedSet):
        o = source.objects
        image = np.repeat(np.arange(len(source)), np.diff(o.start))[~o.iscrowd]
        names = group_names([record.file_name for record in source.records], pattern)
        rows = held_out(names, image, o.labels[~o.iscrowd], share)
        note = ("held out", f"{rows.sum()} of {counted(len(source), 'image')} by data.val.search={share:g}")
        parts = {
            name: replace(chosen(source, np.flatnonzero(mine).tolist()), notes=(*source.notes, note))
            for name, mine in {"train": ~rows, "val": rows}.items()
        }
    else:
        raise ValueError(f"data.val.search={share:g} is for sets of files and drawn ones, not for {source.origin}")
    if rows.all() or not rows.any():
        raise ValueError(f"data.val.search={share:g} holds out {rows.sum()} of {counted(len(source), 'image')}")
    return parts
