"""A way of pairing of the user's own, by its dotted path: it serves, and what it lacks is named before data is read."""

import sys

import pytest

from cornernet import config, detectors
from cornernet.profiling import random_batch
from cornernet.training import preflight

FILE = '''
"""Corners whose two numbers are the sides of their box."""

import torch
from cornernet.detectors.corner.head import branch

class sides:
    """Farther apart the more the sides differ."""

    PLACES = ("size",)
    threshold = 0.5

    def __init__(self, factor: float = 1.0, *, kernel: int):
        self.factor, self.kernel = factor, kernel

    def branch(self, channels):
        return branch(channels, 2, self.kernel)

    def loss(self, built):
        return lambda tl, br, mask, tl_point, br_point: {"size": built["size"](tl, br_point - tl_point, mask)}

    def distance(self, tl_points, br_points, tl_said, br_said):
        return self.factor * (tl_said[:, :, None] - br_said[:, None]).abs().sum(-1)

class without:
    """Nothing at all."""

NUMBER = 3

def function(kernel):
    return sides(kernel=kernel)
'''
DOTTED = "model.pairing.name=own_pairing"
BATCH = r"^model\.pairing\.name=own_pairing\.sides does not work on a small batch:"


@pytest.fixture
def own(tmp_path, monkeypatch, tiny):
    """Check of a config with a way of pairing of the user's; words -> a change of the class `sides` in its file."""
    monkeypatch.syspath_prepend(tmp_path)

    def check(name, *overrides, words=("", "")):
        assert words[0] in FILE
        (tmp_path / "own_pairing.py").write_text(FILE.replace(*words, 1), encoding="utf-8")
        settings = config.load(tiny, [f"{DOTTED}.{name}", *overrides])
        preflight.check(settings)
        return detectors.build(settings, 3)

    yield check
    sys.modules.pop("own_pairing", None)


def test_one_file_serves_by_its_path(own, tiny):
    detector = own("sides", "model.pairing.args.factor=2", "loss.size.name=l1")
    terms = detector(random_batch(config.load(tiny), 3))
    assert terms["size"] > 0 and "pull" not in terms


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("without", ("", ""), "lacks PLACES"),
        ("without", ('"""Nothing at all."""', 'PLACES = ("size",)'), "lacks branch, loss, distance, threshold"),
        ("sides", ('PLACES = ("size",)', ""), "lacks PLACES"),
        ("sides", ("def branch(", "def brunch("), "lacks branch"),
        ("sides", ("def loss(", "def lose("), "lacks loss"),
        ("sides", ("def distance(", "def away("), "lacks distance"),
        ("sides", ("threshold = 0.5", ""), "lacks threshold"),
        ("NUMBER", ("", ""), "must be a class, got int"),
        ("function", ("", ""), "must be a class, got function"),
    ],
)
def test_what_a_way_lacks_is_named(own, name, words, message):
    with pytest.raises(ValueError) as error:
        own(name, words=words)
    assert str(error.value) == f"way of pairing 'own_pairing.{name}' {message}: see cornernet.detectors.corner.pairing"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (('("size",)', '("box",)'), r"must declare PLACES, some of grouping, guiding, shift, size, got \('box',\)"),
        (('("size",)', '("size")'), r"must declare PLACES, some of grouping, guiding, shift, size, got 'size'"),
        (("threshold = 0.5", "threshold = 'near'"), r"must have a number as its threshold, got 'near'"),
        (("threshold = 0.5", "threshold = float('nan')"), r"must have a number as its threshold, got nan"),
        (("return branch(channels, 2, self.kernel)", "return 3"), f"{BATCH} TypeError: 'int' object is not callable"),
        (("(-1)", "(-2)"), f"{BATCH} RuntimeError: The size of tensor a"),
        (('built["size"]', 'built["sise"]'), f"{BATCH} KeyError: 'sise'"),
    ],
)
def test_what_a_way_gives_wrongly_is_a_sentence(own, words, message):
    with pytest.raises(ValueError, match=message):
        own("sides", words=words)
