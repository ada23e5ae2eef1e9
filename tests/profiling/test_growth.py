"""How a step grows: the points and their order, processes of their own, tables of hand-made measurements."""

import math

import numpy as np
import pytest
import torch

from cornernet import config
from cornernet.errors import Failed
from cornernet.profiling import growth, point, quantities, training_step
from cornernet.profiling.training_step import Measured, random_batch

GIB = 2**30


def made(seconds, peak, constant=GIB):
    """A measurement, the same time in every part."""
    return Measured(dict.fromkeys(training_step.PARTS, seconds), peak, constant, {})


@pytest.fixture
def settings(tiny):
    """Config of a corner detector for 64 x 64 pixels, whose stride is 16."""
    return config.load(tiny)


# -- what is varied ---------------------------------------------------------------------------------------------


def test_classes_and_objects_of_a_batch(settings):
    batch = random_batch(settings, classes=2, objects=3)
    assert batch.labels.unique().tolist() == [0, 1] and batch.mask.sum(1).tolist() == [3] * 4
    assert random_batch(settings, objects=99).mask.sum(1).tolist() == [8] * 4  # data.max_objects


def test_each_quantity_changes_its_own_key(settings):
    plans, notes = growth.plan(settings, "all")
    assert list(plans) == ["size", "classes", "objects", "stacks", "batch"] and not notes
    assert [p.settings.data.input_size for p in plans["size"]] == [(n, n) for n in (32, 48, 64, 80)]
    assert [p.value for p in plans["size"]] == [1024, 2304, 4096, 6400]
    assert [p.classes for p in plans["classes"]] == [20, 80, 320]
    assert [(p.objects, p.settings.data.max_objects) for p in plans["objects"]] == [(n, n) for n in (8, 64, 512)]
    assert [p.settings.model.backbone.stacks for p in plans["stacks"]] == [1, 2, 3]
    assert [p.settings.train.batch_size for p in plans["batch"]] == [1, 2, 4, 8]
    kept = ("size", settings.train), ("classes", settings.train), ("batch", settings.data)
    assert all(section in (p.settings.train, p.settings.data) for name, section in kept for p in plans[name])
    assert {(p.classes, p.objects) for p in plans["batch"]} == {(80, 8)}


def test_sizes_keep_what_they_fall_short_of_the_stride(tiny):
    settings = config.load(tiny, ["data.input_size=[63,127]"])
    sizes = [p.shown for p in growth.plan(settings, "size")[0]["size"]]
    assert sizes == ["31x63", "47x95", "63x127", "79x159"]


def test_sizes_where_whole_images_are_padded(tiny):
    settings = config.load(tiny, ["data.transforms.crop=null", "data.transforms.fit={}"])
    assert len(growth.plan(settings, "size")[0]["size"]) == 4


def test_values_are_sorted_and_taken_once(settings):
    points = growth.plan(settings, "batch", ["4", "1", "4"])[0]["batch"]
    assert [p.value for p in points] == [1, 4]
    points = growth.plan(settings, "size", ["64x32", "32"])[0]["size"]
    assert [(p.shown, p.value) for p in points] == [("32x32", 1024), ("64x32", 2048)]


@pytest.mark.parametrize(("own", "values"), [(1, ["1", "2", "3"]), (3, ["1", "3", "6"]), (8, ["2", "4", "8", "16"])])
def test_batches_around_the_configs_own(tiny, own, values):
    points = growth.plan(config.load(tiny, [f"train.batch_size={own}"]), "batch")[0]["batch"]
    assert [p.shown for p in points] == values


def test_without_an_hourglass_there_are_no_stacks(tiny_anchor):
    settings = config.load(tiny_anchor, ["model.backbone.name=resnet18"])
    plans, notes = growth.plan(settings, "all")
    assert "stacks" not in plans and notes == [
        "stacks: left out, since the backbone resnet18 of this config does not take model.backbone.stacks"
    ]
    with pytest.raises(ValueError, match="stacks: left out"):
        growth.plan(settings, "stacks")


@pytest.mark.parametrize(
    ("quantity", "values", "message"),
    [
        ("width", "", "vary must be size, classes, objects, stacks, batch or all, got 'width'"),
        ("batch", "1,two", "values of batch must be whole numbers of at least 1, got 'two'"),
        ("batch", "0,1", "at least 1, got '0'"),
        ("batch", "2", "two different values of batch"),
        ("size", "64,70", "does not suit a network .* nearest"),
        ("size", "64,1x2x3", "heights and widths"),
        ("all", "1,2", "goes with one quantity, not with vary=all"),
    ],
)
def test_what_does_not_suit_is_refused_before_anything_is_measured(settings, quantity, values, message, monkeypatch):
    monkeypatch.setattr(point, "measured", lambda *_: pytest.fail("measured"))
    with pytest.raises(ValueError, match=message):
        growth.vary(settings, quantity, values.split(",") if values else [])


def test_short_steps_are_timed_until_they_took_long_enough(settings, monkeypatch):
    calls = []

    def one_step(detector, optimizer, batch, settings, rows):
        calls.append(rows)
        for k, part in enumerate(training_step.PARTS):
            rows[part].append((k + 1) / 10 if len(calls) > 1 else 50.0)  # 0.6 s a step, the first one 150
        return {"total": torch.tensor(1.0)}

    monkeypatch.setattr(training_step, "one_step", one_step)
    found = training_step.measure(settings, 1, warm=1, least=2)
    assert len(calls) == 1 + 4 and found.seconds == dict(zip(training_step.PARTS, (0.1, 0.2, 0.3), strict=True))
    calls.clear()
    training_step.measure(settings, 3, warm=1)
    assert len(calls) == 1 + 3


# -- the table --------------------------------------------------------------------------------------------------


def test_points_take_turns(settings, monkeypatch):
    order = []
    monkeypatch.setattr(point, "measured", lambda s, *_: order.append(s.train.batch_size) or made(1, 2 * GIB))
    growth.vary(settings, "batch", ["1", "2"], repeats=3)
    assert order == [1, 2] * 3


def test_costs_are_medians():
    found = [made(1, 3 * GIB), made(9, 4 * GIB), made(2, 5 * GIB)]
    assert growth.costs(found) == (2, 2, 2, 6, 4 * GIB, 3 * GIB)


def test_the_constant_share_does_not_hide_how_the_rest_grows(settings):
    points = growth.plan(settings, "batch", ["1", "2", "4"])[0]["batch"]
    found = growth.table("batch", points, [[made(n**2, (7 + n) * GIB, 7 * GIB)] for n in (1, 2, 4)])
    assert found.costs[2] == (16, 16, 16, 48, 11 * GIB, 4 * GIB)
    assert [slope.fitted for slope in found.exponents] == pytest.approx([2, 2, 2, 2, 0.23, 1], abs=0.005)
    assert found.exponents[4][1:] == pytest.approx((0.17, 0.29), abs=0.005)


# -- processes --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_point_has_its_own_memory_whatever_its_parent_holds(settings, monkeypatch):
    monkeypatch.setattr(point, "SECONDS", 0)
    held = np.ones(3 * GIB // 2, np.uint8)
    found = point.measured(settings, 3, 2)
    assert found.peak < held.nbytes
    assert 0 < found.constant < found.peak and all(value > 0 for value in found.seconds.values())
    assert found.terms["total"] > 0


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("kill -9 $$", "was ended by signal 9, which may mean that the memory"),
        ("echo no room >&2; exit 1", "failed: no room"),
        ("echo torch.OutOfMemoryError: no room >&2; exit 1", "failed: no room"),
    ],
)
def test_a_process_that_fails_says_what_it_was_to_measure(settings, monkeypatch, tmp_path, program, message):
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\ncat >/dev/null\n{program}\n")
    path.chmod(0o755)
    monkeypatch.setattr(point.sys, "executable", str(path))
    with pytest.raises(Failed, match=f"4 x 64 x 64, 3 classes, 2 objects {message}"):
        point.measured(settings, 3, 2)


@pytest.mark.slow
def test_growth_of_anchors_as_a_whole(tiny_anchor, monkeypatch):
    monkeypatch.setattr(point, "SECONDS", 0)
    found = growth.vary(config.load(tiny_anchor), "batch", ["1", "4"], 1)
    assert not found.notes and all(cost > 0 for row in found.tables[0].costs for cost in row[:5])


def test_a_point_that_fails_does_not_take_the_others_along(settings, monkeypatch):
    tried = []

    def measured(given, *_):
        tried.append(given.train.batch_size)
        if given.train.batch_size >= limit:
            raise Failed("no room for it")
        return made(given.train.batch_size, 2 * GIB)

    limit = 4
    monkeypatch.setattr(point, "measured", measured)
    (table,), notes = growth.vary(settings, "batch", ["1", "2", "4"], repeats=2)
    assert tried == [1, 2, 4, 1, 2]  # what has failed once is not tried again
    assert all(map(math.isnan, table.costs[2])) and table.exponents[0].fitted == pytest.approx(1)
    assert notes == ["no room for it"]
    limit = 1
    with pytest.raises(Failed, match="no room"):
        growth.vary(settings, "batch", ["1", "2"])


def test_a_quantity_for_every_name():
    assert list(quantities.QUANTITIES) == ["size", "classes", "objects", "stacks", "batch"]
