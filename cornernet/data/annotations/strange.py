"""Names what is no data set in a known format, and says what to do about it."""

import json
import re
from pathlib import Path
from typing import Any

from cornernet.data.annotations.tree import listed
from cornernet.data.headers import foreign
from cornernet.data.problems import short

LOOKED = 2000  # entries of a folder that are looked at
LABEL_STUDIO = "looks like a Label Studio task export: export as COCO, YOLO or Pascal VOC"
LABELME = "looks like a file of LabelMe: convert the folder to COCO first (labelme2coco does it)"
VIA = "looks like a project of the VGG Image Annotator: export it as COCO"
CREATEML = "looks like a file of CreateML: export as COCO, YOLO or Pascal VOC"
CVAT = "looks like CVAT's own XML: export as COCO, YOLO or Pascal VOC"
RESULTS = "looks like COCO results, boxes with scores that a detector found, which are no annotations"
TABLES = {"region_shape_attributes": VIA, "annotation_id": LABEL_STUDIO}  # column -> whose table it is
TFRECORD = "looks like a TFRecord: export as COCO, YOLO or Pascal VOC"
ONE_XML = "is the annotation of one image in Pascal VOC: give the folder that it is in"


def strange(path: Path) -> str:
    """Path that no format recognises -> what it is, as the end of a sentence that begins with its name."""
    if path.is_dir():
        return _folder(path)
    with path.open("rb") as file:
        head = file.read(4096)
    if not head.strip():
        return "is empty"
    known = _xml(head) or _record(path, head) or foreign(head) or _table(path, head)
    return known or "holds no annotations in a format that can be read"


def other_json(content: Any) -> str:
    """What was read from a JSON file -> what it is, if it is known and not COCO, or ""."""
    first = content[0] if isinstance(content, list) and content else None
    if isinstance(first, dict):
        if "data" in first and {"annotations", "completions", "predictions"} & first.keys():
            return LABEL_STUDIO
        if {"image_id", "category_id", "bbox", "score"} <= first.keys():
            return RESULTS
        if "image" in first and {"annotations", "label"} & first.keys():
            return CREATEML if "annotations" in first else LABEL_STUDIO
    if not isinstance(content, dict):
        return ""
    if "shapes" in content and {"imagePath", "imageData"} & content.keys():
        return LABELME
    entry = next(iter(content.values()), None)
    return VIA if "_via_settings" in content or (isinstance(entry, dict) and "regions" in entry) else ""


def _folder(path: Path) -> str:
    """What the first files of a folder are, or what was looked for in it."""
    folders, names = listed(path, LOOKED)
    inner = [folder / name for folder in folders[:20] for name in listed(folder, LOOKED)[1][:20]]
    for file in (*(path / name for name in names[:20]), *inner):
        if words := _known(file):
            return f"holds {file.relative_to(path)}, which {words}"
    seen = ", ".join([*(f"{x.name}/" for x in folders), *names][:5]) or "nothing"
    return f"is a folder in which no annotations were recognised; it holds {seen}"


def _known(file: Path) -> str:
    """What a file is, if it is of a kind that is known and not read, or ""."""
    with file.open("rb") as stream:
        head = stream.read(4096)
        if file.suffix.lower() != ".json":
            return _record(file, head) or (CVAT if _xml(head) == CVAT else "")
        text = head + stream.read(2**20)
    try:
        return other_json(json.loads(text))
    except (ValueError, RecursionError):  # no JSON, or longer: not of a kind that is known
        return ""


def _xml(head: bytes) -> str:
    if re.search(rb"<annotations[\s>]", head):
        return CVAT
    return ONE_XML if re.search(rb"<annotation[\s>]", head) else ""


def _table(path: Path, head: bytes) -> str:
    """Whose table a file is, or what its first line holds."""
    if path.suffix.lower() not in (".csv", ".tsv"):
        return ""
    first = head.decode("utf-8", "replace").splitlines()[0]
    columns = "expected columns for the image (filename), the class and the box (xmin, ymin, xmax, ymax)"
    whose = next((words for column, words in TABLES.items() if column in first), "")
    return whose or short(f"is no table of boxes: {columns} in its first line, got {first!r}")


def _record(path: Path, head: bytes) -> str:
    """A TFRecord begins with the length of its first record, 8 bytes, and a checksum of that."""
    named = ".tfrecord" in path.name.lower() or path.suffix.lower() == ".record"
    return TFRECORD if named and len(head) > 12 and head[4:8] == b"\0\0\0\0" else ""
