"""What a file holds does not command a terminal: whatever is printed, logged or raised shows it as escapes."""

import io
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cornernet.cli import commandline
from cornernet.evaluation.metrics import aligned
from cornernet.system import printing
from cornernet.system.printing import Formatter, lines, printable

ROOT = Path(__file__).resolve().parents[2]
HARMFUL = [
    "\x1b[2J", "\x9b31m", "\a", "\r", "\x7f", "\u202e", "\u2066", "\u2029", "\u2028", "\x85", "\0", "\udcff", "\b",
]  # fmt: skip
HARMLESS = [
    "قطة", "זְאֵב", "猫", "क्षि", "e\u0301", "🧑\u200d🌾", "می\u200cخواهم", "Ünïcode", "a\\b", "\u200f", "\u00ad",
]  # fmt: skip


@pytest.mark.parametrize("text", HARMFUL)
def test_what_a_terminal_would_obey_is_shown(text):
    shown = printable(f"a{text}b")
    assert shown.isprintable() and shown[0] + shown[-1] == "ab" and "\\" in shown
    assert shown.encode() and lines(f"1\n{text}") == "1\n" + printable(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_people_write_stays(text):
    assert printable(text) == lines(text) == text


def test_only_lines_of_our_own_are_lines():
    assert printable("a\nb") == r"a\nb" and lines("a\nb\tc") == "a\nb\\tc"
    assert aligned([("class", "AP"), ("cat\ndog  0.999", "0.1")], "<>") == [
        "class             AP",
        r"cat\ndog  0.999  0.1",
    ]


def logged(message, *arguments):
    return Formatter("%(message)s").format(logging.LogRecord("x", logging.INFO, "", 0, message, arguments, None))


def test_a_log_record_is_filled_with_harmless_text():
    assert logged("%s:\n%d of %.1f, %s", "a\n\x1b[2J", 1, 2.0, OSError("x\nerror: y")) == (
        "a\\n\\x1b[2J:\n1 of 2.0, x\\nerror: y"
    )
    assert logged("a\x1b[2J\nb") == "a\\x1b[2J\nb"
    assert logged("two\nlines 100 %") == "two\nlines 100 %" and logged("%d", np.int64(3)) == "3"


def test_a_sentence_is_harmless(capsys):
    with pytest.raises(SystemExit), commandline.sentences():
        raise ValueError("there is no file a\x1b]0;owned\a\u202egnp.exe")
    assert capsys.readouterr().err == "error: there is no file a\\x1b]0;owned\\x07\\u202egnp.exe\n"


FAILING = """
import sys
sys.argv = ["tool"]
from cornernet.cli import commandline
def main(overrides):
    if "%s" == "raise":
        raise RuntimeError("x\\x1b[2J\\u202e")
    commandline.say("a\\x1b[2J\\udcff\\nb")
commandline.call(commandline.Command(main, "tool", 0), [])
"""


def test_a_traceback_of_ours_is_harmless():
    done = subprocess.run([sys.executable, "-c", FAILING % "raise"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "RuntimeError" in done.stderr and "\\x1b" in done.stderr
    assert lines(done.stderr) == done.stderr


def test_what_is_said_is_harmless_whatever_it_is():
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "-c", FAILING % "say"], cwd=ROOT, capture_output=True, env=environment)
    assert done.returncode == 0 and done.stdout == b"a\\x1b[2J\\udcff\nb\n"


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("ascii", rb"\u767d\u8840\u7403 \U0001fa78 \xe9"),
        ("latin-1", b"\\u767d\\u8840\\u7403 \\U0001fa78 \xe9"),
        ("cp1252", b"\\u767d\\u8840\\u7403 \\U0001fa78 \xe9"),
        ("cp936", b"\xb0\xd7\xd1\xaa\xc7\xf2 \\U0001fa78 \xa8\xa6"),
        ("utf-8", "白血球 \U0001fa78 é".encode()),
    ],
)
def test_letters_that_an_encoding_lacks_are_escapes(monkeypatch, encoding, written):
    stream = io.TextIOWrapper(io.BytesIO(), encoding, errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    printing.say("白血球 \U0001fa78 é")
    assert stream.buffer.getvalue() == written + b"\n"


class Odd:
    """A stream that someone has put in the place of stdout."""

    encoding: str | None = "no such encoding"

    def write(self, text):
        self.text = text

    def flush(self):
        pass


def test_a_stream_without_a_known_encoding_is_written_to(monkeypatch):
    monkeypatch.setattr(sys, "stdout", odd := Odd())
    printing.say("é")
    assert odd.text == "\\xe9\n"
    odd.encoding = None
    printing.say("é")
    assert odd.text == "é\n"


def test_a_stream_that_is_closed_or_absent_ends_nothing(monkeypatch):
    closed = io.TextIOWrapper(io.BytesIO())
    closed.close()
    for stream in (closed, None):
        monkeypatch.setattr(sys, "stdout", stream)
        printing.say("x")
    monkeypatch.setattr(sys, "stdout", sound := io.StringIO())
    printing.say("y")
    assert sound.getvalue() == "y\n"  # and keeps the next one from nothing
