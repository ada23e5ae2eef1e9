"""What a comparison will run, read from its command line."""

import pytest

from cornernet.cli.compare_losses import KEYS
from cornernet.cli.keys import read
from cornernet.experiments import grid, planning, points


def plan(tiny, *settings):
    own, overrides = read(settings, KEYS)
    return planning.plan(str(tiny), overrides, **own)


def test_lists_become_combinations_and_the_rest_stays(tiny):
    found = plan(tiny, "loss.grouping.name=[ae,triplet]", "train.lr=[1e-3, 1e-4]", "test.kernel=[3,5]",
                 "train.steps=5", "seeds=2", "out=there")  # fmt: skip
    assert found.trained == {"loss.grouping.name": ["ae", "triplet"], "train.lr": ["1e-3", "1e-4"]}
    assert found.tested == {"test.kernel": [3, 5]} and found.fixed == ["train.steps=5"]
    assert found.seeds == [317, 318] and str(found.folder) == "there" and found.processes == 1
    runs = points.points(found, {})
    assert len(runs) == 8 and [point.seed for point in runs] == [317] * 4 + [318] * 4
    assert runs[1].settings == ["train.steps=5", "loss.grouping.name=ae", "train.lr=1e-4", "seed=317"]
    assert runs[1].label == {"loss.grouping.name": "ae", "train.lr": "1e-4"}
    assert [test.label["test.kernel"] for test in runs[1].tests] == ["3", "5"]


def test_a_key_that_takes_a_list_needs_a_list_of_lists(tiny):
    found = plan(tiny, "test.scales=[0.5,1]", "seeds=[4,4,7]")
    assert found.fixed == ["test.scales=[0.5,1]"] and not found.tested and found.seeds == [4, 7]
    assert plan(tiny, "test.scales=[[1],[0.5,1]]").tested == {"test.scales": [[1], [0.5, 1]]}


def test_what_is_listed_twice_is_run_once(tiny):
    assert plan(tiny, "loss.heatmap.name=[neg,bce,neg]").trained == {"loss.heatmap.name": ["neg", "bce"]}


def test_components_are_told_apart_by_their_arguments(tiny):
    found = plan(tiny, "loss.heatmap=[{name: neg}, {name: focal, weight: 2, args: {gamma: 3.0}}]")
    first, second = grid.combinations(found.trained)
    assert list(first.label.values()) == ["neg"] and list(second.label.values()) == ["focal (gamma 3.0, weight 2)"]
    point = points.points(found._replace(seeds=[9]), {})[1]
    assert point.folder.parent.name == "compare-tiny" and point.folder.name.startswith("focal-9-")
    loss = grid.config.load(found.path, point.settings).loss.heatmap
    assert (loss.name, loss.weight, loss.args) == ("focal", 2, {"gamma": 3.0})


def test_folders_differ_with_what_changes_a_training_and_only_with_that(tiny):
    def name(*overrides):
        found = plan(tiny, "loss.heatmap.name=[neg,bce]", *overrides)
        return points.points(found._replace(seeds=[1]), {})[0].folder.name

    assert name() == name() == name("test.flip=true", "seeds=[1,2]")
    assert name() != name("train.lr=0.5") and name() != name("data.shapes.seed=4")


def test_how_often_it_is_evaluated_changes_a_training_through_patience_alone(tiny):
    def digest(*overrides):
        return points.points(plan(tiny, "loss.heatmap.name=[neg,bce]", *overrides), {})[0].digest

    assert digest() == digest("train.eval_every=1") == digest("train.eval_every=0")
    assert digest("train.patience=2") != digest("train.patience=2", "train.eval_every=1")
    compared = points.points(plan(tiny, "train.eval_every=[1,2]"), {})
    assert len({point.digest for point in compared}) == 2


def test_a_section_that_is_off_changes_no_training(tiny):
    def digest(*overrides):
        return points.points(plan(tiny, "loss.heatmap.name=[neg,bce]", *overrides), {})[0].digest

    attends = "model.attention.sizes=[20]"
    assert digest() == digest("model.attention.least=9", "loss.attention.weight=2") != digest(attends)
    assert digest(attends) != digest(attends, "model.attention.least=9")


def test_how_a_training_is_tested_is_read_from_both_lists(tiny):
    found = plan(tiny, "test.kernel=[3,5]", "test.flip=true")
    wanted = [test.settings for test in points.points(found, {})[0].tests]
    assert [(test["kernel"], test["flip"]) for test in wanted] == [(3, True), (5, True)]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], r"nothing to compare: give a key a list"),
        (["train.lr=1"], r"nothing to compare"),
        (["train.lr=[]"], r"nothing in this list"),
        (["train.lr=[1,2"], r"train\.lr=\[1,2: the value is not readable as YAML"),
        (["seeds=0"], r"seeds must be how many, 1 or more, or a list of them such as \[1,2,3\], got 0"),
        (["seeds=[1,a]"], r"seeds must be how many"),
        (["processes=no", "seeds=2"], r"processes must be a whole number of at least 1, got 'no'"),
        (["seed=3", "seeds=2"], r"a comparison sets seed itself; seeds= chooses"),
        (["loss.grouping.nam=[ae,triplet]"], r"unknown key loss\.grouping\.nam"),
        (["train.lr=[1e-3,fast]"], r"train\.lr"),
    ],
)
def test_mistakes_are_a_sentence(tiny, overrides, message):
    with pytest.raises(ValueError, match=message):
        plan(tiny, *overrides)


def test_texts_are_compared_as_they_were_typed(tiny):
    found = plan(tiny, "train.init=[007,yes]", "data.split_by=^[a: {", "loss.box=[{name: giou}, {name: 007}]")
    assert found.trained == {"train.init": ["007", "yes"], "loss.box": [{"name": "giou"}, {"name": "007"}]}
    assert found.fixed == ["data.split_by=^[a: {"]
    settings = [grid.config.load(found.path, choice.overrides) for choice in grid.combinations(found.trained)]
    assert [x.train.init for x in settings] == ["007", "007", "yes", "yes"]
    assert [x.loss.box.name for x in settings] == ["giou", "007"] * 2
