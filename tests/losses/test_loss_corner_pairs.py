"""Contrastive and triplet loss against pytorch-metric-learning, and on corners."""

import pytest
import torch
import torch.nn.functional as F

from cornernet.losses import build
from cornernet.losses.corner_pairs import corner_pairs
from cornernet.losses.grouping.contrastive import contrastive_loss
from cornernet.losses.grouping.triplet import triplet_loss

SETS = ["n12c4", "n8_singletons"]
CONTRASTIVE = {
    "default": {"power": 1},
    "mean": {"power": 1, "nonzero": False},
    "unnorm": {"power": 1, "pos_margin": 0.2, "neg_margin": 3.0},
    "sq": {"power": 1, "neg_margin": 1.5},
}
# name of the golden: margin, mining, mean over the triplets above 0 alone
TRIPLET = {
    "all_default": (0.05, "batch_all", True),
    "all_m1": (1.0, "batch_all", True),
    "all_m1_mean": (1.0, "batch_all", False),
    "all_unnorm": (0.3, "batch_all", True),
    "semihard_minerM02": (0.2, "semi_hard", True),
    "hard_default": (0.2, "batch_hard", True),
    "hard_m1": (1.0, "batch_hard", True),
    "hard_unnorm_mean": (0.3, "batch_hard", False),
}


def read(golden, case, name):
    """Embeddings, their distances as the library takes them, and who belongs together."""
    data = golden("g5_metric")
    emb, labels = torch.tensor(data[f"{case}_emb"], requires_grad=True), torch.tensor(data[f"{case}_labels"])
    x = emb if "unnorm" in name else F.normalize(emb)
    squared = (x[:, None] - x).square().sum(-1)
    distance = squared if "sq" in name else torch.where(squared > 0, squared, 1).sqrt() * (squared > 0)
    equal = labels[:, None] == labels
    return data, emb, distance, equal & ~torch.eye(len(x)).bool(), ~equal


def check(loss, emb, data, key):
    loss.backward()
    torch.testing.assert_close(loss.detach(), torch.tensor(data[f"{key}_loss"]), rtol=1e-6, atol=1e-12)
    torch.testing.assert_close(emb.grad, torch.tensor(data[f"{key}_grad"]), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("case", SETS)
@pytest.mark.parametrize("name", CONTRASTIVE)
def test_contrastive_equals_the_library_in_value_and_gradient(golden, case, name):
    data, emb, distance, same, other = read(golden, case, name)
    pull, push = contrastive_loss(distance[None], same[None], other[None], **CONTRASTIVE[name])
    check(pull + push, emb, data, f"{case}_contrastive_{name}")


@pytest.mark.parametrize("case", SETS)
@pytest.mark.parametrize("name", TRIPLET)
def test_triplet_equals_the_library_in_value_and_gradient(golden, case, name):
    data, emb, distance, same, other = read(golden, case, name)
    margin, mining, nonzero = TRIPLET[name]
    if mining == "batch_hard":  # an anchor goes with the farthest of its positives
        rows = torch.arange(len(emb))[same.any(1)]
        partner = distance.masked_fill(~same, -1).argmax(1)[rows]
    else:
        rows, partner = same.nonzero().T
    anchor = torch.ones(1, len(rows), dtype=torch.bool)
    parts = distance[rows, partner][None], distance[rows][None], anchor, other[rows][None]
    check(triplet_loss(*parts, margin, mining, nonzero), emb, data, f"{case}_triplet_{name}")


def test_pairs_of_two_objects_and_an_empty_slot():
    t, b = torch.tensor([[[0.0], [9], [2]]]), torch.tensor([[[1.0], [9], [5]]])
    distance, same, other = corner_pairs(t, b, torch.tensor([[1, 0, 1]]))
    assert same[0].nonzero().tolist() == [[0, 3], [2, 5], [3, 0], [5, 2]]
    assert other[0, 0].nonzero()[:, 0].tolist() == [2, 5] and not other[0, 1].any() and not other[0, :, 4].any()
    assert distance[0, 0].tolist() == [0, 0, 2, 1, 0, 5]


@pytest.mark.parametrize(
    ("mining", "nonzero", "expected"),
    [
        # objects 0, 1 and 2, 5; d(a, p) - d(a, n) + 1.5: 0.5 -2.5 for 0, 1.5 -1.5 for 1, 2.5 3.5 for 2, -0.5 0.5 for 5
        ("batch_all", True, [(0.5 + 1.5 + 2.5 + 3.5 + 0.5) / 5]),
        ("batch_all", False, [(0.5 + 1.5 + 2.5 + 3.5 + 0.5) / 8]),
        ("batch_hard", True, [(0.5 + 1.5 + 3.5 + 0.5) / 4]),
        ("batch_hard", False, [(0.5 + 1.5 + 3.5 + 0.5) / 4]),
        ("semi_hard", True, [0.5]),
        ("random", True, [(0.5 + 1.5 + x + 0.5) / 4 for x in (2.5, 3.5)]),
    ],
)
def test_triplets_by_hand(mining, nonzero, expected):
    tags = torch.tensor([[[0.0], [7], [2]]]), torch.tensor([[[1.0], [7], [5]]])
    loss = build("grouping", "triplet", margin=1.5, mining=mining, nonzero=nonzero)
    values = {round(loss(*tags, torch.tensor([[1, 0, 1]]))["triplet"].item(), 4) for _ in range(30)}
    assert sorted(values) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("role", ["grouping", "feature"])
def test_the_negative_that_is_drawn_is_torchs_generators(role):
    """The same seed, the same negatives; those that are far enough are never drawn, and without any the loss is 0."""
    tags, labels = torch.randn(2, 1, 9, 2), torch.arange(18) % 9
    args = {"normalize": False} if role == "feature" else {}
    loss = build(role, "triplet", mining="random", margin=0.4, **args)

    def value(x):
        return loss(x.flatten(0, 2), labels) if role == "feature" else loss(*x, torch.ones(1, 9))["triplet"]

    values = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        values.append(value(tags).item())
    assert values[0] == values[1] != values[2]
    assert value(torch.arange(9).float()[None, None, :, None].expand(2, 1, 9, 1)) == 0


def test_triplets_of_squared_distances_by_hand():
    """Objects 0, 1 and 2, 5, margin 1.5; squares: 1 - 4, 1 - 25 for 0, 1 - 1, 1 - 16 for 1, 9 - 4, 9 - 1 for 2, 9 - 25,
    9 - 16 for 5.
    """
    tags = torch.tensor([[[0.0], [2]]]), torch.tensor([[[1.0], [5]]])
    loss = build("grouping", "triplet", margin=1.5, squared=True)
    assert loss(*tags, torch.ones(1, 2))["triplet"].item() == pytest.approx((1.5 + 6.5 + 9.5) / 3)
    rows = torch.tensor([[0.0], [2], [1], [5]])
    feature = build("feature", "triplet", margin=1.5, squared=True, normalize=False, mining="batch_all")
    assert feature(rows, torch.tensor([0, 1, 0, 1])).item() == pytest.approx((1.5 + 6.5 + 9.5) / 3)


def test_unknown_mining_and_power_are_refused_by_name():
    with pytest.raises(
        ValueError, match="mining must be one of batch_all, batch_hard, semi_hard, random, got 'hardest'"
    ):
        build("grouping", "triplet", mining="hardest")
    with pytest.raises(ValueError, match="power must be one of 1, 2, got 3"):
        build("grouping", "contrastive", power=3)
    with pytest.raises(ValueError, match="batch_all, batch_hard, semi_hard, random, got 'all'"):
        triplet_loss(torch.zeros(1, 1), torch.zeros(1, 1, 1), *torch.ones(2, 1, 1).bool(), mining="all")


@pytest.mark.parametrize("mining", ["batch_all", "batch_hard", "semi_hard", "random"])
@pytest.mark.parametrize("counts", [(3, 1, 0), (0, 0, 0), (1, 1, 1)])
def test_every_mining_is_finite_differentiable_and_blind_to_order(mining, counts):
    tags = torch.randn(2, 3, 4, 2, dtype=torch.float64, requires_grad=True)
    mask, loss = torch.arange(4) < torch.tensor(counts)[:, None], build("grouping", "triplet", mining=mining)

    def value(tags, slots=slice(None)):
        torch.manual_seed(0)
        return loss(*tags[:, :, slots], mask[:, slots])["triplet"]

    assert torch.autograd.gradcheck(value, tags)
    if mining != "random":  # whose draws go by place
        torch.testing.assert_close(value(tags, [2, 0, 3, 1]), value(tags))
    assert (value(tags) > 0) == (max(counts) > 1) or mining == "semi_hard"
    assert not torch.autograd.grad(value(tags), tags)[0][:, ~mask].any()


@pytest.mark.parametrize(
    "args", [{"mining": "batch_hard"}, {"mining": "semi_hard", "nonzero": False}, {"mining": "random"}]
)
def test_other_minings_compile_as_one_graph(args):
    loss, tags, mask = build("grouping", "triplet", **args), torch.randn(2, 2, 4, 2), torch.tensor([[1, 1, 0, 0]] * 2)
    torch.compiler.reset()
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    values = []
    for one in (compiled, loss):
        torch.manual_seed(0)
        values.append(one(*tags, mask))
    torch.testing.assert_close(*values)
