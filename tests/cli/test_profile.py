"""What `profile` prints, and the sentence for keys that do not go together."""

import re

import pytest

from cornernet import config
from cornernet.cli import profile, step_tables
from cornernet.cli.commandline import call
from cornernet.profiling import growth, point, training_step
from cornernet.profiling.growth import Growth
from cornernet.profiling.training_step import Measured

GIB = 2**30


def made(seconds, peak, constant=GIB):
    """A measurement, the same time in every part."""
    return Measured(dict.fromkeys(training_step.PARTS, seconds), peak, constant, {})


def test_a_step(tiny, capsys):
    call(profile.COMMAND, [str(tiny), "repeats=1", "train.batch_size=1"])
    out = capsys.readouterr().out
    assert out.startswith("1 image of 64 x 64 on cpu") and "peak memory" in out and "loss: " in out
    names = ["colours", "backbone, stride ", "backbone, between", "heads", "targets", "loss", "backward", "optimiser"]
    out = out[out.index("layers hand on") :]
    places = [out.index(f"\n{name}") for name in [*names, "waiting, ", "a batch in one process: reading", "- "]]
    assert places == sorted(places)


def test_without_images_the_loader_is_said_not_to_be_measured(tiny, capsys):
    call(profile.COMMAND, [str(tiny), "repeats=1", "train.batch_size=1", "data.name=coco", "data.root=nowhere"])
    out = capsys.readouterr().out
    assert "the loader is not measured: " in out and "waiting" not in out


def test_growth_and_what_was_left_out(tiny):
    settings = config.load(tiny)
    points = growth.plan(settings, "batch", ["1", "2", "4"])[0]["batch"]
    found = growth.table("batch", points, [[made(n**2, (7 + n) * GIB, 7 * GIB)] for n in (1, 2)] + [[]])
    head, table, note = step_tables.growth(settings, Growth([found], ["no room"]), 5).split("\n\n")
    assert "medians of 5 processes a row" in head and note == "no room"
    lines = table.splitlines()
    assert lines[0].split("  ")[0] == "images a step" and len(lines) == 6
    assert " ".join(lines[2].split()) == "2 4.000 s 4.000 s 4.000 s 12.00 s 9.00 GiB 2.00 GiB"
    assert lines[3].split() == ["4", *"------"]
    assert lines[4].split() == ["exponent", "2.00", "2.00", "2.00", "2.00", "0.17", "1.00"]
    assert lines[5].split()[2:5] == ["2.00", "to", "2.00"]


def test_an_estimate_says_that_it_is_one(tiny, capsys):
    call(profile.COMMAND, [str(tiny), "estimate=2", "tflops=0.001", "model.backbone.stacks=1"])
    out = capsys.readouterr().out
    assert out.startswith("ESTIMATE") and "ESTIMATE for 2 x 0.001 TFLOP/s, 2 TB/s, 80 GB, link 300" in out
    rows = dict(re.findall(r"^(\S.{21}) +([\d.]+) ", out, re.MULTILINE))
    rows = {name.strip(): float(value) for name, value in rows.items()}
    assert rows["arithmetic"] > 0 and "Left out: " in out
    assert rows["roofline, 2 devices"] == pytest.approx(2 * rows["roofline, 1 device"], abs=0.2)


@pytest.mark.slow
def test_this_machine_is_held_against_its_estimate(tiny, capsys):
    call(profile.COMMAND, [str(tiny), "estimate=here", "repeats=1"])
    out = capsys.readouterr().out
    assert all(word in out for word in ("GFLOP/s measured", "GB/s measured", "x the roofline", "ESTIMATED"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("tflops=1", "tflops goes with estimate="),
        ("values=1,2", "values goes with vary="),
        ("estimate=0", "estimate must be a whole number of at least 1 or here, got '0'"),
        ("estimate=2 memory=-1", "memory must be a number above 0, got '-1'"),
        ("estimate=2 link=fast", "link must be a number above 0, got 'fast'"),
        ("estimate=2 bandwidth=inf", "bandwidth must be a number above 0"),
        ("estimate=3", "cannot be shared out to 3 devices"),
        ("estimate=2 repeats=3", "repeats goes with estimate=here alone"),
        ("estimate=here tflops=3", "only repeats goes with it"),
        ("estimate=2 vary=all", "two questions"),
        ("vary=width", "vary must be size, classes"),
        ("vary=batch value=1,2", "value"),
        ("repeats=0", "repeats must be a whole number"),
        ("estimated=2", "unknown key estimated, did you mean estimate?"),
        ("train.batch_sice=2", "batch_size"),
        ("model.min_overlap=0", "model.min_overlap must be above 0"),
        ("data.input_size=[65,64]", "nearest"),
        ("vary=batch values=1,x", "values of batch must be whole numbers"),
        ("estimate=8 train.batch_size=0", "train.batch_size must be at least"),
        ("estimate=8 train.accumulate=0", "train.accumulate must be at least"),
    ],
)
def test_what_does_not_suit_is_refused(tiny, given, message, monkeypatch, capsys):
    monkeypatch.setattr(point, "measured", lambda *_: pytest.fail("measured"))
    with pytest.raises(SystemExit) as left:
        call(profile.COMMAND, [str(tiny), *given.split()])
    assert left.value.code == 2 and message in capsys.readouterr().err
