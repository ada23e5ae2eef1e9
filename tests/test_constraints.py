"""The pinned versions: on every Python one of each package that setup.py asks for, within its bounds."""

import importlib.metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

PINS = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
ASKED = [Requirement(text) for text in importlib.metadata.requires("cornernet") or []]


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_every_package_has_one_version_within_its_bounds(python):
    held = [pin for pin in PINS if pin.marker is None or pin.marker.evaluate({"python_version": python})]
    pinned = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in held}
    assert len(pinned) == len(held) and len(ASKED) > 20
    for one in ASKED:
        assert one.specifier.contains(pinned[canonicalize_name(one.name)]), one
