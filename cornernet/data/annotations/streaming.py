"""A large file of JSON read a piece at a time: of its long lists one entry is in memory at once."""

import codecs
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

PIECE = 2**20  # bytes that are read at once
LONGEST = 2**26  # characters of a single value
BLANK = re.compile(r"[ \t\n\r]*")
_scan = json.JSONDecoder().raw_decode


class Unusual(ValueError):
    """What cannot be read in this way, or is no JSON at all."""


Lists = Mapping[str, tuple[Callable[[], Any], Callable[[Any], Any]]]


def streamed(path: Path, lists: Lists) -> dict | None:
    """File of one JSON object in UTF-8 -> the object; None for any other, whatever is wrong with it.

    lists: by key, for lists that are long, what makes that to which entries are appended, and what is kept of each.
    """
    with path.open("rb") as stream:
        try:
            return _Reader(stream).object(lists)
        except (ValueError, RecursionError):  # the reading of the whole file says what it is
            return None


class _Reader:
    def __init__(self, stream: BinaryIO):
        self.stream, self.decode = stream, codecs.getincrementaldecoder("utf-8-sig")()
        self.text, self.at, self.ended = "", 0, False

    def object(self, lists: Lists) -> dict:
        """Read all of the file."""
        found: dict[str, Any] = {}
        self.take("{")
        while self.peek() == '"':
            key = self.value()
            self.take(":")
            found[key] = self.entries(*lists[key]) if key in lists and self.peek() == "[" else self.value()
            if self.take(",}") == "}":
                break
        else:
            self.take("" if found else "}")
        if self.peek():
            raise Unusual
        return found

    def entries(self, make: Callable[[], Any], keep: Callable[[Any], Any]) -> Any:
        """Read a list."""
        into, end = make(), self.take("[")
        while end != "]" and (len(into) or self.peek() != "]"):
            into.append(keep(self.value()))
            end = self.take(",]")
        if end == "[":
            self.take("]")
        return into

    def value(self) -> Any:
        """Read a value, which is complete where something follows it."""
        self.peek()
        while True:
            try:
                value, end = _scan(self.text, self.at)
                if end < len(self.text):
                    self.at = end
                    return value
            except json.JSONDecodeError:
                pass  # it may go on in the next piece
            if self.ended or len(self.text) - self.at > LONGEST:
                raise Unusual
            self.more(max(PIECE, len(self.text) - self.at))  # twice as much: a long value is not begun ever again

    def take(self, wanted: str) -> str:
        """Read one of these characters."""
        found = self.peek()
        if not found or found not in wanted:
            raise Unusual
        self.at += 1
        return found

    def peek(self) -> str:
        """Look at the next character that is not blank, "" at the end."""
        while True:
            blank = BLANK.match(self.text, self.at)
            assert blank is not None
            self.at = blank.end()
            if self.at < len(self.text) or self.ended:
                return self.text[self.at : self.at + 1]
            self.more(PIECE)

    def more(self, size: int) -> None:
        """Put the next piece of the file, of so many bytes, behind what is left of this one."""
        data = self.stream.read(size)
        self.ended = not data
        self.text, self.at = self.text[self.at :] + self.decode.decode(data, self.ended), 0
