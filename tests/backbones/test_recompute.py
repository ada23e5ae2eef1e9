"""Features computed twice: the same losses, gradients and statistics from a fraction of the memory."""

import copy

import pytest
import torch
from torch import nn

from cornernet import config, detectors
from cornernet.backbones.recompute import recompute
from cornernet.profiling.training_step import random_batch

CONFIGS = ["shapes", "anchor_shapes", "anchor_r50", "custom"]
LARGE_IS_SLOW = [pytest.param(x, marks=pytest.mark.slow) if x == "anchor_r50" else x for x in CONFIGS]
SMALL = ["data.input_size=[64,64]", "train.batch_size=2", "model.backbone.stacks=2", "data.max_objects=8"]


def pair(name):
    """A detector, the same one with recomputed features, and a batch."""
    settings = config.load(f"configs/{name}.yaml", SMALL)
    torch.manual_seed(0)
    plain = detectors.build(settings, 3).train()
    twice = copy.deepcopy(plain)
    recompute(twice.network.segments())
    batch = random_batch(settings)
    return plain, twice, batch._replace(labels=batch.labels % 3)


def kept(detector, batch):
    """Loss and bytes that the graph holds besides the weights."""
    own = {p.untyped_storage().data_ptr() for p in detector.parameters()}
    held = {}

    def pack(x):
        if x.untyped_storage().data_ptr() not in own:
            held[x.untyped_storage().data_ptr()] = x.untyped_storage()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        loss = detector(batch)["total"]
    return loss, sum(x.nbytes() for x in held.values())


@pytest.mark.parametrize("name", LARGE_IS_SLOW)
@pytest.mark.parametrize("half", [False, True])
def test_loss_gradients_and_statistics_are_the_same(name, half):
    plain, twice, batch = pair(name)
    for _ in range(2):
        for detector in (plain, twice):
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                detector(batch)["total"].backward()
    for one, other in zip(plain.parameters(), twice.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        assert one.grad is None or torch.equal(one.grad, other.grad)
    assert any(p.grad is not None and p.grad.any() for p in twice.parameters())
    for (key, one), other in zip(plain.state_dict().items(), twice.state_dict().values(), strict=True):
        assert torch.equal(one, other), key
    counts = [value for key, value in twice.state_dict().items() if key.endswith("num_batches_tracked")]
    assert counts and all(value == 2 for value in counts)


@pytest.mark.parametrize(("name", "share"), zip(CONFIGS[:3], [0.2, 0.35, 0.35], strict=True))
def test_the_graph_holds_a_fraction(name, share):
    plain, twice, batch = pair(name)
    (_, whole), (_, part) = kept(plain, batch), kept(twice, batch)
    assert 0 < part < share * whole


@pytest.mark.parametrize("name", CONFIGS)
def test_a_copy_computes_with_its_own_weights(name):
    _, twice, batch = pair(name)
    other = copy.deepcopy(twice)
    with torch.no_grad():
        for p in twice.parameters():
            p.zero_()
    other(batch)["total"].backward()
    assert all(p.grad is None for p in twice.parameters())
    assert any(p.grad is not None and p.grad.any() for p in other.parameters())
    assert list(other.state_dict()) == list(twice.state_dict())


def test_nothing_is_computed_twice_without_a_gradient_and_the_statistics_stay_the_modules_own():
    calls = []
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    module[0].register_forward_hook(lambda *_: calls.append(1))
    buffers = dict(module.named_buffers())
    recompute([module])
    with torch.no_grad():
        module.eval()(torch.rand(1, 1, 5, 5))
    assert len(calls) == 1
    module.train()(torch.rand(1, 1, 5, 5)).sum().backward()
    assert len(calls) == 3
    assert all(dict(module.named_buffers())[name] is buffer for name, buffer in buffers.items())


def test_statistics_return_where_the_second_pass_fails():
    module = nn.Sequential(nn.BatchNorm2d(1))
    recompute([module])
    mean, out = module[0].running_mean, module(torch.rand(1, 1, 4, 4))

    def refuse(*_):
        raise RuntimeError("no second pass")

    module[0].register_forward_pre_hook(refuse)
    with pytest.raises(RuntimeError, match="no second pass"):
        out.sum().backward()
    assert module[0].running_mean is mean and module[0].num_batches_tracked == 1


@pytest.mark.parametrize("name", CONFIGS)
def test_segments_hold_the_convolutions_and_do_not_contain_each_other(name):
    network = pair(name)[0].network
    inside = [part for segment in network.segments() for part in segment.modules() if isinstance(part, nn.Conv2d)]
    assert len(inside) == len(set(inside)) > 0.5 * sum(isinstance(part, nn.Conv2d) for part in network.modules())


@pytest.mark.parametrize("name", LARGE_IS_SLOW)
def test_a_graph_may_be_walked_back_more_than_once(name):
    plain, twice, batch = pair(name)
    for detector in (plain, twice):
        terms = [loss for loss in detector(batch).values() if loss.requires_grad]
        assert len(terms) > 2
        for loss in terms:
            loss.backward(retain_graph=True)
    for one, other in zip(plain.parameters(), twice.parameters(), strict=True):
        assert one.grad is None or torch.equal(one.grad, other.grad)
    assert all(torch.equal(one, other) for one, other in zip(plain.buffers(), twice.buffers(), strict=True))
