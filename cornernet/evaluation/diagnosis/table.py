"""A diagnosis as text and as numbers."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from cornernet.evaluation.diagnosis.found import SIZES, Diagnosis, Outcome, Parts
from cornernet.evaluation.diagnosis.missed import IOU
from cornernet.evaluation.measures import any_class
from cornernet.evaluation.metrics import aligned
from cornernet.system.wording import counted

SHOWN = ("AP", "AP50", "AP75")
ANY_CLASS = tuple(any_class.FIGURES)
MOST = 8  # confusions in the text; diagnosis.json has all


def table(found: Diagnosis) -> str:
    """What the truth would change, why objects are missed, the same for each class, and what no truth can show."""
    parts = _head(found), _scores(found), _reasons(found), _classes(found), _confused(found), _limits(found)
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def contents(found: Diagnosis) -> dict[str, Any]:
    """The same for diagnosis.json; the gain in AP is over the row before, of a part alone over none."""
    gains = dict(steps(found))
    missed = missed_by_reason(found)
    return {
        "setting": {"scale": found.setting.scale, "longest_side": found.setting.longest_side, "flip": False},
        "iou": IOU,
        "min_score": found.setting.min_score,
        "images": found.scores[()].images,
        "objects": len(found.outcomes),
        "missed": sum(map(len, missed.values())),
        "shown": found.shown,
        "stray": found.stray,
        "scores": [
            {"true": list(parts), "gain": gains[parts], **metrics.figures()} for parts, metrics in found.scores.items()
        ],
        "reasons": {
            reason: {"objects": len(held), **_sizes(held), "meaning": found.vocabulary[reason]}
            for reason, held in missed.items()
        },
        "classes": {name: {"objects": n, "missed": dict(why)} for name, n, why in _by_class(found)},
        **_confusions(found),
        "limits": {
            text: [[outcome.image_id, outcome.index] for outcome in held] for text, held in _limited(found).items()
        },
    }


def steps(found: Diagnosis) -> Iterable[tuple[Parts, float | None]]:
    """Every row of the scores with the AP that it gains; None for the first and where COCO has nothing to measure."""
    first = found.scores[()].AP
    for parts, metrics in found.scores.items():
        if not parts or first < 0:
            yield parts, None
        else:
            yield parts, metrics.AP - found.scores[before(found, parts)].AP


def before(found: Diagnosis, parts: Parts) -> Parts:
    """What a row is compared with: the one before it in the chain of parts, or the plain prediction."""
    return parts[:-1] if parts == found.parts[: len(parts)] else ()


def missed_by_reason(found: Diagnosis) -> dict[str, list[Outcome]]:
    """The missed objects by their reason, in the order of the vocabulary; reasons without an object are left out."""
    held = {reason: [x for x in found.outcomes if x.reason == reason] for reason in found.vocabulary}
    return {reason: outcomes for reason, outcomes in held.items() if outcomes}


def _head(found: Diagnosis) -> list[str]:
    count, (scale, side) = found.scores[()].images, found.setting[:2]
    size = "as they are" if side is None else f"longest side {side}"
    number = f"{counted(count, 'image')}, {counted(len(found.outcomes), 'object')}"
    return [f"{number}; images {size} x {scale:g}, one canvas each, not flipped"]


def _scores(found: Diagnosis) -> list[str]:
    whatever = ANY_CLASS if _several(found) else ()
    title = found.scores[()].title
    rows: list[tuple[str, ...]] = [
        ("true instead of predicted", *map(title, SHOWN), "gain", *(title(x).replace("_", " ") for x in whatever))
    ]
    for parts, gain in steps(found):
        alone = len(parts) == 1 and parts != found.parts[:1] and parts[0] in found.parts
        name = ", ".join(parts) + (" alone" if alone else "") if parts else "nothing"
        figures = found.scores[parts].figures()
        gained = "" if gain is None else f"{gain:+.3f}"
        rows.append((name, *(_figure(figures[key]) for key in SHOWN), gained, *(_figure(figures[x]) for x in whatever)))
    return aligned(rows, "<>>>>" + ">" * len(whatever))


def _reasons(found: Diagnosis) -> list[str]:
    missed, count = missed_by_reason(found), len(found.outcomes)
    total = [x for held in missed.values() for x in held]
    head = f"missed at IoU {IOU} and score {found.setting.min_score:g}: {_of(len(total), count, 'objects')}; "
    head += f"{_of(found.stray, found.shown, 'detections shown')} match no object"
    if not total:
        return [head]
    rows = [("reason", "objects", "share", *SIZES, "")]
    for reason, held in missed.items():
        rows.append(_row(reason, held, len(total), found.vocabulary[reason]))
    rows.append(_row("all", total, len(total), ""))
    return [head, *aligned(rows, "<>>" + ">" * len(SIZES) + "<")]


def _row(name: str, held: list[Outcome], total: int, meaning: str) -> tuple[str, ...]:
    return name, str(len(held)), f"{len(held) / total:.1%}", *map(str, _sizes(held).values()), meaning


def _sizes(held: list[Outcome]) -> dict[str, int]:
    counts = Counter(x.size for x in held)
    return {size: counts[size] for size in SIZES}


def _classes(found: Diagnosis) -> list[str]:
    rows = [("class", "objects", "missed", "share", "reasons")]
    for name, count, why in _by_class(found):
        text = ", ".join(f"{reason} {n}" for reason, n in why.most_common())
        rows.append((name, str(count), str(why.total()), f"{why.total() / count:.1%}", text))
    return aligned(rows, "<>>><") if len(rows) > 1 else []


def _by_class(found: Diagnosis) -> list[tuple[str, int, Counter]]:
    """(name, objects, missed ones by reason) of every class that has an object, in the order of the categories."""
    held: dict[int, list[Outcome]] = {}
    for outcome in sorted(found.outcomes, key=lambda x: x.category_id):
        held.setdefault(outcome.category_id, []).append(outcome)
    return [(own[0].name, len(own), Counter(x.reason for x in own if x.reason)) for own in held.values()]


def _confused(found: Diagnosis) -> list[str]:
    """Objects found under another class than theirs, and which classes are taken for each other most."""
    counts = _confusions(found).get("found under")
    if counts is None:
        return []
    pairs = counts["other classes"]
    head = f"of {counted(counts['objects'], 'object')} found at any score, {counts['another']} under another class"
    named = [f"{x['class']} -> {x['under']} {x['objects']}" for x in pairs[:MOST]]
    rest = sum(x["objects"] for x in pairs[MOST:])
    return [": ".join([head, *([", ".join(named + ([f"others {rest}"] if rest else []))] if named else [])])]


def _confusions(found: Diagnosis) -> dict[str, Any]:
    """The same for diagnosis.json, the most frequent first; nothing where there is one class."""
    if not _several(found):
        return {}
    seen = [(x.name, x.called) for x in found.outcomes if x.called is not None]
    wrong = Counter(pair for pair in seen if pair[0] != pair[1])
    others = [{"class": own, "under": other, "objects": n} for (own, other), n in wrong.most_common()]
    return {"found under": {"objects": len(seen), "another": wrong.total(), "other classes": others}}


def _several(found: Diagnosis) -> bool:
    return len(found.scores[()].per_class) > 1


def _limits(found: Diagnosis) -> list[str]:
    limited = _limited(found).items()
    return [f"{text}: {counted(len(held), 'object')}; diagnosis.json has the names" for text, held in limited]


def _limited(found: Diagnosis) -> dict[str, list[Outcome]]:
    held: dict[str, list[Outcome]] = {}
    for outcome in found.outcomes:
        for text in outcome.limits:
            held.setdefault(text, []).append(outcome)
    return held


def _of(part: int, whole: int, what: str) -> str:
    return f"{part} of {whole} {what}" + (f" ({part / whole:.1%})" if whole else "")


def _figure(value: float) -> str:
    return "-" if value < 0 else f"{value:.3f}"
