"""A bar in a terminal; where stderr leads elsewhere, a plain line a minute and one at the end."""

import io
import re
import sys

import pytest

from cornernet.system import progress
from cornernet.system.progress import Progress, following


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds, which a test sets by hand."""
    held = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: held[0])
    return held


def in_file(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    return sys.stderr


def test_a_file_gets_a_line_a_minute_and_one_at_the_end(monkeypatch, clock):
    file = in_file(monkeypatch)
    with Progress(200, "image", "evaluate") as bar:
        for second in range(1, 151):
            clock[0] = second
            bar.note(f"total={second}")
            bar.update()
        clock[0] = 151
        bar.update(50)
    assert file.getvalue().splitlines() == [
        "evaluate: 60/200 images in 01:00, 1/s, total=60",
        "evaluate: 120/200 images in 02:00, 1/s, total=120",
        "evaluate: 200/200 images in 02:31, 1.32/s, total=150",
    ]


def test_the_end_is_told_once(monkeypatch, clock):
    file = in_file(monkeypatch)
    bar = Progress(1, "step", begun=0)
    clock[0] = 60
    bar.update()
    bar.close()
    assert file.getvalue() == "1/1 step in 01:00, 0.0167/s\n"


def test_what_has_no_total_is_counted(monkeypatch, clock):
    file = in_file(monkeypatch)
    assert list(following(iter("ab"), None, "frame", "predict")) == ["a", "b"]
    assert file.getvalue() == "predict: 2 frames in 00:00\n"


def test_nothing_is_shown_where_nothing_is_to_be(monkeypatch, clock):
    file = in_file(monkeypatch)
    assert list(following("ab", 2, "image", shown=False)) == ["a", "b"] and file.getvalue() == ""


def test_a_terminal_gets_a_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress(3, "image", "evaluate") as bar:
        bar.describe("again")
        bar.note("total=1")
        bar.update(3)
    shown = sys.stderr.getvalue()
    assert re.search(r"\ragain: 100%\|.*\| 3/3 .*total=1\]", shown) and " images in " not in shown


def test_without_stderr_it_only_counts(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with Progress(3, "image", "größe") as bar:
        bar.update(3)
    assert bar.done == 3


def test_what_was_done_before_does_not_count_as_speed(monkeypatch, clock):
    file = in_file(monkeypatch)
    with Progress(200, "step", begun=100) as bar:
        clock[0] = 10
        bar.update(20)
    assert file.getvalue() == "120/200 steps in 00:10, 2/s\n"
