"""The list of images of a report: which are shown, and what is right, wrong and missed on each."""

from collections.abc import Mapping, Sequence

import numpy as np

from cornernet.data import Away, Source
from cornernet.drawing import gallery
from cornernet.evaluation.report.images import Image
from cornernet.evaluation.report.matching import IGNORED, Tally, correct, shown, tally
from cornernet.prediction import Least
from cornernet.system.wording import counted

ORDERS = (
    gallery.Order("worst F1 first", "f1"),
    gallery.Order("best F1 first", "f1", descending=True),
    gallery.Order("most errors first", "errors", descending=True),
    gallery.Order("as in the set", "place"),
)


def chosen(count: int, most: int) -> list[int]:
    """Places of the images that are listed: all of `count`, or `most` of them, evenly spread."""
    return list(range(count)) if count <= most else np.linspace(0, count - 1, most).astype(int).tolist()


def read(
    source: Source, places: Sequence[int], held: Mapping[int, gallery.Picture]
) -> tuple[dict[int, gallery.Picture], list[str]]:
    """Pictures of these images, those at hand and the others read -> them, and what hindered reading the rest."""
    pictures, unreadable = {i: held[i] for i in places if i in held}, []
    for i in places:
        try:
            pictures[i] = pictures.get(i) or gallery.shrunk(source.image(i), len(places))
        except (OSError, ValueError, Away) as error:
            unreadable.append(str(error))
    return pictures, unreadable


def card(
    image: Image, partner: np.ndarray, least: Least, names: Sequence[str], picture: gallery.Picture | None, place: int
) -> gallery.Card:
    """An image of the list; without a picture its boxes are drawn on nothing."""
    counts, seen = tally(image, partner, least), marks(image, partner, least, names)
    reach = [float(np.max([1.0, *(mark.box[k] + mark.box[k + 2] for mark in seen)])) for k in (0, 1)]
    keys = {"f1": counts.f1, "errors": counts.wrong + counts.missed, "place": place}
    picture = picture or gallery.Picture(b"", (round(reach[0]), round(reach[1])))
    return gallery.Card(image.name, picture, [gallery.Pane(seen)], described(counts), keys)


def described(counts: Tally) -> str:
    """What was found on an image."""
    right, wrong, missed = counts
    if not any(counts):
        return "nothing annotated, nothing found"
    found = f"{right} of {counted(right + missed, 'object')} found, {counted(wrong, 'wrong detection')}"
    return f"F1 {counts.f1:.2f}: {found}"


def marks(image: Image, partner: np.ndarray, least: Least, names: Sequence[str]) -> list[gallery.Mark]:
    """Boxes of an image, errors first, of each kind the best detection first."""
    seen, right = shown(image, least), correct(image, partner)
    found = [_found(image, d, int(partner[d]), bool(right[d]), names) for d in np.flatnonzero(seen).tolist()]
    taken = set(partner[seen & (partner >= 0)].tolist())
    own = [_annotated(image, n, n in taken, names) for n in range(len(image.boxes))]
    order = ("missed", "wrong", "confused", "right", "annotated", "ignored")
    return sorted(own + found, key=lambda mark: order.index(mark.kind))


def _found(image: Image, row: int, partner: int, right: bool, names: Sequence[str]) -> gallery.Mark:
    label = int(image.found_labels[row])
    text = f"{names[label]} {image.scores[row]:.2f}"
    if partner < 0:
        return gallery.Mark("ignored" if partner == IGNORED else "wrong", image.found[row], text, (label,))
    true = int(image.labels[partner])
    said = text if right else f"{text}, annotated as {names[true]}"
    return gallery.Mark("right" if right else "confused", image.found[row], said, tuple(dict.fromkeys((label, true))))


def _annotated(image: Image, row: int, taken: bool, names: Sequence[str]) -> gallery.Mark:
    label = int(image.labels[row])
    kind = "ignored" if image.crowd[row] else "annotated" if taken else "missed"
    return gallery.Mark(kind, image.boxes[row], f"{names[label]}, {'crowd' if image.crowd[row] else kind}", (label,))
