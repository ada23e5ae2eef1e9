"""The site: its contents name what is there and leave nothing out, it builds without a warning and fetches nothing."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.test_layers import FLOORS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
FETCHED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=[\"'](?:https?:)?//[^\"']*")
PACKAGE = ROOT / "cornernet"


def pages(entry) -> list[str]:
    """Files of an entry of `nav`, those of its sections included."""
    if isinstance(entry, str):
        return [entry]
    held = entry.values() if isinstance(entry, dict) else entry
    return [page for part in held for page in pages(part)]


def rooms() -> set[str]:
    """Rooms of the package: its folders and the files beside them."""
    found = {path.parent.name for path in PACKAGE.glob("*/__init__.py")} | {path.stem for path in PACKAGE.glob("*.py")}
    return found - {"__init__", "__main__"}


def test_the_contents_name_every_page_and_no_other():
    named = pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    there = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.glob("**/*.md"))
    assert sorted(named) == there


def test_every_room_is_drawn_described_and_has_its_page():
    names = re.findall(r'class="name".* y="(\d+)">(\w+)<', (DOCS / "architecture.svg").read_text(encoding="utf-8"))
    floors = itertools.groupby(sorted(names, key=lambda drawn: -int(drawn[0])), key=lambda drawn: drawn[0])
    assert [{name for _, name in drawn} for _, drawn in floors] == [set(floor) for floor in FLOORS]
    for text in (DOCS / "architecture.md", ROOT / "CONTRIBUTING.md"):
        missing = [room for room in rooms() if not re.search(rf"\b{room}\b", text.read_text(encoding="utf-8"))]
        assert not missing, text.name
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")} - {"cli", "system"}
    assert {path.stem for path in (DOCS / "api").glob("*.md")} == folders | {"cornernet"}


def test_modules_of_the_api_pages_exist():
    for page in (DOCS / "api").glob("*.md"):
        for name in re.findall(r"^::: ([\w.]+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
            path = ROOT / name.replace(".", "/")
            inside = path.parent.with_suffix(".py"), path.parent / "__init__.py"  # of a function
            assert path.is_dir() or path.with_suffix(".py").is_file() or any(x.is_file() for x in inside), name


@pytest.mark.slow
def test_the_site_builds_strictly_and_fetches_nothing(tmp_path):
    for package in ("mkdocs", "mkdocstrings_handlers.python"):
        pytest.importorskip(package, reason="make docs installs mkdocs and mkdocstrings")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stderr
    texts = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("**/*.html")}
    assert {name: found for name, text in texts.items() if (found := FETCHED.findall(text))} == {}
    styles = [path.read_text(encoding="utf-8") for path in tmp_path.glob("**/*.css")]
    assert not any(re.search(r"url\([\"']?(?:https?:)?//|@import", text) for text in styles)
    assert 'id="cornernet.losses.AELoss"' in (tmp_path / "api" / "losses.html").read_text(encoding="utf-8")
