"""Pascal VOC: an XML file an image, with the edges of each object, beside the images or in a folder Annotations.

Everingham et al., The Pascal Visual Object Classes Challenge, IJCV 2010. Edges are taken as they are written; VOC
itself counts pixels from 1, so that its left and upper edges are one too large: data.voc_offset=-1 is for such files.
What is difficult is treated as crowds are: not trained on, and no mistake if it is found.
"""

from collections.abc import Iterator
from operator import eq
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

from cornernet.data.annotations import Asked, Content
from cornernet.data.annotations.voc_files import (
    Files,
    chosen,
    found,
    has_annotations,
    image_of,
    is_list,
    parts,
    tell_unused,
)  # fmt: skip
from cornernet.data.annotations.xml_text import read_xml
from cornernet.data.problems import Problems

EDGES = ("xmin", "ymin", "xmax", "ymax")


class Object(NamedTuple):
    """An object as its file gives it."""

    where: str  # file and number of the object
    image: int  # position of its image
    name: str
    edges: list[float]  # as written
    difficult: bool


def recognises(path: Path) -> bool:
    """Whether a folder, or one in it, holds XML files that begin as annotations do; or a path is a list of them."""
    return has_annotations(path) if path.is_dir() else is_list(path)


def splits(path: Path) -> set[str]:
    """Which of "train" and "val" the lists in ImageSets/Main or the folders tell apart."""
    return parts(path)


def parse(asked: Asked, problems: Problems) -> Content:
    """Folder -> Content; classes are those of all files of the folder, sorted by name.

    What else a file says of an object (its parts, its pose, its outline) is passed over.
    """
    held = found(asked)
    own = chosen(held, asked, problems)
    images: list[dict] = []
    objects: list[Object] = []
    for file in own:
        if (root := _root(held.base / file, problems)) is not None:
            images.append(_image(len(images), image_of(held, file, root.findtext("filename") or ""), root))
            objects += _objects(root, file, len(images) - 1, problems)
    tell_unused(held, (x["file_name"] for x in images), asked, problems)
    names = sorted({x.name for x in objects} | _names(held, own))
    first = first_pixel(objects, images, asked.voc_offset, problems)
    numbers = {name: number for number, name in enumerate(names, 1)}
    entries = [_annotation(x, numbers[x.name], asked.voc_offset) for x in objects]
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    return Content(images, entries, categories, held.root, by_name=True, notes=(("first pixel", first),))


def first_pixel(objects: list[Object], images: list[dict], offset: float, problems: Problems) -> str:
    """What the edges tell of whether pixels are counted from 0 or from 1; a doubt about data.voc_offset is noted."""
    low = [edge for x in objects for edge in x.edges[:2]]
    sides = [(images[x.image]["width"], images[x.image]["height"]) for x in objects]
    full = sum(sum(map(eq, x.edges[2:], both)) for x, both in zip(objects, sides, strict=True))
    below, ones = sum(edge < 1 for edge in low), sum(edge == 1 for edge in low)
    if below and offset:
        text = f"{below} of xmin and ymin are below 1 with data.voc_offset={offset:g}"
        problems.repair("pixels counted from 0", text, "data.voc_offset=0 if they are counted from 0")
    if below or not (ones and full):
        return f"0, since {below} of xmin and ymin are below 1" if below else "not to be told from the edges"
    text = f"none of xmin and ymin is below 1, {ones} are 1, and {full} of xmax and ymax are the size of their image"
    if not offset:
        problems.repair("pixels counted from 1", text, "as written; data.voc_offset=-1 if they are counted from 1")
    return f"1, it seems: {text}"


def _root(path: Path, problems: Problems) -> Element | None:
    """The outermost element of a file that annotates an image."""
    try:
        root = read_xml(path)
    except ValueError as error:
        problems.skip("unreadable XML file", str(error))
        return None
    if root.tag != "annotation":
        problems.skip("unreadable XML file", f"{path} holds <{root.tag}> where <annotation> was expected")
        return None
    return root


def _image(at: int, name: str, root: Element) -> dict:
    """Entry of an image; a size of 0 is none."""
    texts = [(root.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
    sides = [int(text) if text.isdecimal() and len(text) < 10 and int(text) else None for text in texts]
    return {"id": at + 1, "file_name": name, "width": sides[0], "height": sides[1]}


def _objects(root: Element, file: str, image: int, problems: Problems) -> Iterator[Object]:
    for at, entry in enumerate(root.findall("object"), 1):
        where = f"{file}, object {at}"
        name, edges = (entry.findtext("name") or "").strip(), _edges(entry)
        if not name:
            problems.skip("object without a name", f"{where}: expected a <name>, got none")
        elif isinstance(edges, str):
            problems.skip("object without a box", f"{where} ({name}): {edges}")
        else:
            difficult = (entry.findtext("difficult") or "").strip().lower() in ("1", "true")
            yield Object(where, image, name, edges, difficult)


def _edges(entry: Element) -> list[float] | str:
    """Edges of an object, or why it has none."""
    box = entry.find("bndbox")
    if box is None:
        return f"expected a <bndbox>, got {', '.join(f'<{x.tag}>' for x in entry)}"
    texts = {edge: box.findtext(edge) for edge in EDGES}
    try:
        return [float(text or "") for text in texts.values()]
    except ValueError:
        return f"expected four numbers in <bndbox>, got {texts}"


def _names(held: Files, own: list[str]) -> set[str]:
    """Names of the objects in the other files of the folder, so that both splits have the classes of both."""
    names = set()
    for file in sorted(set(held.xml) - set(own)):
        try:
            root = read_xml(held.base / file)
        except ValueError:  # is told where its own split is read
            continue
        names |= {(x.findtext("name") or "").strip() for x in root.findall("object")}
    return names - {""}


def _annotation(found: Object, category: int, offset: float) -> dict:
    x1, y1, x2, y2 = found.edges
    x1, y1 = x1 + offset, y1 + offset
    bbox = [x1, y1, x2 - x1, y2 - y1]
    crowd = int(found.difficult)
    return {"id": found.where, "image_id": found.image + 1, "category_id": category, "bbox": bbox, "iscrowd": crowd}
