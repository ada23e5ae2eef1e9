"""AELoss: the published numbers, and the cases in which the published code fails."""

import pytest
import torch

from cornernet.losses import AELoss, _ae_loss, _neg_loss, _regr_loss, build, neg_loss
from cornernet.structures import CornerGoal, CornerOutputs

PUBLISHED = {"heatmap": "focal", "offset": "regr"}  # names of terms in the published code

OUTS = ("tl_heat", "br_heat", "tl_tag", "br_tag", "tl_regr", "br_regr")
TARGETS = ("tl_heat", "br_heat", "mask", "tl_regr", "br_regr")
# relative; 3e-5: log(1 - 0.9999) in float32, 3e-4: (1 - 1 / 1.0001) / 1e-4 in float32
GOLDENS = {
    "c01_stack1": 1e-5,
    "c02_stack2": 1e-5,
    "c05_one_image_empty": 1e-5,
    "c06_all_empty": 1e-5,
    "c08_one_object_in_batch": 3e-4,
    "c11_confident_15": 3e-5,
    "c12_clamp_edges": 3e-5,
}


def read(data):
    stacks = int(data["dims_BCHWKS"][-1])
    outs = [torch.tensor(data[f"{kind}_{s}"], requires_grad=True) for s in range(stacks) for kind in OUTS]
    return outs, [torch.tensor(data[f"gt_{kind}"]) for kind in TARGETS], stacks


@pytest.mark.parametrize(("case", "tolerance"), GOLDENS.items())
def test_published_values_and_gradients(golden, case, tolerance):
    data = golden(f"g1_aeloss_{case}")
    outs, targets, stacks = read(data)
    loss = AELoss(*data["weights"].tolist())
    total = loss(outs, targets)
    total.backward()
    assert total.shape == (1,)
    assert total.item() == pytest.approx(data["loss_total"].item(), rel=tolerance)
    for name, value in loss.terms(outs, targets).items():
        assert value.item() * stacks == pytest.approx(
            float(data[f"loss_{PUBLISHED.get(name, name)}"]), rel=tolerance
        ), name
    for i, out in enumerate(outs):
        expected = torch.tensor(data[f"grad_{OUTS[i % 6]}_{i // 6}"])
        torch.testing.assert_close(out.grad, expected, rtol=1e-5, atol=1e-9)


def test_a_few_published_numbers():
    """From g1_aeloss_c08 (push of one object), and relations that hold exactly in the published formulas."""
    tags, mask = torch.zeros(2, 4, 1), torch.tensor([[1, 0, 0, 0], [0, 0, 0, 0]], dtype=torch.uint8)
    assert build("grouping", "ae")(tags, tags, mask)["push"].item() == pytest.approx(1.000166, rel=3e-4)
    assert neg_loss(torch.full((1, 1, 1, 1), 100.0), torch.zeros(1, 1, 1, 1)).item() == pytest.approx(9.2085, rel=3e-5)
    one = torch.ones(1, 1, 2)
    assert build("offset", "smooth_l1")(one, 0 * one, torch.ones(1, 1)).item() == pytest.approx(0.5 * 2 / 1.0001)


def test_functions_under_their_published_names(golden):
    data = golden("g1_aeloss_c02_stack2")
    outs, (tl_heat, br_heat, mask, tl_regr, br_regr), _ = read(data)
    maps = [[x.sigmoid().clamp(1e-4, 1 - 1e-4) for x in outs[i::6]] for i in (0, 1)]
    assert _neg_loss(maps[0], tl_heat).item() == pytest.approx(float(data["loss_focal_tl"]), rel=1e-5)
    assert _neg_loss(maps[1], br_heat).item() == pytest.approx(float(data["loss_focal_br"]), rel=1e-5)
    for s in range(2):
        pull, push = _ae_loss(outs[6 * s + 2], outs[6 * s + 3], mask.bool())
        assert pull.item() == pytest.approx(float(data["loss_pull_per_stack"][s]), rel=1e-5)
        assert push.item() == pytest.approx(float(data["loss_push_per_stack"][s]), rel=1e-5)
        expected = data["loss_regr_per_stack_tl_br"][s].tolist()
        assert _regr_loss(outs[6 * s + 4], tl_regr, mask).item() == pytest.approx(expected[0], rel=1e-5)
        assert _regr_loss(outs[6 * s + 5], br_regr, mask).item() == pytest.approx(expected[1], rel=1e-5)


def test_published_focal_loss_is_finite_at_certainty_and_may_be_passed_on(corner_batch):
    p = torch.tensor([0.0, 1.0, 0.0, 1.0]).reshape(1, 1, 2, 2).requires_grad_()
    value = _neg_loss([p], torch.tensor([1.0, 1.0, 0.0, 0.0]).reshape(1, 1, 2, 2))
    value.backward()
    assert value.isfinite() and p.grad.isfinite().all()
    outs, targets = corner_batch()
    torch.testing.assert_close(AELoss(0.1, 0.1, 1, _neg_loss)(outs, targets), AELoss(0.1, 0.1, 1)(outs, targets))


def published_focal_loss(maps, truth):
    """The focal loss in the published convention, by its formula: probabilities of every stack, ground truth."""
    total, corner = 0, truth.eq(1).float()
    for p in maps:
        sum_of = corner * (1 - p) ** 2 * p.log() + (1 - corner) * (1 - truth) ** 4 * p**2 * (1 - p).log()
        total = total - sum_of.sum() / max(float(corner.sum()), 1)
    return total


def mean_of_stacks(maps, truth):
    """One that sees all stacks at once."""
    return (torch.stack(maps).mean(0) - truth).square().sum()


@pytest.mark.parametrize(("case", "tolerance"), GOLDENS.items())
@pytest.mark.parametrize("focal_loss", [published_focal_loss, _neg_loss, lambda p, g: published_focal_loss(p, g)])
def test_a_focal_loss_of_the_published_shape_has_the_published_numbers(golden, case, tolerance, focal_loss):
    data = golden(f"g1_aeloss_{case}")
    outs, targets, stacks = read(data)
    loss = AELoss(*data["weights"].tolist(), focal_loss=focal_loss)
    total = loss(outs, targets)
    total.backward()
    assert total.shape == (1,) and total.item() == pytest.approx(data["loss_total"].item(), rel=tolerance)
    assert loss.terms(outs, targets)["heatmap"].item() * stacks == pytest.approx(
        float(data["loss_focal"]), rel=tolerance
    )
    for i, out in enumerate(outs):
        expected = torch.tensor(data[f"grad_{OUTS[i % 6]}_{i // 6}"])
        torch.testing.assert_close(out.grad, expected, rtol=1e-4, atol=1e-7)


def test_a_published_focal_loss_is_given_all_stacks_at_once(corner_batch):
    outs, targets = corner_batch(stacks=2)
    maps = [[x.sigmoid().clamp(1e-4, 1 - 1e-4) for x in outs[i::6]] for i in (0, 1)]
    expected = (mean_of_stacks(maps[0], targets[0]) + mean_of_stacks(maps[1], targets[1])) / 2
    torch.testing.assert_close(AELoss(focal_loss=mean_of_stacks).terms(outs, targets)["heatmap"], expected)


def test_the_published_attributes_are_there_and_count(corner_batch):
    outs, targets = corner_batch()
    loss = AELoss(0.2, 0.3, 0.5, published_focal_loss)
    assert (loss.pull_weight, loss.push_weight, loss.regr_weight) == (0.2, 0.3, 0.5)
    assert loss.focal_loss is published_focal_loss and AELoss(focal_loss=_neg_loss).focal_loss is _neg_loss
    terms, tags = loss.terms(outs[:6], targets), (outs[2], outs[3], targets[2])
    torch.testing.assert_close(loss.ae_loss(*tags), (terms["pull"], terms["push"]))
    both = loss.regr_loss(outs[4], targets[3], targets[2]) + loss.regr_loss(outs[5], targets[4], targets[2])
    torch.testing.assert_close(both, terms["offset"])
    other = AELoss(grouping_loss=build("grouping", "contrastive"))
    assert other.ae_loss(*tags) == tuple(other.grouping_loss(*tags).values())
    before = loss(outs, targets)
    loss.pull_weight, loss.focal_loss = 1.2, mean_of_stacks
    changed = AELoss(1.2, 0.3, 0.5, mean_of_stacks)(outs, targets)
    torch.testing.assert_close(loss(outs, targets), changed)
    assert not torch.equal(before, changed)


def test_losses_of_logits_are_not_taken_for_published_ones(corner_batch):
    outs, targets = corner_batch()
    for loss in (
        lambda x, y: (x.sigmoid() - y).square().sum(),
        lambda preds, gt: (preds.sigmoid() - gt).square().sum(),
    ):
        expected = sum(loss(outs[i], targets[i % 6]) for i in (0, 1, 6, 7)) / 2
        torch.testing.assert_close(AELoss(focal_loss=loss).terms(outs, targets)["heatmap"], expected)


def test_clamp_has_a_dead_zone_and_none_has_not():
    def gradient(logit, target, clamp):
        x = torch.full((1, 1, 1, 1), logit, requires_grad=True)
        neg_loss(x, torch.full_like(x, target), clamp=clamp).backward()
        return x.grad.item()

    assert gradient(9.22, 0.0, 1e-4) == gradient(-9.22, 1.0, 1e-4) == 0 != gradient(9.20, 0.0, 1e-4)
    assert gradient(60.0, 0.0, None) == pytest.approx(1)
    assert gradient(-60.0, 1.0, None) == pytest.approx(-1)
    assert gradient(3.0, 0.0, None) == pytest.approx(gradient(3.0, 0.0, 1e-4), rel=1e-5)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_no_clamp_is_finite_at_any_exponent(alpha):
    x = torch.tensor([-100.0, 0, 100]).repeat(2).reshape(1, 1, 2, 3).requires_grad_()
    value = neg_loss(x, torch.tensor([0.0, 0, 0, 1, 1, 1]).reshape(1, 1, 2, 3), alpha=alpha, clamp=None)
    value.backward()
    assert value.isfinite() and x.grad.isfinite().all()


def test_inputs_are_left_as_they_are_and_terms_add_up(corner_batch):
    outs, targets = corner_batch()
    before = [x.detach().clone() for x in (*outs, *targets)]
    loss = AELoss(0.2, 0.3, 0.5, focal_weight=2.0, grouping_weight=10.0)
    total, terms = loss(outs, targets), loss.terms(outs, targets)
    torch.testing.assert_close(before, [x.detach() for x in (*outs, *targets)], rtol=0, atol=0)
    assert list(terms) == ["heatmap", "pull", "push", "offset"] and all(t.dim() == 0 for t in terms.values())
    expected = 2 * terms["heatmap"] + 2 * terms["pull"] + 3 * terms["push"] + 0.5 * terms["offset"]
    torch.testing.assert_close(total, expected[None])


def test_lists_and_structures_are_the_same_road(corner_batch):
    outs, targets = corner_batch()
    loss, stacks = AELoss(0.2, 0.3, 0.5), [CornerOutputs(*outs[i : i + 6]) for i in (0, 6)]
    found, told = loss.stack_terms(stacks, CornerGoal(*targets)), loss.terms(outs, targets)
    assert list(found) == list(told) and all(torch.equal(found[name], told[name]) for name in told)
    slopes = [torch.autograd.grad(loss.total(terms), outs) for terms in (found, told)]
    assert all(torch.equal(a, b) for a, b in zip(*slopes, strict=True))


def test_mask_dtype_batch_of_one_and_order_of_stacks(corner_batch):
    outs, targets = corner_batch(images=1, slots=1, counts=(1,))
    expected = AELoss()(outs, targets)
    for dtype in (torch.uint8, torch.int64, torch.float32):
        torch.testing.assert_close(AELoss()(outs, [*targets[:2], targets[2].to(dtype), *targets[3:]]), expected)
    torch.testing.assert_close(AELoss()(outs[6:] + outs[:6], targets), expected)
    alone = [AELoss()(outs[i : i + 6], targets) for i in (0, 6)]
    torch.testing.assert_close((alone[0] + alone[1]) / 2, expected)


def test_chunk_size_makes_grouping_independent_of_the_batch(corner_batch):
    outs, targets = corner_batch(tag_dim=3)
    published, scaled = AELoss(), AELoss(grouping_loss=build("grouping", "ae", chunk_size=2))
    torch.testing.assert_close(scaled.terms(outs, targets), published.terms(outs, targets))
    twice = [[x.repeat(2, *[1] * (x.dim() - 1)) for x in tensors] for tensors in (outs, targets)]
    for name in ("pull", "push"):
        expected = published.terms(outs, targets)[name]
        torch.testing.assert_close(scaled.terms(*twice)[name], expected)
        torch.testing.assert_close(published.terms(*twice)[name], 2 * expected)


def test_autocast_computes_in_float32(corner_batch):
    outs, targets = corner_batch()
    half = [x.detach().bfloat16() for x in outs]
    with torch.autocast("cpu", torch.bfloat16):
        got = AELoss()(half, targets)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, AELoss()([x.float() for x in half], targets))


def test_wrong_lists_and_shapes_are_refused(corner_batch):
    outs, targets = corner_batch()
    with pytest.raises(ValueError, match="6 outputs a stack and 5 targets, got 11 and 5"):
        AELoss()(outs[:-1], targets)
    by_kind = [outs[i] for kind in range(6) for i in (kind, kind + 6)]
    with pytest.raises(ValueError, match=r"tl_tag of stack 0 has shape \[2, 3, 6, 6\]"):
        AELoss()([x for x in by_kind[:2]] * 3, targets)
    with pytest.raises(ValueError, match="br_regr of stack 1"):
        AELoss()([*outs[:-1], outs[-1][:, :, :1]], targets)


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiles_once_whatever_the_batch_holds(corner_batch, backend):
    grouping = build("grouping", "ae", chunk_size=4)
    loss = AELoss(0.1, 0.1, 1, build("heatmap", "neg", clamp=None), grouping_loss=grouping)
    torch.compiler.reset()
    compiled = torch.compile(loss, fullgraph=True, backend=backend)
    for step, counts in enumerate([(3, 1), (0, 0), (5, 2)]):
        outs, targets = corner_batch(counts=counts)
        with torch.compiler.set_stance("default" if step == 0 else "fail_on_recompile"):
            got = compiled(outs, targets)
        expected = torch.autograd.grad(loss(outs, targets), outs)
        torch.testing.assert_close(got, loss(outs, targets))
        torch.testing.assert_close(torch.autograd.grad(got, outs), expected)
