"""The layering of DESIGN: imports point down, siblings do not import each other but where it is listed."""

import ast
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Bottom up. A file belongs to the longest name that its path begins with.
LAYERS = [
    ["inheritance", "wording", "structures", "schema"],
    ["config"],
    ["help", "commandline", "checks", "grid", "outputs"],
    ["ops", "backbones"],
    [
        "data",
        "losses",
        "checkpoint",
        "visualize",
        "metrics",
        "hardware",
        "signals",
        "pictures",
        "bad_steps",
        "simulation_rules",
        "running_windows",
    ],
    ["detectors", "inference", "optim", "runs", "scoring", "loss_curves", "simulation_descent"],
    ["report"],
    ["evaluate", "state", "catalogue", "check_data", "export_plan", "exported", "quantisation"],
    ["journal", "result", "persistence", "replay", "exported_detector", "export_check"],
    ["engine", "predictor", "show_data", "export"],
    ["compare", "simulation", "annotate", "diagnosis", "benchmark"],
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
SIBLINGS = {("commandline", "help")}  # within a layer: who may import whom
FILES = sorted(ROOT.glob("cornernet/**/*.py"))


def part(module):
    """`cornernet.data.coco` -> `data`; None for the package itself."""
    names = module.split(".")
    return names[1] if names[0] == "cornernet" and len(names) > 1 else None


def imported(path, tree):
    """Modules of the package that a file imports, names imported from packages included; `if TYPE_CHECKING` is not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            yield from [f"{node.module}.{alias.name}" for alias in node.names]


def violations(path, source):
    """Imports of a file that point up or sideways."""
    own = part(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for module in imported(path, ast.parse(source)):
        other = part(module)
        if other in (None, own) or other not in LEVEL or (own, other) in SIBLINGS:
            continue
        if LEVEL[other] >= LEVEL[own]:
            yield f"{path.relative_to(ROOT)} imports {module}"


def test_every_file_has_its_layer():
    parts = {path.relative_to(ROOT / "cornernet").with_suffix("").parts[0] for path in FILES} - {"__init__"}
    assert parts == set(LEVEL)


@pytest.mark.parametrize("path", [p for p in FILES if p != ROOT / "cornernet/__init__.py"], ids=lambda p: p.stem)
def test_imports_point_down(path):
    assert list(violations(path, path.read_text())) == []


def test_the_test_sees_a_violation():
    path = ROOT / "cornernet/ops/nms.py"
    assert list(violations(path, "from cornernet.data.images import read_image"))
    assert list(violations(path, "def f():\n    from cornernet import engine"))
    assert list(violations(ROOT / "cornernet/data/coco.py", "import cornernet.losses.ae"))
    assert not list(violations(path, "from cornernet.structures import Batch\nfrom cornernet.ops.gather import x"))


def test_no_drawers():
    names = {path.name for path in FILES}
    assert not names & {"utils.py", "util.py", "misc.py", "common.py", "helpers.py"}


def test_configs_stay_out_of_classes():
    """Builders turn settings into arguments; only what holds or passes on a run's settings may take a Config."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.name not in ("State", "Predictor", "Journal", "Run"):
                text = ast.unparse(node)
                assert "Config" not in text or path.name == "schema.py", f"{path.name}: {node.name}"


@pytest.mark.parametrize("path", sorted((ROOT / "tools").glob("*.py")), ids=lambda p: p.stem)
def test_tools_are_short(path):
    tree = ast.parse(path.read_text())
    strings = {line for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
               for line in range(node.lineno, node.end_lineno + 1)}  # fmt: skip
    lines = [i for i, line in enumerate(path.read_text().splitlines(), 1) if line.strip() and i not in strings]
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert len(lines) <= 25 and functions == ["main"]


def test_layers_are_disjoint():
    names = sorted(name for names in LAYERS for name in names)
    assert all(a != b for a, b in pairwise(names))
