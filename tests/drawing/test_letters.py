"""Class names in any script: a font that has the letters where one is installed, else the number of the class."""

import logging
from pathlib import Path

import numpy as np
import pytest
from matplotlib import get_data_path

from cornernet.drawing import captioned, draw, labels, text

STIX = Path(get_data_path()) / "fonts" / "ttf" / "STIXGeneral.ttf"


@pytest.fixture
def installed(monkeypatch):
    """Sets which fonts are installed; what was found before is forgotten, and again at the end."""
    caches = (text._having, text._installed, labels._number)

    def only(*paths):
        [cache.cache_clear() for cache in caches]
        monkeypatch.setattr(text, "_installed", lambda: list(paths))

    yield only
    [cache.cache_clear() for cache in caches if hasattr(cache, "cache_clear")]


def drawn(name, label=0):
    names = [f"{i}" for i in range(label)] + [name]
    return draw(np.full((100, 300, 3), 128, np.uint8), [[5, 50, 90, 90]], [label], [0.5], names)


def test_without_a_font_the_number_is_drawn_and_said_once(installed, caplog):
    installed()
    with caplog.at_level(logging.WARNING, "cornernet"):
        assert (drawn("白血球", 3) == drawn("3", 3)).all() and (drawn("白血球", 3) == drawn("3", 3)).all()
        assert (drawn("🩸 blood", 4) == drawn("4", 4)).all()
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == ["3 = 白血球", "4 = 🩸 blood"]


def test_a_font_that_has_the_letters_draws_them(installed, tmp_path, caplog):
    special = next(chr(x) for x in sorted(text.letters_of(STIX) - text.letters_of(text.dejavu())) if x > 0x100)
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    installed(tmp_path / "broken.ttf", STIX)
    assert (drawn(special * 3) != drawn("0")).any() and not caplog.records
    assert Path(text.font(special, 12).path) == STIX and Path(text.font("Größe", 12).path) == text.dejavu()
    assert Path(text.font("白", 12).path) == text.dejavu() and not text.drawable("白")


def test_joiners_need_no_font(installed):
    installed()
    assert text.drawable("می\u200cخواهم") and text.drawable("a\ufe0f")


def test_a_caption_is_drawn_whatever_its_letters(installed):
    installed()
    assert captioned(np.zeros((20, 200, 3), np.uint8), "白血球.png: 1 object").shape[0] > 20


def test_no_font_that_has_a_sign_for_everything_counts():
    assert not any("lastresort" in path.name.lower() for path in text._installed())
