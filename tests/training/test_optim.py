"""Learning rates worked by hand, weight decay groups, averaged weights."""

import pytest
import torch
from torch import nn

from cornernet.config import Train
from cornernet.training import optim
from cornernet.training.optim import build_average, build_optimizer, factor, rate


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ({"schedule": "constant"}, {0: 1, 99: 1}),
        ({"schedule": "constant", "warmup_steps": 4}, {0: 0.25, 1: 0.5, 3: 1, 4: 1}),
        ({"schedule": "step", "milestones": [10, 50]}, {0: 1, 9: 1, 10: 0.1, 49: 0.1, 50: 0.01, 99: 0.01}),
        ({"schedule": "step", "milestones": [50, 10]}, {9: 1, 10: 0.1, 50: 0.01}),
        ({"schedule": "step", "milestones": [2], "gamma": 0.5, "warmup_steps": 4}, {1: 0.5, 2: 0.375, 3: 0.5, 5: 0.5}),
        ({"schedule": "cosine"}, {0: 1, 25: 0.5 + 2**0.5 / 4, 50: 0.5, 100: 0}),
        ({"schedule": "cosine", "warmup_steps": 20}, {0: 0.05, 19: 1, 20: 1, 60: 0.5, 100: 0}),
        ({"schedule": "one_cycle"}, {0: 0.04, 15: 0.52, 30: 1, 65: 0.500005, 100: 1e-5}),
        ({"schedule": "one_cycle", "warmup_steps": 10}, {0: 0.04, 5: 0.52, 10: 1, 55: 0.500005, 100: 1e-5}),
    ],
    ids=str,
)
def test_factor_by_hand(kind, expected):
    assert {step: factor(step, 100, **kind) for step in expected} == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "one_cycle"])
@pytest.mark.parametrize(("steps", "warmup"), [(1, 0), (1, 1), (2, 5), (3, 3)])
def test_short_runs_have_finite_rates(schedule, steps, warmup):
    values = [factor(step, steps, schedule, warmup) for step in range(steps + 2)]
    assert all(0 <= value <= 1 for value in values)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match=r"train\.schedule must be constant, step, cosine or one_cycle, got 'linear'"):
        factor(0, 10, "linear")


def test_rate_is_the_factor_of_the_peak():
    assert rate(60, Train(lr=0.2, steps=100, schedule="cosine", warmup_steps=20)) == pytest.approx(0.1)


def network():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_only_weights_decay(name):
    net = network()
    net[2].weight.requires_grad_(False)
    optimizer = build_optimizer(net, Train(optimizer=name, weight_decay=0.1, lr=0.5))
    decayed, spared = optimizer.param_groups
    assert [id(p) for p in decayed["params"]] == [id(net[0].weight)]
    assert {id(p) for p in spared["params"]} == {id(p) for p in (net[0].bias, *net[1].parameters(), net[2].bias)}
    assert (decayed["weight_decay"], spared["weight_decay"], decayed["lr"]) == (0.1, 0.0, 0.5)
    assert type(optimizer).__name__.lower() == name and spared.get("momentum", 0.9) == 0.9


@pytest.mark.parametrize("settings", [Train(lr=-1.0), Train(lr=float("nan")), Train(weight_decay=-1.0)])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ValueError, match="must not be negative"):
        build_optimizer(network(), settings)


def test_average_by_hand():
    net = nn.Linear(1, 1, bias=False)
    averaged = build_average(net, 0.25)
    expected = None
    for step, value in enumerate([4.0, 8.0, 16.0, 32.0]):
        with torch.no_grad():
            net.weight.fill_(value)
        averaged.update_parameters(net)
        kept = min(0.25, (1 + step) / (10 + step))  # 2/11, 1/4, 1/4 after the copy of the first step
        expected = value if expected is None else kept * expected + (1 - kept) * value
        assert averaged.module.weight.item() == pytest.approx(expected, rel=1e-6)


def test_buffers_are_averaged_and_counters_copied():
    net = nn.BatchNorm1d(1)
    averaged = build_average(net, 0.5)
    for mean, count in ((1.0, 1), (3.0, 7)):
        net.running_mean.fill_(mean)
        net.num_batches_tracked.fill_(count)
        averaged.update_parameters(net)
    assert averaged.module.running_mean.item() == pytest.approx(2 / 11 * 1 + 9 / 11 * 3)
    assert averaged.module.num_batches_tracked.item() == 7


def test_no_average_unless_asked_for():
    assert build_average(network(), None) is None


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.5, 2.0, float("nan")])
def test_an_impossible_decay_is_refused(decay):
    with pytest.raises(ValueError, match=r"train\.ema must lie between 0 and 1 or be null"):
        build_average(network(), decay)


def test_an_average_that_skips_counts_and_does_not_move():
    net = nn.Linear(1, 1, bias=False)
    first, second = build_average(net, 0.5), build_average(net, 0.5)
    for value, skip in ((4.0, 0.0), (8.0, 1.0), (16.0, 0.0)):
        with torch.no_grad():
            net.weight.fill_(value)
        first.skip = torch.tensor(skip)
        first.update_parameters(net)
        if skip:
            second.n_averaged += 1
        else:
            second.update_parameters(net)
    assert first.module.weight.item() == second.module.weight.item() and int(first.n_averaged) == 3


@pytest.mark.parametrize("fused", [True, None])
def test_momentum_from_zeros_is_momentum_from_nothing(fused):
    values = []
    for prepare in (optim._with_momentum, lambda optimizer: optimizer):
        weight = nn.Parameter(torch.ones(3))
        optimizer = prepare(torch.optim.SGD([weight], lr=0.1, momentum=0.9, fused=fused))
        for _ in range(3):
            weight.grad = torch.tensor([1.0, -2.0, 0.5])
            optimizer.step()
        values.append(weight.detach().clone())
    assert torch.equal(*values)
