"""The images on which two runs differ most, side by side, with what is right, wrong and missed on each."""

from collections.abc import Sequence

from cornernet.drawing import gallery, page
from cornernet.evaluation.report import listed
from cornernet.evaluation.side_by_side.alike import Alike
from cornernet.evaluation.side_by_side.standing import Standing
from cornernet.system.wording import counted

MOST = 60  # images that are shown, 6 MB of photographs


def html(both: Sequence[Standing], shared: Alike) -> str:
    """Two runs on what both have -> the list of images, the largest difference first."""
    gains = [two.f1 - one.f1 for one, two in zip(*(x.tallies for x in both), strict=True)]
    order = sorted((i for i, gain in enumerate(gains) if gain), key=lambda i: -abs(gains[i]))[:MOST]
    source, names = both[0].member.source, [x.member.name for x in both]
    pictures, unreadable = listed.read(source, [shared.places[i] for i in order], {})
    cards = [
        _card(both, shared, i, gains[i], pictures[place]) for i in order if (place := shared.places[i]) in pictures
    ]
    orders = (
        gallery.Order("largest difference first", "apart", descending=True),
        gallery.Order(f"{names[1]} better first", "gain", descending=True),
        gallery.Order(f"{names[0]} better first", "gain"),
        gallery.Order("lowest F1 first", "f1"),
    )
    text = f"<p>{_rule(gains, [page.name(name) for name in names], len(order))}</p>"
    text += gallery.html(cards, shared.truth.class_names, orders) if cards else ""
    return text + (f"<p>Why images are not shown:</p>{page.listed(unreadable)}" if unreadable else "")


def _card(both: Sequence[Standing], shared: Alike, i: int, gain: float, picture: gallery.Picture) -> gallery.Card:
    panes = [
        gallery.Pane(listed.marks(x.images[i], x.partners[i], x.least, shared.truth.class_names), x.member.name)
        for x in both
    ]
    caption = "; ".join(f"{x.member.name} {listed.described(x.tallies[i])}" for x in both)
    f1 = min(x.tallies[i].f1 for x in both)
    return gallery.Card(shared.truth.names[i], picture, panes, caption, {"f1": f1, "apart": abs(gain), "gain": gain})


def _rule(gains: Sequence[float], names: Sequence[str], shown: int) -> str:
    better, worse = sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)
    text = (
        f"F1 of each image at IoU 0.5, of the detections that reach the score of a run's own best F1 of their class. "
        f"{names[1]} is better on {better} of {counted(len(gains), 'image')}, {names[0]} on {worse}, and on "
        f"{len(gains) - better - worse} they are equal."
    )
    if shown < better + worse:
        text += f" Shown are the {shown} on which they differ most."
    if shown:
        text += (
            f" On the left is what {names[0]} found, on the right {names[1]}. Chosen because they differ, these images "
            "show what kinds of errors there are, not which run is better."
        )
    return text
