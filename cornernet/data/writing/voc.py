"""Pascal VOC: in Annotations/ an XML file an image, images in JPEGImages/, their names by split in ImageSets/Main/.

Edges are written as they are, with fractions and the first pixel at 0; crowds are marked `difficult`.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from cornernet.data.labelled import Labelled, digits
from cornernet.system.printing import printable

IMAGES, ONE_FOLDER = "JPEGImages", True
KEEPS = frozenset({"crowds"})
EDGES = ("xmin", "ymin", "xmax", "ymax")
DIGITS = 6  # of a pixel


def files(
    parts: Mapping[str, Sequence[Labelled]], class_names: Sequence[str], category_ids: Sequence[int] | None = None
) -> Iterator[tuple[str, str]]:
    """Images by split and names of their labels -> each XML file and ImageSets/Main/<split>.txt."""
    for split, images in parts.items():
        stems = [str(PurePosixPath(image.record.file_name).with_suffix("")) for image in images]
        for stem, image in zip(stems, images, strict=True):
            yield f"Annotations/{stem}.xml", text(image, class_names)
        yield f"ImageSets/Main/{split}.txt", "".join(f"{stem}\n" for stem in stems)


def text(image: Labelled, class_names: Sequence[str]) -> str:
    """One image and the names of its labels -> its XML file."""
    record, root = image.record, Element("annotation")
    _add(root, folder=IMAGES, filename=record.file_name)
    _add(SubElement(root, "size"), width=record.width, height=record.height, depth=3)
    _add(root, segmented=0)
    for _, edges, label, crowd, score in image.objects():
        entry = SubElement(root, "object")
        _add(entry, name=class_names[label], pose="Unspecified", truncated=0, difficult=int(crowd))
        _add(entry, **({} if score is None else {"score": digits(score, DIGITS)}))
        _add(SubElement(entry, "bndbox"), **{k: digits(v, DIGITS) for k, v in zip(EDGES, edges, strict=True)})
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _add(parent: Element, **values: object) -> None:
    """Add a child an item; XML has no way to write what is not printable."""
    for name, value in values.items():
        SubElement(parent, name).text = printable(value)
