"""The page and the list of losses: complete, and fresh."""

import functools
import re
from pathlib import Path

import pytest

from cornernet.cli import catalogue as shown
from cornernet.losses import ROLES, catalogue, curves, functional

DOCS = Path(__file__).resolve().parents[2] / "docs"
MEMBERS = [(role, name) for role in ROLES for name in ROLES[role]]
everyone = pytest.mark.parametrize(("role", "name"), [pytest.param(*m, id=".".join(m)) for m in MEMBERS])
SPLIT = """First. A, 2020.

    L = a
        + b

a: one;
b: other.

More.

Use it
well.
"""


@pytest.fixture(scope="module", autouse=True)
def once():
    """Every curve is computed once for all tests."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(curves, "curve", functools.cache(curves.curve))
        yield


def numbers_apart(line):
    """A row of values as numbers, which may differ in their last digit between processors."""
    return [cell.strip() if re.search("[a-z]", cell) else float(cell) for cell in line.split("|")[1:-1]]


def test_the_page_is_fresh():
    held, made = (DOCS / "losses.md").read_text(encoding="utf-8").splitlines(), shown.page().splitlines()
    assert len(held) == len(made), "run tools/document_losses.py"
    for old, new in zip(held, made, strict=True):
        if re.match(r"\| (.*: )?(value|derivative)", new):
            assert numbers_apart(old) == [x if isinstance(x, str) else pytest.approx(x, rel=0.02, abs=1e-6) for x in
                                          numbers_apart(new)], "run tools/document_losses.py"  # fmt: skip
        else:
            assert old == new, "run tools/document_losses.py"


def test_what_editors_see_is_fresh():
    held = Path(functional.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    assert held == shown.stub(), "run tools/document_losses.py"


def test_every_loss_has_its_image_and_no_other_is_left():
    assert {path.name for path in (DOCS / "losses").iterdir()} == {f"{role}_{name}.png" for role, name in MEMBERS}


@everyone
def test_every_loss_says_what_it_is_and_when_to_use_it(role, name):
    (entry,) = catalogue.entries(role, name)
    assert len(entry.title) > 20 and "=" in entry.formula and entry.symbols
    assert re.match("Use (it|version) ", entry.use) and entry.use.endswith(".") and entry.weight > 0


@everyone
def test_the_derivative_that_is_drawn_is_that_of_the_value(role, name):
    curve = curves.curve(role, name)
    x = curve.x.logit() if "logit" in curve.slope else curve.x.deg2rad() if "radians" in curve.slope else curve.x
    for value, slope in curve.lines.values():
        assert value.isfinite().all() and slope.isfinite().all() and (name == "inner_product" or (value >= 0).all())
        if name in ("wiou", "focal_eiou", "mal", "arcface"):  # weighed by a factor without gradient; the last one jumps
            continue
        rise = (value[2:] - value[:-2]) / (x[2:] - x[:-2])
        off = (rise - slope[1:-1]).abs() > 0.05 * slope.abs().max() + 1e-9
        assert off.float().mean() < 0.05  # but at kinks


def test_docstrings_are_taken_apart():
    assert catalogue.parts(SPLIT) == ("First. A, 2020.", "L = a\n    + b", "a: one; b: other. More.", "Use it well.")


def test_arguments_are_those_a_config_can_set():
    by_name = {a.name: a for a in catalogue.entries("feature", "arcface")[0].arguments}
    assert by_name.keys() == {"scale", "margin"} and by_name["scale"] == ("scale", "float", "64.0")
    assert catalogue.entries("box", "mpdiou")[0].arguments[1:] == [("diagonal", "float or null", "null")]
    assert catalogue.entries("box", "l1")[0].space == "deltas" and catalogue.entries("offset", "l1")[0].space is None
    assert ("clamp", "float or null", "0.0001") in catalogue.entries("heatmap", "neg")[0].arguments
    assert ("version", "1 | 3", "1") in catalogue.entries("box", "wiou")[0].arguments
    assert ("nonzero", "true or false", "true") in catalogue.entries("grouping", "triplet")[0].arguments


def test_the_list_holds_all_and_each_more_of_less():
    everything, role, one = shown.terminal(), shown.terminal("box"), shown.terminal("box", "ciou")
    assert all(f"  {name} " in everything for _, name in MEMBERS)
    assert "gated false" in role and "d^2 / c^2" in role and "grouping:" not in role
    assert "weight 2.4, compares boxes" in one and "weight 1, compares deltas; no arguments" in role
    assert "trade-off" in one and "gated: true or false, false" in one
    assert max(map(len, "\n".join((everything, role, one)).splitlines())) <= shown.WIDTH


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("boxes",), "there is no role 'boxes' for a loss; there are heatmap,"),
        (("box", "cuio"), "did you mean"),
        (("box", "torch.nn.L1Loss"), "torch.nn.L1Loss is not a loss of this package; box has alpha_iou,"),
    ],
)
def test_unknown_names_are_a_sentence(asked, message):
    with pytest.raises(ValueError, match=message):
        shown.terminal(*asked)
