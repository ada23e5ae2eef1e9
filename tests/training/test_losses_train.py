"""Every loss of the corner detector trains the demo to a lower loss; minutes each, see `make test-slow`."""

import csv
import statistics
from pathlib import Path

import pytest

from cornernet import config
from cornernet.losses import ROLES
from cornernet.training import engine

SHAPES = Path(__file__).resolve().parents[2] / "configs" / "shapes.yaml"
FIXED = "train.log_every=1", "train.eval_every=0", "train.save_every=0", "data.shapes.val_images=2"
STEPS = {"triplet": 600}  # with the hardest of both kinds, distances grow before the classes part: 0.73, 0.99, 0.53
MEMBERS = [pytest.param(r, n, id=f"{r}.{n}") for r in ("grouping", "heatmap", "feature") for n in ROLES[r]]


@pytest.mark.slow
@pytest.mark.parametrize(("role", "name"), MEMBERS)
def test_a_few_hundred_steps_lower_the_loss(tmp_path, role, name):
    overrides = [f"train.steps={STEPS.get(name, 200)}", f"work_dir={tmp_path / 'run'}"]
    overrides += [f"loss.{role}={{name: {name}}}"] if name != "ae" else []
    engine.train(config.load(SHAPES, [*FIXED, *overrides]))
    with open(tmp_path / "run" / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    terms = [term for term in rows[0] if term not in ("step", "lr", "images_per_s", "memory_mib")]
    before, after = (
        {t: statistics.mean(float(row[t]) for row in part) for t in terms} for part in (rows[:20], rows[-20:])
    )
    assert after["total"] < before["total"]
    own = {"heatmap": {"heatmap"}, "feature": {"feature"}}.get(role, set(terms) - {"heatmap", "offset", "total"})
    assert sum(after[t] for t in own) < sum(before[t] for t in own)
    print(name, {t: f"{before[t]:.3g} -> {after[t]:.3g}" for t in terms})
