"""XML of a file from anywhere: no document type, hence no entities that grow, and no more than annotations have."""

import codecs
import re
from pathlib import Path
from xml.etree import ElementTree

from cornernet.data.annotations.text import decoded

LONGEST = 2**24  # bytes of a file of annotations
DECLARED = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([\w.-]+)[\"']")
DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


def read_xml(path: Path) -> ElementTree.Element:
    """File -> its outermost element; raises ValueError naming the file if it is no XML, and OSError."""
    with path.open("rb") as file:
        data = file.read(LONGEST + 1)
    if len(data) > LONGEST:
        raise ValueError(f"{path} is not an annotation file: it holds more than the {LONGEST} bytes allowed")
    text = DECLARATION.sub("", _text(path, data))
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError(f"{path} declares a document type, which annotations have no need of")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not readable as XML: {error}") from None


def _text(path: Path, data: bytes) -> str:
    """Text in the encoding that the file declares, or in one of Unicode's, which its first bytes tell apart."""
    if not data.strip():
        raise ValueError(f"{path} is empty")
    found = DECLARED.match(data.lstrip())
    name = found[1].decode("ascii") if found else ""
    try:
        known = codecs.lookup(name).name if name else "utf-8"
        return decoded(path, data) if known.startswith("utf") else data.decode(known)
    except (LookupError, UnicodeError) as error:
        raise ValueError(f"{path} is not {name or 'UTF-8'} text: {error}; save it as UTF-8") from None
