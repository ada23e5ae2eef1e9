"""The feature role: every member by hand and by its promises; parity with pytorch-metric-learning from the goldens."""

from itertools import pairwise
from math import cos, exp, log, log1p, sin, sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.autograd import gradcheck

from cornernet.arguments import accepted
from cornernet.losses import ROLES, build
from cornernet.losses.angular import psi
from cornernet.losses.feature.contrastive import contrastive_pairs

# By hand, with class vectors (1, 0) and (0, 2), biases and centres 0. ONE: the embedding (3, 4) of class 0, of length 5
# and with cosines 0.6 and 0.8; psi of the former for m = 4 is -cos(4 t) - 2 = 0.8432 - 2. THREE: (1, 0) and (0, 1) of
# class 0, (0.6, 0.8) of class 1; distances sqrt(2), sqrt(0.8), sqrt(0.4); squared distance of the means 0.1.
ONE = torch.tensor([[3.0, 4.0]]), torch.tensor([0])
THREE = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]), torch.tensor([0, 0, 1])
BARE = {"lambda_start": 0.0, "lambda_min": 0.0}  # no annealing
CASES = {
    "softmax": (ONE, {}, log1p(exp(8 - 3))),
    "center": (ONE, {}, 25 / 2),
    "center_invariant": (ONE, {}, 25 / 2),
    "ring": (ONE, {}, (5 - 1) ** 2 / 2),
    "l_softmax": (ONE, BARE, log1p(exp(2 * 5 * 0.8 + 5 * 1.1568))),
    "sphereface": (ONE, BARE, log1p(exp(5 * 0.8 + 5 * 1.1568))),
    "coco": (ONE, {}, log1p(exp((log(1e4) / 2 + 3) * 0.2))),
    "l2_softmax": (ONE, {}, log1p(exp(log(9) * (2 * 0.8 - 0.6)))),
    "normface": (ONE, {}, log1p(exp(20 * 0.2))),
    "cosface": (ONE, {}, log1p(exp(64 * (0.8 - 0.25)))),
    "arcface": (ONE, {}, log1p(exp(64 * (0.8 - 0.6 * cos(0.5) + 0.8 * sin(0.5))))),
    "contrastive": (THREE, {}, (1 - sqrt(0.8)) ** 2 / 2 + (1 - sqrt(0.4)) ** 2 / 2 + 2),
    "triplet": (THREE, {}, sqrt(2) - (sqrt(0.8) + sqrt(0.4)) / 2 + 0.2),
    "range": (THREE, {}, 2 + 1 - 0.1),
}
MEMBERS = sorted(ROLES["feature"])
TURNED = {"softmax", "l_softmax", "sphereface", "coco", "l2_softmax", "normface", "cosface", "arcface"}  # have vectors
BY_ANGLE = {"coco", "l2_softmax", "normface", "cosface", "arcface", "contrastive", "triplet"}
everyone = pytest.mark.parametrize("name", MEMBERS)
triplets = pytest.mark.parametrize("mining", ["batch_all", "semi_hard", "batch_hard"])


def made(name, classes=3, dim=4, dtype=torch.float64, **args):
    """A member in eval mode, so that neither centres nor annealing move, with seeded vectors."""
    torch.manual_seed(0)
    loss = build("feature", name, given={"num_classes": classes, "dim": dim}, **args)
    return loss.to(dtype).eval() if isinstance(loss, nn.Module) else loss


def drawn(rows=9, classes=3, dim=4, dtype=torch.float64):
    labels = torch.randint(classes, (rows,))
    labels[::4] = -1
    return torch.randn(rows, dim, dtype=dtype), labels


def value_and_gradient(loss, x, labels):
    x = x.detach().clone().requires_grad_()
    value = loss(x, labels)
    value.backward()
    return value.detach(), x.grad


def test_every_loss_has_a_case():
    assert set(MEMBERS) == set(CASES)


@everyone
def test_value_worked_by_hand(name):
    (x, labels), args, expected = CASES[name]
    loss = made(name, 2, 2, torch.float32, **args)
    if name in TURNED:
        loss.weight.data = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    value = loss(x, labels)
    assert value.dim() == 0 and value.item() == pytest.approx(expected, rel=1e-5)


@everyone
def test_gradient_is_the_derivative(name):
    x, labels = drawn()
    loss = made(name)
    parameters = [p for p in loss.parameters() if p.requires_grad] if isinstance(loss, nn.Module) else []
    assert gradcheck(lambda x, *_: loss(x, labels), (x.requires_grad_(), *parameters))


@everyone
def test_not_negative_and_the_order_of_rows_is_irrelevant(name):
    x, labels = drawn(40)
    loss, order = made(name), torch.randperm(40)
    value = loss(x, labels)
    assert value > 0
    torch.testing.assert_close(loss(x[order], labels[order]), value)


@everyone
def test_rows_without_a_class_are_never_looked_at(name):
    x, labels = drawn()
    loss = made(name)
    expected = value_and_gradient(loss, x, labels)
    dirty = x.masked_fill((labels < 0)[:, None], float("nan"))
    torch.testing.assert_close(value_and_gradient(loss, dirty, labels), expected)
    torch.testing.assert_close(loss(x[labels >= 0], labels[labels >= 0]), expected[0])
    assert not expected[1][labels < 0].any()


@everyone
@pytest.mark.parametrize("rows", [0, 1, 5])
def test_nothing_costs_nothing(name, rows):
    value, grad = value_and_gradient(made(name), torch.randn(rows, 4, dtype=torch.float64), torch.full((rows,), -1))
    assert value.isfinite() and not grad.any()
    assert value == 0


@everyone
@pytest.mark.parametrize("x", [torch.zeros(4, 4), torch.ones(4, 4), torch.eye(4) * 1e6, torch.eye(4) * 1e-8])
@pytest.mark.parametrize("labels", [[0, 0, 1, 2], [0, 0, 0, 0], [0, 1, 2, 1]])
def test_degenerate_embeddings_are_finite(name, x, labels):
    value, grad = value_and_gradient(made(name, dtype=torch.float32), x, torch.tensor(labels))
    assert value.isfinite() and grad.isfinite().all()


@everyone
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(name, dtype):
    x, labels = drawn(dtype=dtype)
    loss = made(name, dtype=torch.float32)
    expected, _ = value_and_gradient(loss, x.float(), labels)
    with torch.autocast("cpu", torch.bfloat16):
        got, grad = value_and_gradient(loss, x, labels)
    assert got.dtype == torch.float32 and grad.dtype == dtype and grad.isfinite().all()
    torch.testing.assert_close(got, expected)


@everyone
def test_compiles_as_one_graph(name):
    x, labels = drawn(dtype=torch.float32)
    torch.compiler.reset()
    for training in (False, True):
        plain, loss = made(name, dtype=torch.float32), made(name, dtype=torch.float32)
        for member in (plain, loss):
            if isinstance(member, nn.Module):
                member.train(training)
        compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(x, labels), plain(x, labels))


@everyone
def test_turning_everything_changes_nothing(name):
    x, labels = drawn()
    loss = made(name)
    value, turn = loss(x, labels), torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64)).Q
    if name in TURNED:
        loss.weight.data = loss.weight.data @ turn
    torch.testing.assert_close(loss(x @ turn, labels), value)


@pytest.mark.parametrize("name", sorted(BY_ANGLE))
def test_only_the_angle_counts(name):
    x, labels = drawn()
    loss = made(name)
    torch.testing.assert_close(loss(x * torch.rand(len(x), 1, dtype=torch.float64).add(0.5), labels), loss(x, labels))


@pytest.mark.parametrize("name", sorted(TURNED))
def test_right_is_cheaper_than_wrong_and_margins_never_help(name):
    loss = made(name, 3, 3, **(BARE if name in ("l_softmax", "sphereface") else {}))
    loss.weight.data = 3 * torch.eye(3, dtype=torch.float64)
    x = 3 * torch.eye(3, dtype=torch.float64)
    assert loss(x, torch.arange(3)) < loss(x, torch.tensor([1, 2, 0]))
    if name in ("cosface", "arcface"):
        mild = made(name, margin=0.0)
        x, labels = drawn()
        assert made(name)(x, labels) > mild(x, labels)
        torch.testing.assert_close(mild(x, labels), made("normface", scale=64.0)(x, labels))


def test_scales_follow_the_rules_of_their_papers():
    assert made("coco", 81, 4).scale == pytest.approx(log(80 / 1e-4) / 2 + 3)
    assert made("l2_softmax", 82, 4).scale.item() == pytest.approx(log(9 * 80))
    assert made("coco", 81, 4, scale=7.0).scale == made("l2_softmax", 82, 4, scale=7.0).scale == 7


def test_range_parts_the_nearest_two_of_several_classes():
    x, labels = torch.tensor([[0.0], [1.0], [7.0]], dtype=torch.float64), torch.tensor([0, 1, 2])
    value = build("feature", "range", num_classes=4, margin=10.0)(x, labels)
    assert value.item() == pytest.approx(10 - 1)


def test_one_class_is_refused_where_classes_are_told_apart():
    with pytest.raises(ValueError, match="feature loss 'arcface' tells classes apart, and there is only one"):
        made("arcface", classes=1)
    assert made("contrastive", classes=1)(*drawn(classes=1)) > 0


def test_margin_one_of_l_softmax_is_softmax_without_bias():
    x, labels = drawn()
    torch.testing.assert_close(made("l_softmax", margin=1)(x, labels), made("softmax")(x, labels))


@pytest.mark.parametrize("margin", [1, 2, 3, 4, 5])
def test_psi_is_its_definition_and_falls(margin):
    t = torch.linspace(1e-4, torch.pi - 1e-4, 1001, dtype=torch.float64)
    k = (margin * t / torch.pi).floor()
    expected = (-1) ** k * (margin * t).cos() - 2 * k
    got = psi(t.cos(), margin)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-9)
    assert (got.diff() < 0).all() and psi(torch.tensor([1.0]), margin) == 1


def test_arcface_falls_over_the_whole_half_circle():
    t = torch.linspace(0, torch.pi, 500, dtype=torch.float64)
    loss = made("arcface", 2, 2, scale=1.0, margin=0.8)
    loss.weight.data = torch.tensor([[1.0, 0], [0, 1e-30]], dtype=torch.float64)  # the second one's cosine is always 0
    values = torch.stack([loss(torch.stack([a.cos(), a.sin()])[None], torch.tensor([0])) for a in t])
    assert (values.diff() > 0).all()


def test_annealing_eases_in_once_a_call_in_training_only():
    x, labels = drawn()
    loss = made("sphereface", lambda_start=9.0, lambda_min=1.0, decay=1.0)
    eased = loss.margin(torch.tensor([0.6], dtype=torch.float64))
    assert eased.item() == pytest.approx((9 * 0.6 - 1.1568) / 10)
    first = loss(x, labels)
    loss.train()
    values = [loss(x, labels) for _ in range(40)]
    assert values[0] == first and all(b >= a for a, b in pairwise(values))
    assert loss.margin.calls == 40 and loss.margin.eval()(torch.tensor([0.6])).item() == pytest.approx(
        (0.6 - 1.1568) / 2
    )


def test_centres_follow_the_embeddings_in_training_only():
    loss = made("center", 2, 2, torch.float32, alpha=0.5)
    x, labels = torch.tensor([[2.0, 0.0], [4.0, 0.0], [7.0, 7.0]]), torch.tensor([0, 0, -1])
    loss(x, labels)
    assert not loss.centers.c.any()
    loss.train()
    assert loss(x, labels) == (4 + 16) / 4  # by the centres before
    torch.testing.assert_close(loss.centers.c, torch.tensor([[0.5 * 6 / 3, 0], [0, 0]]))
    assert "centers.c" in loss.state_dict() and not list(loss.parameters())


def test_centre_invariance_draws_long_centres_in():
    loss = made("center_invariant", 2, 2, torch.float32, gamma=1.0, alpha=0.1).train()
    loss.centers.c.copy_(torch.tensor([[2.0, 0.0], [1.0, 0.0]]))
    value = loss(torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
    assert value.item() == pytest.approx((4 - 2.5) ** 2 / 4)
    torch.testing.assert_close(loss.centers.c[:, 0], torch.tensor([2 - 0.1 * 1.5 / 4 * 2, 1 + 0.1 * 1.5]))
    loss.centers.c.copy_(torch.tensor([[100.0, 0.0], [1.0, 0.0]]))
    for _ in range(300):
        loss(torch.zeros(1, 2), torch.tensor([-1]))
    lengths = loss.centers.c.norm(dim=1)
    assert lengths.isfinite().all() and lengths.diff().abs() < 1


@triplets
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), margin=st.sampled_from([0.1, 0.5, 2.0]), nonzero=st.booleans())
def test_triplets_equal_the_loop_over_all_of_them(mining, seed, margin, nonzero):
    torch.manual_seed(seed)
    x, labels = drawn(10, 3)
    d, losses = torch.cdist(x, x), []
    for a in range(10):
        positives = [p for p in range(10) if p != a and labels[p] == labels[a] >= 0]
        negatives = [n for n in range(10) if labels[n] >= 0 and labels[n] != labels[a] >= 0]
        if mining == "batch_hard" and positives and negatives:
            positives, negatives = [max(positives, key=lambda p: d[a, p])], [min(negatives, key=lambda n: d[a, n])]
        gaps = [d[a, n] - d[a, p] for p in positives for n in negatives]
        losses += [(margin - g).relu() for g in gaps if mining != "semi_hard" or 0 < g <= margin]
    losses = [v for v in losses if v > 0 or not nonzero]
    expected = sum(losses) / max(len(losses), 1)
    got = build("feature", "triplet", margin=margin, mining=mining, nonzero=nonzero, normalize=False)(x, labels)
    assert got.item() == pytest.approx(float(expected), abs=1e-9)


def test_contrastive_is_the_mean_over_all_pairs():
    """Hadsell et al., equation 4, by hand; its pairs one by one give the same as those of the rows."""
    d = torch.tensor([sqrt(2), sqrt(0.8), sqrt(0.4)], dtype=torch.float64)
    expected = (d[0] ** 2 + (1 - d[1]) ** 2 + (1 - d[2]) ** 2) / 6
    x, labels = THREE[0].double(), THREE[1]
    assert made("contrastive", mean="pairs")(x, labels).item() == pytest.approx(expected.item())
    first, second = torch.tensor([0, 0, 1]), torch.tensor([1, 2, 2])
    paired = contrastive_pairs(x[first], x[second], labels[first] == labels[second])
    assert paired.item() == pytest.approx(expected.item(), rel=1e-6)
    x, labels = drawn(12)
    loss = made("contrastive", mean="pairs", nonzero=False, normalize=False, neg_margin=3.0)
    first, second = torch.combinations(torch.arange(12)[labels >= 0]).T
    paired = contrastive_pairs(x[first], x[second], labels[first] == labels[second], margin=3.0)
    torch.testing.assert_close(loss(x, labels), paired)


def test_contrastive_of_pairs_takes_any_label_and_is_finite():
    x0, x1 = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)
    label = torch.tensor([1, 0, 0, 1, 0])
    for kind in (torch.bool, torch.uint8, torch.float32):
        assert contrastive_pairs(x0, x1, label.to(kind)) == contrastive_pairs(x0, x1, label)
    assert gradcheck(lambda a, b: contrastive_pairs(a, b, label, 4.0), (x0, x1))
    same = torch.zeros(2, 3, requires_grad=True)
    contrastive_pairs(same, torch.zeros(2, 3), torch.tensor([1, 0])).backward()
    assert same.grad.isfinite().all() and contrastive_pairs(same[:0], same[:0], label[:0]) == 0


def test_range_takes_the_widest_pairs_of_each_class():
    x = torch.tensor([[0.0], [1.0], [3.0], [10.0], [10.0]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 0, 1, 1])
    apart = {"num_classes": 3, "beta": 0.0}
    assert build("feature", "range", **apart)(x[:3], labels[:3]).item() == pytest.approx(2 / (1 / 9 + 1 / 4))
    assert build("feature", "range", k=1, **apart)(x[:3], labels[:3]).item() == pytest.approx(9)
    assert build("feature", "range", k=9, **apart)(x, labels).item() == pytest.approx(3 / (1 + 1 / 4 + 1 / 9))
    means = build("feature", "range", num_classes=3, alpha=0.0, margin=100.0)(x, labels)
    assert means.item() == pytest.approx(100 - (10 - 4 / 3) ** 2)


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("arcface", {"num_classes": 9}, "has no argument 'num_classes'; it takes scale, margin"),
        ("arcface", {"margni": 1}, "has no argument 'margni'; it takes scale, margin"),
        ("l_softmax", {"margin": 0}, "margin must be a whole number of at least 1, got 0"),
        ("sphereface", {"lambda_min": -1.0}, "must not be negative"),
        ("triplet", {"mining": "hard"}, "mining must be one of batch_all, batch_hard, semi_hard, random, got 'hard'"),
    ],
)
def test_mistakes_are_one_sentence(name, args, message):
    with pytest.raises(ValueError, match="feature loss") as error:
        made(name, **args)
    assert message in str(error.value)


def test_a_loss_is_given_what_it_names():
    given = {"num_classes": 3, "dim": 4}
    names = {name: set(accepted(ROLES["feature"][name], given)) for name in MEMBERS}
    assert names["arcface"] == {"num_classes", "dim"} and names["range"] == {"num_classes"} and not names["ring"]
    assert set(accepted(torch.nn.functional.l1_loss, given)) == set()


# Settings of pytorch-metric-learning 2.8.1 by the names of the goldens, and ours for the same
PARITY = {
    "contrastive_default": ("contrastive", {"power": 1}),
    "contrastive_mean": ("contrastive", {"power": 1, "nonzero": False}),
    "contrastive_unnorm": ("contrastive", {"power": 1, "normalize": False, "pos_margin": 0.2, "neg_margin": 3.0}),
    "triplet_all_default": ("triplet", {"margin": 0.05, "mining": "batch_all"}),
    "triplet_all_m1": ("triplet", {"margin": 1.0, "mining": "batch_all"}),
    "triplet_all_m1_mean": ("triplet", {"margin": 1.0, "mining": "batch_all", "nonzero": False}),
    "triplet_all_unnorm": ("triplet", {"margin": 0.3, "mining": "batch_all", "normalize": False}),
    "triplet_hard_default": ("triplet", {"margin": 0.2}),
    "triplet_hard_m1": ("triplet", {"margin": 1.0}),
    "triplet_hard_unnorm_mean": ("triplet", {"margin": 0.3, "normalize": False, "nonzero": False}),
    "triplet_semihard_minerM02": ("triplet", {"margin": 0.2, "mining": "semi_hard"}),
    "arcface": ("arcface", {"margin": torch.deg2rad(torch.tensor(28.6, dtype=torch.float64)).item()}),
    "arcface_m05rad_s30": ("arcface", {"margin": 0.5, "scale": 30.0}),
    "cosface": ("cosface", {}),
    "cosface_m02_s16": ("cosface", {"margin": 0.2, "scale": 16.0}),
    "sphereface": ("sphereface", BARE),
    "sphereface_m2": ("sphereface", {"margin": 2, **BARE}),
    "lmsoftmax": ("l_softmax", BARE),
    "lmsoftmax_m2": ("l_softmax", {"margin": 2, **BARE}),
    "lmsoftmax_m3": ("l_softmax", {"margin": 3, **BARE}),
    "normsoftmax": ("normface", {"scale": 20.0, "learn_scale": False}),
    "normsoftmax_t05": ("normface", {"scale": 2.0, "learn_scale": False}),
}


@pytest.mark.parametrize("setting", PARITY)
def test_parity_with_pytorch_metric_learning(golden, setting):
    held, (name, args) = golden("g5_metric"), PARITY[setting]
    cases = sorted({key.removesuffix("_emb") for key in held if key.endswith("_emb")})
    assert cases
    for case in cases:
        key = f"{case}_{setting}"
        w = torch.from_numpy(held[f"{case}_W"])
        loss = made(name, w.shape[1], w.shape[0], **args)
        if f"{key}_gradW" in held:
            loss.weight.data = w.T.contiguous()
        x, labels = torch.from_numpy(held[f"{case}_emb"]), torch.from_numpy(held[f"{case}_labels"])
        expected = torch.from_numpy(held[f"{key}_loss"]), torch.from_numpy(held[f"{key}_grad"])
        torch.testing.assert_close(value_and_gradient(loss, x, labels), expected, rtol=1e-6, atol=1e-9)
        if f"{key}_gradW" in held:
            torch.testing.assert_close(
                loss.weight.grad, torch.from_numpy(held[f"{key}_gradW"]).T.contiguous(), rtol=1e-6, atol=1e-9
            )
