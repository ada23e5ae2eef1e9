"""Parts of a network: frozen ones, and those that learn at another rate."""

import pytest
import torch
from torch import nn

from cornernet import config, detectors
from cornernet.config import Train
from cornernet.training import optim, parts, preflight


class Net(nn.Module):
    """A network as a detector has one, with dropout and a norm in a part that holds them."""

    def __init__(self):
        super().__init__()
        self.network = nn.Module()
        self.network.body = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.BatchNorm1d(3), nn.Dropout()))
        self.network.bodyguard = nn.Linear(1, 1, bias=False)
        self.loss = nn.Linear(1, 2)


def numbers(groups):
    return [(factor, sorted(p.numel() for p in chosen)) for factor, chosen in groups]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bod", r"train\.freeze: the network has no part 'bod', did you mean body\? there are body, bodyguard"),
        ("body.2", r"the network's body has no part '2', there are 0, 1"),
        ("bodyguard.x", r"the network's bodyguard has no part 'x', there is nothing"),
        ("", r"the network has no part '', there are body"),
        ("__class__", r"the network has no part '__class__', there are body"),
    ],
)
def test_unknown_parts_are_named_with_what_there_is(name, message):
    with pytest.raises(ValueError, match=message):
        parts.freeze(Net().network, [name])


def test_nothing_left_to_train_is_refused():
    with pytest.raises(ValueError, match=r"train\.freeze=\[body, bodyguard\] leaves nothing of the network"):
        parts.freeze(Net().network, ["body", "bodyguard"])


def test_what_keeps_statistics_in_a_frozen_part_is_in_eval_mode():
    net = Net()
    parts.freeze(net.network, ["body.1"])
    parts.train_mode(net, Train(freeze=["body.1"]))
    assert [name for name, module in net.named_modules() if not module.training] == [
        "network.body.1.0",
        "network.body.1.1",
    ]
    parts.train_mode(net, Train(freeze_norm=True))
    assert [name for name, module in net.named_modules() if not module.training] == ["network.body.1.0"]


def test_the_longest_name_gives_the_factor_and_what_is_frozen_has_no_group():
    net = Net()
    parts.freeze(net.network, ["body.1"])
    assert numbers(parts.by_factor(net, {})) == [(1.0, [1, 2, 2, 3, 6])]
    assert numbers(parts.by_factor(net, {"body.0": 2.0, "body": 0.5})) == [(1.0, [1, 2, 2]), (0.5, []), (2.0, [3, 6])]


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_every_rate_is_the_schedules_times_the_factor(name):
    settings = Train(optimizer=name, lr=0.5, weight_decay=0.1, lr_factors={"body": 0.1})
    optimizer = optim.build_optimizer(Net(), settings)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.5, 0.05, 0.05]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0, 0.1, 0.0]
    optim.set_rate(optimizer, 2.0)
    assert [group["lr"] for group in optimizer.param_groups] == [2.0, 2.0, 0.2, 0.2]


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_factors_are_above_0(factor):
    with pytest.raises(ValueError, match=r"train\.lr_factors\.body must be above 0 and at most 1000000, got"):
        parts.by_factor(Net(), {"body": factor})


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.freeze=[backbne]", r"train\.freeze: the network has no part 'backbne', did you mean backbone\?"),
        ("train.lr_factors={hed: 1}", r"train\.lr_factors: the network has no part 'hed'"),
        ("train.lr_factors.backbone=0", r"train\.lr_factors\.backbone must be above 0"),
    ],
)
def test_parts_are_looked_up_before_any_data_are_read(tiny, override, message):
    with pytest.raises(ValueError, match=message):
        preflight.check(config.load(tiny, [override]))


def test_a_frozen_backbone_takes_no_gradient_and_stacks_stay_supervised(any_tiny):
    """Also where features are computed twice."""
    settings = config.load(any_tiny, ["train.freeze=[backbone]"])
    detector = detectors.build(settings, 2)
    parts.freeze(detector.network, settings.train.freeze)
    parts.train_mode(detector, settings.train)
    before = {name: x.clone() for name, x in detector.network.backbone.state_dict().items()}
    maps = detector.network(torch.rand(2, 3, 64, 64))
    assert len(maps) == detector.network.backbone.stacks
    sum(x.float().sum() for stack in maps for x in stack if isinstance(x, torch.Tensor)).backward()
    assert all(p.grad is None for p in detector.network.backbone.parameters())
    assert all(torch.equal(x, before[name]) for name, x in detector.network.backbone.state_dict().items())
    assert any(p.grad is not None for p in detector.network.parameters())
