"""Bad steps: nothing moves, all are counted, and without the host's help it is the same."""

import copy
import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from cornernet.training import nonfinite_steps
from cornernet.training.nonfinite_steps import Buffers, NonFiniteSteps, listed
from cornernet.training.optim import build_average

CPU = SimpleNamespace(device=torch.device("cpu"), scaler=None, num_processes=1, is_main_process=True)
KINDS = {
    "adam": lambda p, fused: torch.optim.Adam(p, 0.1, fused=fused),
    "adamw": lambda p, fused: torch.optim.AdamW(p, 0.1, weight_decay=0.1, fused=fused),
    "sgd": lambda p, fused: _momentum(torch.optim.SGD(p, 0.1, momentum=0.9, fused=fused)),
}


def _momentum(optimizer):
    from cornernet.training.optim import _with_momentum

    return _with_momentum(optimizer)


class Training:
    """A small network with BatchNorm, its optimiser and average, and steps whose loss can be spoilt."""

    def __init__(self, kind="adam", lag=0, most=3):
        torch.manual_seed(1)
        self.net = nn.Sequential(nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4), nn.Linear(4, 1))
        optimizer = KINDS[kind](self.net.parameters(), True if lag else None)
        self.optimizer = SimpleNamespace(optimizer=optimizer, step=optimizer.step)
        self.averaged, self.nonfinite_steps, self.number = (
            build_average(self.net, 0.9),
            NonFiniteSteps(most, CPU, lag=lag),
            0,
        )

    def step(self, spoil=1.0, gradient=None):
        torch.manual_seed(self.number)
        kept = Buffers(self.net)
        terms = {"a": (self.net(torch.rand(8, 3)) ** 2).mean() * spoil, "b": torch.tensor(2.0)}
        terms["a"].backward()
        if gradient is not None:
            self.net[0].weight.grad[0, 0] = gradient
        bad = self.nonfinite_steps.judge(self.number, terms, self.net.parameters())
        self.nonfinite_steps.update(bad, self.optimizer, kept, self.net, self.averaged)
        self.net.zero_grad()
        self.number += 1
        return float(bad)

    def everything(self):
        remembered = [v for s in self.optimizer.optimizer.state.values() for v in s.values()]
        held = [*self.net.state_dict().values(), *self.averaged.module.state_dict().values(), *remembered]
        return [value.clone() for value in held]


def equal(first, second):
    return len(first) == len(second) and all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


SPOILT = [{"spoil": math.nan}, {"spoil": math.inf}, {"gradient": math.nan}, {"gradient": -math.inf}]


@pytest.mark.parametrize("lag", [0, 2], ids=["host", "device"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spoilt", SPOILT, ids=str)
def test_a_bad_step_moves_nothing_and_the_next_goes_on(kind, lag, spoilt):
    training = Training(kind, lag)
    for _ in range(3):
        assert training.step() == 0
    before = training.everything()
    assert training.step(**spoilt) == 1
    assert equal(training.everything(), before) and int(training.averaged.n_averaged) == 4
    assert training.step() == 0 and not equal(training.everything(), before)
    assert all(value.isfinite().all() for value in training.everything())
    assert not training.nonfinite_steps.too_many(wait=True) and training.nonfinite_steps.count == 1


@pytest.mark.parametrize("lag", [0, 2], ids=["host", "device"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_very_first_step_may_be_bad(kind, lag):
    """Also for momentum, which the fused kernel would leave unset."""
    training, fresh = Training(kind, lag), Training(kind, lag)
    assert training.step(spoil=math.nan) == 1
    fresh.number = 1
    training.step(), fresh.step()
    weights = zip(training.net.parameters(), fresh.net.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in weights)


@pytest.mark.parametrize("kind", KINDS)
def test_host_and_device_do_the_same(kind):
    trainings = [Training(kind, 0), Training(kind, 3)]
    for number in range(12):
        for training in trainings:
            training.step(spoil=math.nan if number in (2, 3, 7) else 1.0)
            training.nonfinite_steps.too_many()
    for a, b in zip(*(t.net.state_dict().values() for t in trainings), strict=True):
        torch.testing.assert_close(a, b)
    for a, b in zip(*(t.averaged.state_dict().values() for t in trainings), strict=True):
        torch.testing.assert_close(a, b)
    assert trainings[0].nonfinite_steps.count == 3 and not trainings[1].nonfinite_steps.too_many(wait=True)
    assert trainings[1].nonfinite_steps.count == 3


def test_good_steps_are_bit_for_bit_those_without_judging():
    training, plain = Training(), Training()
    for number in range(4):
        training.step()
        torch.manual_seed(number)
        (plain.net(torch.rand(8, 3)) ** 2).mean().backward()
        plain.optimizer.step()
        plain.averaged.update_parameters(plain.net)
        plain.net.zero_grad()
    assert equal(training.everything(), plain.everything())


@pytest.mark.parametrize("lag", [0, 2])
def test_too_many_in_a_row_stop_with_the_weights_that_met_the_last(lag):
    training = Training(lag=lag, most=3)
    heard = []
    for spoil in (1.0, math.nan, math.nan, 1.0, math.nan, math.nan, math.nan):
        training.step(spoil)
        heard.append(training.nonfinite_steps.too_many())
    assert not any(heard[:-1]) and heard[-1] == (lag == 0)
    before = training.everything()
    for number in range(lag):  # good ones, but the device has closed
        training.step()
        heard.append(training.nonfinite_steps.too_many())
        assert heard[-1] == (number == lag - 1)
    assert equal(training.everything(), before)
    assert [step for step, _ in training.nonfinite_steps.in_row] == [4, 5, 6] and training.nonfinite_steps.count == 5
    assert (
        math.isnan(training.nonfinite_steps.in_row[-1].terms["a"])
        and training.nonfinite_steps.in_row[-1].terms["b"] == 2
    )


def test_a_gradient_is_named_where_the_loss_is_finite(caplog):
    training = Training()
    training.step(gradient=math.nan)
    training.nonfinite_steps.too_many()
    assert "step 1 is skipped: its gradient is not finite, while its loss is (a=" in caplog.text
    assert listed({"a": math.nan, "b": 1.0}) == "its loss is not finite (a=nan, b=1)"


def test_a_large_but_finite_gradient_is_none():
    training = Training()
    assert training.step(gradient=1e30) == 0  # its square is infinite


def test_all_processes_judge_alike():
    def reduce(values, how):
        assert how == "mean"
        return (values + torch.tensor([1.0, math.nan, 2.0])) / 2  # the other one's step is bad

    ours = SimpleNamespace(**{**vars(CPU), "num_processes": 2, "reduce": reduce})
    training = Training()
    training.nonfinite_steps = NonFiniteSteps(3, ours)
    before = training.everything()
    assert training.step() == 1 and equal(training.everything(), before)
    training.nonfinite_steps.too_many()
    assert math.isnan(training.nonfinite_steps.in_row[0].terms["a"])


class Scaler:
    """Finds infinite gradients itself and leaves the step out, as torch's does."""


def scaled(training, lag=2):
    accelerator = SimpleNamespace(**{**vars(CPU), "scaler": Scaler()})
    training.nonfinite_steps = NonFiniteSteps(3, accelerator, lag=lag)
    inner = training.optimizer.optimizer

    def step():
        inner.found_inf = torch.tensor(float(any(not p.grad.isfinite().all() for p in training.net.parameters())))
        inner.step()
        del inner.found_inf

    training.optimizer.step = step
    return training


def test_what_the_scaler_leaves_out_is_no_bad_step():
    training = scaled(Training(lag=2))
    training.step()
    weights = copy.deepcopy(list(training.net.parameters()))
    assert training.step(gradient=math.inf) == 0
    assert equal(weights, list(training.net.parameters()))
    assert not training.nonfinite_steps.too_many(wait=True) and training.nonfinite_steps.count == 0


def test_under_a_scaler_a_bad_loss_is_one_even_if_its_gradient_is_finite():
    training = scaled(Training(lag=2))
    training.step()
    before = training.everything()
    terms = {"a": torch.tensor(math.inf)}
    for parameter in training.net.parameters():
        parameter.grad = torch.ones_like(parameter)
    kept = Buffers(training.net)
    bad = training.nonfinite_steps.judge(1, terms, training.net.parameters())
    training.nonfinite_steps.update(bad, training.optimizer, kept, training.net, training.averaged)
    assert float(bad) == 1 and equal(before, training.everything())


def test_buffers_come_back_in_every_type():
    module = nn.Module()
    for name, value in (("a", torch.tensor(1.5)), ("b", torch.ones(2, 3)), ("c", torch.tensor(7))):
        module.register_buffer(name, value)
    kept = Buffers(module)
    module.a.fill_(math.nan), module.b.fill_(math.inf), module.c.add_(1)
    kept.restore(torch.tensor(0.0))
    assert module.a.isnan() and module.c == 8
    kept.restore(torch.tensor(1.0))
    assert module.a == 1.5 and (module.b == 1).all() and module.c == 7


def test_a_module_without_buffers_has_nothing_to_keep():
    module = nn.Linear(1, 1)
    before = module.weight.item()
    kept = Buffers(module)
    kept.restore(torch.tensor(1.0))
    assert kept.copies == {} and module.weight.item() == before


def test_the_lag_is_nothing_on_a_cpu():
    assert NonFiniteSteps(3, CPU).lag == 0
    assert nonfinite_steps.LAG > 0
