"""A comparison as a YAML file: what it says, what is refused, and that it is the same as the command line."""

import csv
import dataclasses
from pathlib import Path

import pytest
import torch

from cornernet import config
from cornernet.experiments import comparison, grid, planning, points
from cornernet.training import preflight

ROOT = Path(__file__).resolve().parents[2]

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "configs" / "comparisons").glob("*.yaml"))


@pytest.fixture
def write(tiny, tmp_path):
    """Write a comparison on `tiny` -> its path."""

    def write(text, name="mine.yaml"):
        (tmp_path / "tiny.yaml").write_text(tiny.read_text())
        (tmp_path / "sub").mkdir(exist_ok=True)
        (tmp_path / "sub" / name).write_text(f"config: ../tiny.yaml\n{text}")
        return tmp_path / "sub" / name

    return write


BOMB = ", ".join(f"&a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9))
NUMBERS = [round(0.01 * k, 2) for k in range(1, 21)]
FULL = """
set: [data.shapes.max_objects=2, train.lr=1e-3]
vary: {loss.grouping.name: [ae, half_sides], test.kernel: [3, 5]}
members:
  plain: &plain [model.head.tag_dim=2]
  triplets: [*plain, model.head.centre=true]
seeds: [1, 2]
budget: {steps: 7}
"""


def test_members_are_combined_with_what_varies(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = planning.plan(write(FULL))
    assert found.fixed == ["data.shapes.max_objects=2", "train.lr=1e-3", "train.steps=7"]
    assert found.seeds == [1, 2] and (found.folder, found.rows) == (Path("runs/mine"), Path("runs/mine/mine.csv"))
    wanted = points.points(found, {})
    assert [(x.label["member"], x.label["loss.grouping.name"]) for x in wanted[:4]] == [
        ("plain", "ae"), ("plain", "half_sides"), ("triplets", "ae"), ("triplets", "half_sides"),
    ]  # fmt: skip
    assert len(wanted) == 8 and len(wanted[0].tests) == 2 and len({x.digest for x in wanted}) == 4
    settings = config.load(found.path, wanted[-1].settings)
    assert settings.model.head.centre and settings.loss.grouping.name == "half_sides" and settings.seed == 2
    assert settings.train.steps == 7 and settings.data.shapes.max_objects == 2


def test_the_command_line_says_the_same(write, tiny):
    found = planning.plan(write("vary: {loss.heatmap.name: [neg, bce]}\nseeds: 2\nset: [train.lr=1e-3]\nout: ../out"))
    typed = planning.plan(tiny, ["loss.heatmap.name=[neg,bce]", "train.lr=1e-3"], seeds=2)
    same = dict(path="", name="", folder=Path(), results=Path())
    assert found._replace(**same) == typed._replace(**same) and found.folder.resolve() == found.rows.parent.resolve()
    assert [x.digest for x in points.points(found, {})] == [x.digest for x in points.points(typed, {})]
    more = planning.plan(
        write("vary: {loss.heatmap.name: [neg, bce]}"), ["train.lr=[1e-3,1e-4]", "train.steps=3"], seeds=3
    )
    assert len(points.points(more, {})) == 12 and more.fixed == ["train.steps=3"]


def test_what_is_saved_beside_the_table_is_the_same_comparison(write, tmp_path, monkeypatch):
    text = (
        FULL.replace("steps: 7", "minutes: 2.5")
        + "search: {loss.heatmap.weight: [1, 2]}\nresults: ../results\nout: ../o"
    )
    found = planning.plan(write(text))
    found.folder.mkdir()
    comparison.save(found)
    monkeypatch.chdir(found.folder)
    again = planning.plan(comparison.FILE)
    same = dict(path="", folder=Path(), results=Path())
    assert again._replace(**same) == found._replace(**same)
    assert again.rows.resolve() == tmp_path / "results" / "mine.csv" and again.folder.resolve() == tmp_path / "o"
    there = []
    for plan in (found, again):
        (timing, *_) = points.timings(plan, {})
        record = points.rows.record("timing", timing.label, {"steps": 9}, {})
        there.append(
            [x.digest for x in points.trials(plan, {key: record for x in points.timings(plan, {}) for key in x.keys()})]
        )
    assert there[0] == there[1] and len(there[0]) == 8


def test_a_digest_tells_what_changes_a_training_and_nothing_else(write, monkeypatch):
    found = planning.plan(write(FULL))
    choice = grid.trainings(found)[0]
    digest = grid.training_digest(found, choice)
    for same in (
        "seed=9",
        "work_dir=x",
        "data.root=/elsewhere",
        "data.workers=3",
        "test.kernel=7",
        "train.resume=auto",
    ):
        assert grid.training_digest(found, choice, same) == digest, same
    for other in ("train.lr=2e-3", "train.ema=null", "loss.grouping.args.chunk_size=null", "data.transforms.crop=null"):
        assert grid.training_digest(found, choice, other) != digest, other
    moved = grid.Choice({}, ["data.root=/elsewhere"])  # what is compared counts
    assert grid.training_digest(found, moved) != grid.training_digest(found, grid.Choice({}, []))
    tests = [
        dataclasses.asdict(grid.settings(found, choice, x).test) for x in ("test.kernel=7", "test.draw_labels=none")
    ]
    own = grid.test_digest(dataclasses.asdict(grid.settings(found, choice).test))
    assert grid.test_digest(tests[0]) != own == grid.test_digest(tests[1])
    of = {x: dataclasses.asdict(grid.settings(found, choice, f"test.precision={x}").test) for x in ("fp32", "bf16")}
    before = {key: value for key, value in of["fp32"].items() if key != "precision"}  # of a row older than the key
    assert grid.test_digest(before) == grid.test_digest(of["fp32"]) != grid.test_digest(of["bf16"])
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert grid.test_digest({**of["fp32"], "precision": "auto"}) == grid.test_digest(of["bf16"])


def test_a_key_that_is_new_and_off_changes_no_digest(write, monkeypatch):
    found = planning.plan(write(FULL))
    choice = grid.trainings(found)[0]
    digest, held = grid.training_digest(found, choice), grid.plain.held

    def with_keys(**new):  # held goes into every section by itself
        def later(value):
            values = held(value)
            return {**values, **new} if isinstance(value, config.Train) else values

        return later

    monkeypatch.setattr(grid.plain, "held", with_keys(new=None, flag=False, listed=[]))
    assert grid.training_digest(found, choice) == digest
    monkeypatch.setattr(grid.plain, "held", with_keys(new=1))
    assert grid.training_digest(found, choice) != digest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("varies: {a.b: [1]}", r"mine\.yaml: unknown key varies; did you mean vary\?"),
        ("budget: {step: 3}", r"unknown key budget\.step; did you mean budget\.steps\?"),
        ("budget: {steps: 3, minutes: 1}\nseeds: 2", "budget must hold steps or minutes, got both"),
        ("budget: {steps: 3}\nvary: {train.steps: [1, 2]}", "train.steps is given, and budget sets it"),
        ("budget: {minutes: 0}\nseeds: 2", "budget.minutes must be above 0 .*, got 0"),
        ("budget: {minutes: long}\nseeds: 2", "budget.minutes must be a number, got long"),
        ("train: {steps: 3}\nseeds: 2", "train is a key of a config; what a comparison sets for all stands in set"),
        ("seeds: 1", "nothing to compare"),
        ("seeds: none", "seeds must be how many"),
        ("set: [train.lr]\nseeds: 2", r"set must hold overrides such as train\.lr=1e-4, got 'train\.lr'"),
        ("members: {a: [], b: {x: 1}}", r"members\.b must hold overrides"),
        ("vary: {train.lr: 3}", r"vary: train\.lr must have a list of values to compare, got 3"),
        ("vary: {test.scales: [1, 2]}", r"vary: test\.scales must have a list of lists"),
        ("vary: {train.lr: []}", "there is nothing in this list"),
        ("vary: {train.lrr: [1, 2]}", r"unknown key train\.lrr"),
        ("members: {a: [], ' ': []}", "members: one has no name"),
        ("members: {a: [seed=3], b: []}", "got seed=3, but a comparison sets seed itself; seeds= chooses"),
        ("search: {loss.heatmap.weight: [-1, a]}\nseeds: 2", "loss.heatmap.weight must be a number"),
        ("executor: pbs\nseeds: 2", "executor must be local or slurm, got 'pbs'"),
        ("name: ../x\nseeds: 2", "name must be that of a file other than comparison and differences, got '../x'"),
        ("share: 1\nseeds: 2", "share above 0 and below 1"),
        ("seeds: 2\nseeds: 3", "found duplicate key seeds"),
        ("set: &a [*a]\nseeds: 2", "aliases stand for more than 100000 values, or for themselves"),
        (f"set: [&a0 [train.lr=1], {BOMB}]\nseeds: 2", "aliases stand for more than 100000 values"),
        ("vary: [1, 2]", r"mine\.yaml: vary must hold keys and values"),
        ("vary: {loss.heatmap: [{name: neg, args: null}, {name: bce}]}", r"loss\.heatmap\.args may not be null"),
        ("vary: {loss.heatmap: [{name: neg, args: [1]}, {name: bce}]}", r"loss\.heatmap takes no value of its own"),
        ("vary: {loss.heatmap: [{name: null, weight: 1}, {name: bce}]}", r"loss\.heatmap\.name may not be null"),
        ("seeds: 1000000000000", r"seeds must be how many, .*at most 10000"),
        ("seeds: [9223372036854775808]", "seeds must be how many"),
        (f"vary: {{train.lr: {NUMBERS}, train.gamma: {NUMBERS}, train.ema: {NUMBERS}}}", "this makes 16000 trainings"),
        ("budget: {minutes: .nan}\nseeds: 2", r"budget\.minutes must be above 0 and at most 1e\+06, got nan"),
        ("budget: {minutes: .inf}\nseeds: 2", r"budget\.minutes must be above 0 and at most 1e\+06, got inf"),
        ("budget: {steps: 3}\nmembers: {a: [train.steps=5], b: []}", "train.steps is given, and budget sets it"),
        ("name: ..\nseeds: 2", r"name must be that of a file other than .*, got '\.\.'"),
        ("search: {test.kernel: [3, 5]}\nseeds: 2", "not all values of test.kernel make another training"),
        ("search: {train.lr: [1, 2]}\nvary: {train.lr: [1, 2]}", "train.lr varies and is searched"),
        ("search: {data.workers: [0, 1]}\nseeds: 2", "not all values of data.workers make another training"),
    ],
)
def test_mistakes_are_a_sentence(write, text, message):
    with pytest.raises(ValueError, match=message):
        planning.plan(write(text))


@pytest.mark.parametrize("budget", ["steps: 7", "minutes: 3"])
def test_steps_that_are_typed_come_on_top_of_the_budget(write, budget):
    found = planning.plan(write(f"seeds: 2\nbudget: {{{budget}}}"), ["train.steps=5"])
    assert found.minutes is None and found.fixed == ["train.steps=5"]
    with pytest.raises(ValueError, match=r"slurm must hold keys and values such as \{timeout_min: 60\}, got 5"):
        planning.plan(write("seeds: 2"), slurm=5)


def test_a_config_is_told_from_a_comparison(write, tiny, tmp_path):
    assert comparison.read(tiny) is None and comparison.read("shapes") is None
    (tmp_path / "x.yaml").write_text("seeds: 3\ntrain: {steps: 1}")  # a config with a slip
    assert comparison.read(tmp_path / "x.yaml") is None
    (tmp_path / "x.yaml").write_text("seeds: 3\nvary: {}")
    with pytest.raises(ValueError, match=r"x\.yaml: config must be given"):
        comparison.read(tmp_path / "x.yaml")
    (tmp_path / "x.yaml").write_text("config: none.yaml\nseeds: 3")
    with pytest.raises(FileNotFoundError, match=r"there is no config file .*none\.yaml"):
        planning.plan(tmp_path / "x.yaml")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_shipped_comparison_would_be_trained(path):
    found = planning.plan(path)
    assert (
        path.read_text().startswith("# ") and f"compare_losses.py configs/comparisons/{path.name}" in path.read_text()
    )
    for choice in grid.trainings(found):
        preflight.check(grid.settings(found, choice), weights=False)
    assert planning.plan(f"comparisons/{path.stem}")._replace(path="") == found._replace(path="")


@pytest.mark.parametrize("name", ["box", "grouping", "grouping_bccd"])
def test_rows_in_the_docs_are_those_of_the_shipped_comparisons(name):
    """Whatever a later version adds: trainings that are done stay done."""
    found = planning.plan(ROOT / "configs" / "comparisons" / f"{name}.yaml")
    with open(ROOT / "docs" / "results" / f"{name}.csv", encoding="utf-8", newline="") as file:
        held = [row for row in csv.DictReader(file) if row["kind"] == "point"]
    choices = [tried for trained in grid.trainings(found) for tried in grid.tried(found, trained) or [trained]]
    steps = f"train.steps={held[0]['steps']}"
    assert {row["config"] for row in held} <= {grid.training_digest(found, choice, steps) for choice in choices}
    ways = [way for trained in grid.trainings(found) for way in grid.tests(found, trained)]
    own = {grid.test_digest(dataclasses.asdict(grid.settings(found, way).test)) for way in ways}
    assert {row["test"] for row in held} == own
