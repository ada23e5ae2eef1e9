"""The page of an audit: one HTML file, each finding with its picture, the surest first."""

from collections.abc import Mapping, Sequence

from cornernet.data import Away, Source
from cornernet.drawing import Section, page
from cornernet.evaluation.audit.finding import KINDS, Audit, Finding
from cornernet.evaluation.audit.pictures import picture
from cornernet.system.wording import counted

MOST = 60  # findings of a kind that are shown, about 5 MB in all
RULE = """Sureness is the probability that the label is wrong and not the detector, as far as the set itself tells: how
often detections of this score agree with the labels, how far their boxes usually are from them, and 5 % of the labels
taken to be wrong in each way before anything is seen. It is comparable over the kinds. Every label and every detection
is named once, in its surest finding. Crowds and ignored regions are left out."""
SEEN = """The detector may have been trained on these images: what it has learnt by heart it confirms, wrong labels too,
so that findings are fewer and less sure than on images that it has not seen."""
FOOTER = "Written by the CornerNet toolkit. audit.json holds all findings, corrected/ a COCO file with the proposals."


def document(found: Audit, sources: Mapping[str, Source], title: str) -> str:
    """Audit, the sources it is of, and a title -> a complete HTML document."""
    parts = [_summary(found)]
    parts += [_kind(kind, found, sources) for kind in KINDS if found.of(kind)]
    subtitle = f"Labels of {found.split}: {counted(found.images, 'image')}, {counted(found.labels, 'label')}, "
    subtitle += f"{counted(len(found.findings), 'finding')} of sureness {found.least:g} or more"
    return page.document(f"Audit by {title}", subtitle, parts, FOOTER)


def _summary(found: Audit) -> Section:
    rows = []
    for kind, meaning in KINDS.items():
        of = found.of(kind)
        link = f'<a href="#{kind}">{kind}</a>' if of else kind
        rows.append((link, str(len(of)), page.rounded(of[0].sureness) if of else page.rounded(-1), meaning))
    html = page.table(("kind", "findings", "surest", "what it is"), rows, "knnt") + f"<p>{RULE}</p>"
    html += f"<p>{SEEN}</p>" if found.seen else ""
    if found.unreadable:
        html += "<p>These images could not be read, and nothing is said of their labels:</p>"
        html += page.listed(found.unreadable[:MOST])
        html += f"<p>and {len(found.unreadable) - MOST} more.</p>" if len(found.unreadable) > MOST else ""
    return Section("findings", "Findings", html)


def _kind(kind: str, found: Audit, sources: Mapping[str, Source]) -> Section:
    of = found.of(kind)
    more = f" The {MOST} surest of {len(of)} are shown; audit.json has all." if len(of) > MOST else ""
    sides = "The two images" if kind == "alike" else "On the left what is labelled, on the right what was found"
    if kind == "doubled":
        sides = "On the left the label that is named, on the right the other one"
    shown = "".join(_shown(x, found.split, sources) for x in of[:MOST])
    return Section(kind, KINDS[kind].capitalize(), f'<p>{sides}.{more}</p><div class="gallery">{shown}</div>')


def _shown(one: Finding, split: str, sources: Mapping[str, Source]) -> str:
    caption = f"<b>{page.name(one.image)}</b> sureness {one.sureness:.2f}: {_words(one)}"
    try:
        drawing = picture(one, sources, split)
    except (OSError, ValueError, Away) as error:
        return f"<p>{caption}; {page.text(error)}</p>"
    return page.photograph(drawing, f"{one.image}: {KINDS[one.kind]}", caption)


def _words(one: Finding) -> str:
    """What a finding says, as HTML."""
    if one.other is not None:
        return f"like {page.name(one.other[2])} of {page.text(one.other[0])}"
    parts = [f"{word} {page.name(value)}" for word, value in _classes(one) if value is not None]
    return ", ".join(parts) + (f" with score {one.score:.2f}" if one.score is not None else "")


def _classes(one: Finding) -> Sequence[tuple[str, str | None]]:
    return ("labelled", one.class_said), ("also" if one.kind == "doubled" else "found", one.class_found)
