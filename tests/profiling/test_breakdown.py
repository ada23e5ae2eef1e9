"""Parts of a step: what is inside another is counted once; waiting by hand; what is said of it and when nothing is."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cornernet import config
from cornernet.profiling import advising, breakdown
from cornernet.profiling.breakdown import Breakdown, Clock, Loading, Part, TimedSource
from cornernet.profiling.training_step import Place

CPU = torch.device("cpu")


def made(loading, workers, **seconds):
    """A breakdown of these seconds by part; a backward pass takes most of a step unless they say otherwise."""
    return Breakdown([Part(n, s) for n, s in ({"optimiser": 0.0, "backward": 9.0} | seconds).items()], loading, workers)


def said(found, *overrides, where=None, peak=0):
    settings = config.override(config.Config(), list(overrides))
    return advising.advice(settings, found, where or Place(CPU, "bf16", 1), peak)


def test_a_part_inside_another_is_counted_once(monkeypatch):
    clock, now = Clock(CPU, 64), iter([0, 10, 12, 20])
    monkeypatch.setattr(breakdown.time, "perf_counter", lambda: next(now))
    clock.begin()
    clock.begin()
    clock.end("inner")
    clock.end("outer")
    assert dict(clock.seconds) == {"inner": 2, "outer": 18}


def test_what_a_training_freezes_keeps_its_statistics_when_it_is_profiled(tiny):
    detector = breakdown.made(config.load(tiny, ["train.freeze=[backbone.stem]"]), 3, 1, CPU)[0]
    norms = [x for x in detector.network.backbone.stem.modules() if isinstance(x, torch.nn.BatchNorm2d)]
    assert norms and not any(norm.training for norm in norms) and detector.training


def test_all_of_a_forward_pass_is_somewhere_and_nothing_stays_behind(tiny):
    settings = config.load(tiny, ["train.batch_size=1", "train.gradient_checkpointing=true"])
    found = breakdown.parts(settings, 1)
    names = [part.name for part in found]
    levels = [int(name.split()[-1]) for name in names if "stride" in name]
    assert levels == sorted(levels) and len(levels) > 1 and names[0] == "colours" and names[-1] == "optimiser"
    assert {"heads", "targets", "loss", "backward"} < set(names) and all(part.seconds >= 0 for part in found)
    assert all(part.bytes > 0 for part in found if "stride" in part.name)
    detector = breakdown.made(settings, 3, 1, CPU)[0]
    with Clock(CPU, 64).watching(detector):
        assert any(module._forward_hooks for module in detector.modules()) and "forward" in vars(detector)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in detector.modules())
    assert "forward" not in vars(detector) and "targets" not in vars(detector)


class ByHand(torch.nn.Module):
    """A layer that hands its weights to a function, so that none of its parts is called."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 1)

    def forward(self, x):
        return torch.nn.functional.conv2d(x, self.conv.weight)


def test_every_layer_belongs_to_its_level_and_what_a_chain_hands_on_is_counted_once():
    network = torch.nn.Sequential(torch.nn.Sequential(ByHand(), torch.nn.MaxPool2d(2)))
    network.shared = lambda: network[0]
    detector, clock = SimpleNamespace(network=network, forward=network), Clock(CPU, 64)
    with clock.watching(detector):
        detector.forward(torch.zeros(1, 3, 32, 8))
    assert {name: count for name, count in clock.bytes.items() if count} == {
        "backbone, stride 2": 4 * 4 * 32 * 8, "backbone, stride 4": 4 * 4 * 16 * 4
    }  # fmt: skip
    assert clock.seconds["backbone, stride 2"] > 0 and "backbone, between layers" not in clock.seconds


@pytest.mark.parametrize(("workers", "waiting"), [(0, 12.0), (1, 3.0), (2, 0.0)])
def test_workers_load_while_steps_are_computed(workers, waiting):
    found = made(Loading(8.0, 4.0), workers)
    assert (found.step, found.waiting) == (9, waiting)


def test_reading_is_timed_apart():
    source = SimpleNamespace(image=lambda i: np.zeros((i, 2, 3)), class_names=["a"], __len__=lambda: 1)
    timed = TimedSource(source)
    assert timed.image(5).shape == (5, 2, 3) and timed.seconds > 0 and timed.class_names == ["a"]
    assert not hasattr(timed, "sized")
    source.sized, timed.seconds = lambda i, longest_side: (np.zeros((i, longest_side, 3)), None), 0.0
    assert timed.sized(5, 7)[0].shape == (5, 7, 3) and timed.seconds > 0


def test_the_loader_is_given_the_workers_that_hide_it(monkeypatch):
    monkeypatch.setattr(advising, "cores", lambda: 4)
    assert said(made(Loading(2.0, 4.0), 0)) == ["the loader takes 40% of the step: data.workers=1"]
    first, second = said(made(Loading(80.0, 10.0), 4))
    assert first == "the loader takes 60% of the step: it would need 10 processes, and there are 4 cores"
    assert second.startswith("reading is 89% of the loader's time")
    assert said(made("no images", 0)) == said(made(Loading(1.0, 1.0), 1)) != []


def test_what_stands_out_of_a_step_is_said():
    assert "train.batch_size=98" in said(made("", 0, optimiser=3.0), "train.batch_size=49")[0]
    level = said(made("", 0, **{"backbone, stride 4": 4.0, "loss": 1.0}))
    assert level == ["the backbone, stride 4 takes 80% of the forward pass: fewer channels or blocks at that stride"]
    assert said(made("", 0, heads=4.0))[0].endswith("a smaller model.head.channels")
    assert said(made("", 0)) == ["nothing stands out: time goes into the network's layers and their gradients"]


def test_half_precision_and_memory(monkeypatch):
    monkeypatch.setattr(advising, "resolve_precision", lambda *_: "bf16")
    assert said(made("", 0), where=Place(CPU, "fp32", 1)) == ["this hardware multiplies in bf16: train.precision=bf16"]
    monkeypatch.setattr(advising, "memory", lambda device: 100)
    assert said(made("", 0), peak=90)[0].startswith("memory is 90% full: train.gradient_checkpointing=true")
    assert "memory" not in said(made("", 0), "train.gradient_checkpointing=true", peak=90)[0]
    assert "memory" not in said(made("", 0), peak=80)[0]
