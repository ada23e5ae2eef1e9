"""The order of rooms: imports point down, rooms of one floor do not know each other, and no room holds a circle."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "cornernet"
FLOORS = [  # bottom up
    ["errors", "structures", "processes", "version", "precision"],
    ["system", "registry"],
    ["config", "arguments"],
    ["ops", "hardware"],
    ["backbones", "losses", "data", "drawing", "graphs"],
    ["detectors"],
    ["checkpoints"],
    ["prediction"],
    ["evaluation"],
    ["training"],
    ["experiments", "export", "profiling", "recipes"],
    ["cli"],
]
OPEN = {
    "arguments",
    "errors",
    "structures",
    "processes",
    "version",
    "precision",
    "registry",
    "hardware",
    "system",
    "config",
    "ops",
    "losses",
    "cli",
}
DOORS = {room for rooms in FLOORS for room in rooms} - OPEN  # others are collections, had by the names of their modules
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(PACKAGE.glob("**/*.py"))


def name(path):
    """Dotted name of a file's module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name(path) for path in FILES}
FOLDERS = {name(path) for path in FILES if path.stem == "__init__"}


def imported(source):
    """Modules of the package that a source imports, wherever in it; a name that is no module counts as its module's."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "cornernet")
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are written in full"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from {x if x in MODULES else node.module for x in names if x.split(".")[0] == "cornernet"}


def filled(own, source):
    """Modules of a folder whose door imports whatever lies in it: it hands its `__path__` on."""
    given = [x for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) for x in node.args]
    if any(isinstance(x, ast.Name) and x.id == "__path__" for x in given):
        yield from (module for module in MODULES if module.rpartition(".")[0] == own)


def arrows_of(own, source):
    """All modules of the package that a module imports, wherever and however; the package's own door is left out."""
    return {*imported(source), *filled(own, source)} - {own, "cornernet"}


def room(module):
    """`cornernet.data.sources` -> `data`; None for the package itself and for other packages."""
    return module.split(".")[1] if module.startswith("cornernet.") else None


def upward(own, source):
    """Imports of a module that point up or sideways, out of its room."""
    here = room(own)
    for other in imported(source):
        there = room(other)
        if there is None or (there != here and FLOOR[there] >= FLOOR[here]):
            yield other


def through_the_wall(own, source):
    """Imports of a module from inside another room that has a door, which is where they belong.

    A name that a module of the room has too is had from that module: the door would hide it.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and room(node.module) in DOORS - {room(own)} and node.module not in FOLDERS:
            folder = node.module.rpartition(".")[0]
            yield from (x.name for x in node.names if f"{folder}.{x.name}" not in MODULES)


def circle(arrows):
    """The modules of a circle among the arrows, or []."""
    done, path = set(), []

    def visit(module):
        if module in path:
            return path[path.index(module) :]
        if module in done:
            return []
        path.append(module)
        found = next((x for other in sorted(arrows[module]) if (x := visit(other))), [])
        path.pop()
        done.add(module)
        return found

    return next((found for module in sorted(arrows) if (found := visit(module))), [])


def test_every_room_has_its_floor_and_its_door():
    rooms = {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in FILES} - {"__init__", "__main__"}
    assert rooms == set(FLOOR)
    for folder in {path.parent for path in FILES} - {PACKAGE}:
        assert len(ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or "") > 40, folder


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.parent != PACKAGE or path.stem not in ("__init__", "__main__")], ids=name
)
def test_imports_point_down_and_pass_through_doors(path):
    assert list(upward(name(path), path.read_text())) == []
    assert list(through_the_wall(name(path), path.read_text())) == []


def test_no_circle():
    arrows = {name(path): arrows_of(name(path), path.read_text()) for path in FILES}
    arrows.pop("cornernet")
    assert circle(arrows) == []


def test_a_member_that_imports_its_door_is_a_circle():
    """Also where the door imports it by its name in the folder, and the member only when it is called."""
    arrows = {name(path): arrows_of(name(path), path.read_text()) for path in FILES}
    assert "cornernet.losses.box.inner" in arrows["cornernet.losses.box"]
    for lazy in ("from cornernet.losses import build", "from cornernet.losses.box import LOSSES"):
        member = {"cornernet.losses.box.inner": arrows_of("cornernet.losses.box.inner", f"def f():\n    {lazy}")}
        assert "cornernet.losses.box.inner" in circle(arrows | member)


def test_the_test_sees_what_it_forbids():
    assert list(upward("cornernet.ops.nms", "from cornernet.data.images import read_image"))
    assert list(upward("cornernet.losses.catalogue", "from cornernet.cli.help import help_text"))
    assert list(upward("cornernet.losses.box.iou", "def f():\n    from cornernet import detectors"))
    assert list(upward("cornernet.data.check", "import cornernet.drawing"))
    assert not list(upward("cornernet.data.check", "from cornernet.config import Config"))
    assert list(through_the_wall("cornernet.cli.train", "from cornernet.training.engine import train")) == ["train"]
    assert not list(through_the_wall("cornernet.cli.train", "from cornernet.training import engine"))
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
