"""The matching losses against the published ones, and what tags do to them."""

import math

import pytest
import torch

from cornernet.losses import ROLES, build, default_weight
from cornernet.losses.grouping.cross_entropy import cross_entropy_loss
from cornernet.losses.grouping.focal_matching import focal_matching_loss
from cornernet.losses.grouping.hamming import hamming_loss
from cornernet.losses.grouping.inner_product import inner_product_loss
from cornernet.losses.grouping.offset_matching import displacement, offset_matching_loss
from cornernet.losses.grouping.permutation import permutation_loss
from cornernet.losses.grouping.permutation_hung import permutation_hung_loss
from cornernet.losses.matching import match_tags

PUBLISHED = {
    "PermutationLoss": permutation_loss,
    "CrossEntropyLoss": lambda *x: cross_entropy_loss(*x, first_if_unmatched=True),
    "PermutationLossHung": permutation_hung_loss,
    "FocalLoss_g0": focal_matching_loss,
    "FocalLoss_g05": lambda *x: focal_matching_loss(*x, gamma=0.5),
    "FocalLoss_g2": lambda *x: focal_matching_loss(*x, gamma=2.0),
    "InnerProductLoss": inner_product_loss,
    "HammingLoss": lambda s, truth, n1, n2: hamming_loss(s, truth),
}
LOGARITHMIC = ("cross_entropy", "focal_matching", "permutation", "permutation_hung")
MATCHING = (*LOGARITHMIC, "hamming", "inner_product", "offset_matching")
ALL = ("contrastive", "triplet", *MATCHING)


def read(golden, case):
    data = golden("g5_matching")
    s, truth, n1, n2 = (torch.tensor(data[f"{case}_{key}"]) for key in ("pred", "gt", "n1", "n2"))
    return data, s.requires_grad_(), truth, n1, n2


def near(got, expected):
    torch.testing.assert_close(got.detach(), torch.tensor(expected), rtol=1e-6, atol=1e-12)


def points(count):
    return {"tl_point": torch.rand(1, count, 2), "br_point": torch.rand(1, count, 2) * 9 + 1}


def of(name, tl_tag, br_tag, mask=None, **args):
    """Value of a member on the tags of one image, a list of numbers or [M, D]."""
    t, b = (x if isinstance(x, torch.Tensor) else torch.tensor(x)[:, None] for x in (tl_tag, br_tag))
    mask = torch.ones(1, len(t)) if mask is None else torch.tensor([mask])
    where = points(len(t)) if name == "offset_matching" else {}
    return sum(build("grouping", name, **args)(t[None], b[None], mask, **where).values())


@pytest.mark.parametrize("case", ["sq", "rect"])
@pytest.mark.parametrize("name", PUBLISHED)
def test_formula_equals_the_published_one_in_value_and_gradient(golden, name, case):
    data, s, *rest = read(golden, case)
    loss = PUBLISHED[name](s, *rest)
    loss.backward()
    near(loss, data[f"{case}_{name}_f64_loss"])
    near(s.grad, data[f"{case}_{name}_f64_grad"])


@pytest.mark.parametrize("case", ["sq", "rect"])
@pytest.mark.parametrize(("kind", "norm"), [("nonorm", 1.0), ("norm", 256.0)])
def test_offset_formula_equals_the_published_one(golden, case, kind, norm):
    data, s, truth, n1, _ = read(golden, case)
    tl, br = (torch.tensor(data[f"{case}_{key}"]) for key in ("P_src", "P_tgt"))
    predicted, mask = displacement(s, tl, br, n1)
    near(predicted, data[f"{case}_disp_pred"])
    near(displacement(truth, tl, br)[0], data[f"{case}_disp_gt"])
    near(mask, data[f"{case}_disp_mask"])
    loss = offset_matching_loss(s, truth, tl, br, n1, norm=norm)
    torch.testing.assert_close(offset_matching_loss(s, truth, tl, br, mask=mask, norm=norm), loss)
    loss.backward()
    near(loss, data[f"{case}_OffsetLoss_{kind}_f64_loss"])
    near(s.grad, data[f"{case}_OffsetLoss_{kind}_f64_grad"])


def test_offset_formula_counts_every_row_without_a_count():
    s, tl, br = torch.full((1, 2, 2), 0.5), torch.zeros(1, 2, 2), torch.tensor([[[3.0, 4.0], [-3.0, -4.0]]])
    loss = offset_matching_loss(s, torch.eye(2)[None], tl, br, epsilon=0.0)
    assert loss == 10 and offset_matching_loss(s, torch.eye(2)[None], tl, br, torch.tensor([1]), epsilon=0.0) == 5


def test_offset_mask_says_which_coordinates_count():
    """Half shares: both rows are off by (3, 4), of which the mask takes the x of the first and all of the second."""
    s, tl, br = torch.full((1, 2, 2), 0.5), torch.zeros(1, 2, 2), torch.tensor([[[3.0, 4.0], [-3.0, -4.0]]])
    mask = torch.tensor([[[1.0, 0.0], [1.0, 1.0]]])
    truth = torch.eye(2)[None]
    assert displacement(s, tl, br)[1].all()
    assert offset_matching_loss(s, truth, tl, br, mask=mask, epsilon=0.0) == 3 + 5
    row = torch.tensor([[[0.0, 0.0], [1.0, 1.0]]])
    assert offset_matching_loss(s, truth, tl, br, mask=row, epsilon=0.0, per_image=True) == 5


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"form": "bce"}, -2 * math.log(0.3) - 2 * math.log(1 - 0.7)),
        ({"form": "focal"}, -2 * (0.75 * 0.7**2 * math.log(0.3) + 0.25 * 0.7**2 * math.log(0.3))),
        ({"form": "focal", "alpha": 0.5, "gamma": 0.0}, -2 * math.log(0.3)),
        ({"form": "margin"}, 4 * (0.7 - 0.2)),
        ({"form": "margin", "beta": 0.7}, 0),
    ],
)
def test_hungarian_attention_under_three_losses_by_hand(args, expected):
    """Two corners that are about to be swapped, each 0.7 sure of it, beside a third that is decided rightly."""
    s = torch.tensor([[[0.3, 0.7, 0.4], [0.7, 0.3, 0.4], [0.4, 0.4, 1.0]]], dtype=torch.float64, requires_grad=True)
    n = torch.tensor([3])
    loss = permutation_hung_loss(s, torch.eye(3)[None].double(), n, n, **args)
    loss.backward()
    assert 3 * loss.item() == pytest.approx(expected) and not s.grad[0, 2, :2].any() and not s.grad[0, :2, 2].any()


@pytest.mark.parametrize("form", ["focal", "margin"])
def test_every_form_of_hungarian_attention_is_reached_from_a_config(form):
    tags = [0.0, 2.0, 4.0], [2.01, 0.01, 4.01]
    value, bce = (of("permutation_hung", *tags, form=f).item() for f in (form, "bce"))
    assert value > 0.3 and value != pytest.approx(bce)


def test_corners_that_stay_alone_are_errors_of_hamming():
    """One pair whose share is x and whose two bins hold 1 - x: missing 1 - x, and a bin too many of 1 - x."""
    x = 1 / (1 + math.exp(-1))
    assert of("hamming", [0.0], [0.3], max_iter=200).item() == pytest.approx(2 * (1 - x), rel=1e-3)
    assert of("hamming", [0.0, 9.0], [50.0, 70.0]).item() == pytest.approx(2, abs=1e-3)


def test_hamming_trains_as_inner_product_does():
    tags, mask, found = torch.randn(2, 5, 2, dtype=torch.float64, requires_grad=True), [1, 0, 1, 1, 1], []
    for name in ("hamming", "inner_product"):
        (grad,) = torch.autograd.grad(of(name, *tags, mask), tags)
        found.append(default_weight("grouping", name) * grad)
    torch.testing.assert_close(*found)
    torch.testing.assert_close(of("hamming", *tags, mask), 2 + 2 * of("inner_product", *tags, mask))


def test_hamming_finds_the_pairs_of_tags_that_lie_close_together_at_first():
    """As a network's do; what stays alone for nothing never came back from there."""
    torch.manual_seed(0)
    tags, mask = (0.1 * torch.randn(2, 8, 8, 2)).requires_grad_(), torch.arange(8) < torch.arange(1, 9)[:, None]
    optimizer = torch.optim.Adam([tags], 0.03)
    for _ in range(200):
        optimizer.zero_grad()
        build("grouping", "hamming")(*tags, mask)["hamming"].backward()
        optimizer.step()
    s = match_tags(*tags.detach(), mask, 0.1, 10, 0.5).s.diagonal(0, 1, 2)
    assert (s[mask] > 0.5).all()


def test_counts_are_of_the_batch_as_published_or_of_each_image():
    s, n = torch.full((2, 2, 2), 0.5), torch.tensor([2, 1])
    truth = torch.eye(2).expand(2, 2, 2)
    assert permutation_loss(s, truth, n, n).item() == pytest.approx(5 * math.log(2) / 3)
    assert permutation_loss(s, truth, n, n, per_image=True).item() == pytest.approx(3 * math.log(2) / 2)
    none = torch.zeros(2, dtype=torch.long)
    assert permutation_loss(s, truth, none, none) == 0 == permutation_loss(s, truth, none, none, per_image=True)


def test_a_row_without_a_match_is_left_alone_or_drawn_to_the_first_column():
    s, n = torch.tensor([[[0.5, 0.25]]]), torch.tensor([1])
    truth = torch.zeros(1, 1, 2)
    assert cross_entropy_loss(s, truth, n, n + 1) == 0
    assert cross_entropy_loss(s, truth, n, n + 1, first_if_unmatched=True).item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("name", ["PermutationLoss", "CrossEntropyLoss", "PermutationLossHung", "FocalLoss_g05"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_formula_is_finite_where_shares_are_exactly_0_or_1(name, dtype):
    s = torch.tensor([[[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]], dtype=dtype, requires_grad=True)
    n = torch.tensor([2, 2])
    loss = PUBLISHED[name](s, torch.eye(2, dtype=dtype).expand(2, 2, 2), n, n)
    loss.backward()
    assert loss.isfinite() and s.grad.isfinite().all() and loss > 1


def test_hungarian_attention_looks_at_the_truth_and_the_wrong_decisions():
    s = torch.tensor([[[0.2, 0.8, 0.3], [0.8, 0.2, 0.3], [0.3, 0.3, 0.9]]], requires_grad=True)
    n = torch.tensor([3])
    permutation_hung_loss(s, torch.eye(3)[None], n, n).backward()
    assert (s.grad[0] != 0).tolist() == [[True, True, False], [True, True, False], [False, False, True]]


@pytest.mark.parametrize("name", MATCHING)
def test_right_tags_cost_little_and_swapped_ones_much(name):
    for alone in (0.5, None):
        right = of(name, [0.0, 2.0, 4.0], [0.01, 2.01, 4.01], alone=alone)
        wrong = of(name, [0.0, 2.0, 4.0], [2.01, 0.01, 4.01], alone=alone)
        least = -1 if name == "inner_product" else 0
        assert (
            least <= right < least + (0.02 if alone is None else 0.2 if name != "offset_matching" else 1)
            and wrong > right + 0.5
        )
        one = of(name, [0.0, 2.0, 4.0], [2.1, 0.1, 4.1], [0, 0, 1], alone=alone)
        if name != "offset_matching" or alone is None:  # its boxes are drawn anew at every call
            assert one == pytest.approx(of(name, [4.0], [4.1], alone=alone).item())


@pytest.mark.parametrize("name", MATCHING)
def test_partners_farther_than_alone_are_no_partners(name):
    """All top-left tags moved by 3: right for who sees differences alone, wrong for who asks for a small distance."""
    apart, near = ([0.0, 2.0, 4.0], [3.0, 5.0, 7.0]), ([0.0, 2.0, 4.0], [0.0, 2.0, 4.0])
    value, moved = (of(name, *tags, alone=0.5).item() for tags in (near, apart))
    assert moved > value + 0.5
    if name != "offset_matching":  # whose boxes are drawn anew at every call
        assert of(name, *apart, alone=50.0).item() == pytest.approx(of(name, *apart, alone=None).item(), abs=1e-3)


def test_lone_corners_by_hand():
    """One pair at distance 0.3, price 0.5, tau 0.1: [[e^-3, e^-2.5], [e^-2.5, 1]] balances to shares x and 1 - x with
    x^2 / (1 - x)^2 = e^-3 / e^-5.
    """
    for slots, mask in ((1, [[1]]), (3, [[0, 1, 0]])):
        s = match_tags(torch.zeros(1, slots, 1), torch.full((1, slots, 1), 0.3), torch.tensor(mask), 0.1, 200, 0.5).s
        assert s[0, 0, 0].item() == pytest.approx(1 / (1 + math.exp(-1)), rel=1e-4) and s.sum() == s[0, 0, 0]


@pytest.mark.parametrize("count", [1, 4, 40])
def test_the_price_of_staying_alone_does_not_depend_on_the_number_of_objects(count):
    tags = 9 * torch.arange(count).float()[None, :, None]
    for distance, share in ((0.3, 1 / (1 + math.exp(-1))), (0.5, 0.5), (0.7, 1 / (1 + math.exp(1)))):
        s = match_tags(tags, tags + distance, torch.ones(1, count), 0.1, 400, 0.5).s
        torch.testing.assert_close(s[0].diagonal(), torch.full((count,), share), rtol=1e-3, atol=1e-3)


def test_shares_with_bins_are_those_of_the_written_out_matrix():
    torch.manual_seed(1)
    t, b, alone, tau = torch.rand(2, 1, 3, 2)[0], torch.rand(1, 3, 2), 0.4, 0.2
    d = (t[0][:, None] - b[0][None]).abs().mean(-1)
    full = torch.zeros(6, 6)
    full[:3, :3], full[:3, 3:], full[3:, :3], full[3:, 3:] = -d, -alone / 2, -alone / 2, tau * math.log(3)
    full = (full / tau).exp().double()
    for _ in range(200):
        full = full / full.sum(1, keepdim=True)
        full = full / full.sum(0, keepdim=True)
    s = match_tags(t, b, torch.ones(1, 3), tau, 400, alone).s[0]
    torch.testing.assert_close(s, full[:3, :3].float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_only_differences_of_tags_matter(name):
    t, b = torch.randn(2, 5, 3).double()
    states = torch.get_rng_state()
    expected = of(name, t, b)
    torch.set_rng_state(states)
    torch.testing.assert_close(of(name, t + 7, b + 7), expected)


@pytest.mark.parametrize("name", ALL)
def test_weights_do_not_depend_on_the_batch_and_empty_images_count_as_0(name):
    tags, mask = torch.randn(2, 2, 4, 2), torch.ones(2, 4)
    where = [torch.rand(2, 4, 2), 1 + torch.rand(2, 4, 2)] if name == "offset_matching" else []
    loss = build("grouping", name)
    once, twice = (
        loss(*tags, mask, *where),
        loss(*(x.repeat(2, 1, 1) for x in tags), mask.repeat(2, 1), *(x.repeat(2, 1, 1) for x in where)),
    )
    half = loss(*(torch.cat([x, x]) for x in tags), torch.cat([mask, mask * 0]), *(torch.cat([x, x]) for x in where))
    for term, value in once.items():
        torch.testing.assert_close(twice[term], value)
        torch.testing.assert_close(half[term], value / 2)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("scale", [0.0, 1e4, 1e30, 3e38])
def test_equal_and_huge_tags_are_finite(name, scale):
    dtypes = (torch.float32, torch.bfloat16, torch.float16) if scale <= 1e4 else (torch.float32, torch.bfloat16)
    for dtype in dtypes:
        tags = (torch.tensor([[[1.0, -1.0], [0.5, 1], [-1, -1]], [[-1, 1], [1, 1], [1, -0.5]]]) * scale).to(dtype)
        t, b = (x.clone().requires_grad_() for x in tags)
        with torch.autocast("cpu", torch.bfloat16):
            value = of(name, t, b)
        value.backward()
        assert value.dtype == torch.float32 and value.isfinite()
        assert t.grad.isfinite().all() and b.grad.isfinite().all()


@pytest.mark.parametrize("name", LOGARITHMIC)
def test_partners_far_apart_are_drawn_together_however_small_their_share(name):
    """A share of exp(-300), 0 in float32, has a gradient."""
    t = torch.tensor([[0.0], [50.0]], requires_grad=True)
    s = match_tags(t[None], torch.tensor([[[40.0], [50.0]]]), torch.ones(1, 2), 0.1, 10).s
    assert s[0, 0, 0] > 0.9  # whoever is left over is a partner, too
    b = torch.tensor([[40.0], [20.0], [0.0]])
    t = torch.tensor([[0.0], [20.0], [40.0]], requires_grad=True)
    assert match_tags(t[None], b[None], torch.ones(1, 3), 0.1, 10).s[0, 0, 0] == 0
    of(name, t, b).backward()
    assert t.grad[0] < -1 and t.grad[2] > 1 and t.grad.abs().max() < 100


def test_a_cold_temperature_is_hard_and_a_hot_one_soft():
    tags = [0.0, 1.0], [0.3, 1.3]
    assert of("inner_product", *tags, tau=0.01) < -0.999 and of("inner_product", *tags, tau=100.0) > -0.51
    assert of("permutation", *tags, max_iter=1) != of("permutation", *tags, max_iter=3)


def test_tags_pull_a_partner_as_far_as_it_lies_off():
    """A row in doubt between two partners 3 and 30 cells apart."""
    t, b = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.5], [0.5]])
    tl, mask = torch.zeros(1, 2, 2), torch.ones(1, 2)
    for far in (3.0, 30.0):
        br = torch.tensor([[[5.0, 5.0], [5.0 + far, 5.0]]])
        value = build("grouping", "offset_matching", alone=None)(t[None], b[None], mask, tl, br)["offset_matching"]
        assert value.item() == pytest.approx(far / 2, rel=1e-4)


def test_offsets_do_not_depend_on_where_the_boxes_lie_or_on_empty_slots():
    tags, mask = torch.randn(2, 1, 4, 1), torch.tensor([[1, 0, 1, 1]])
    tl, br = torch.rand(2, 1, 4, 2).double() * 9
    loss = build("grouping", "offset_matching")
    expected = loss(*tags.double(), mask, tl, br)
    torch.testing.assert_close(loss(*tags.double(), mask, tl + 500, br + 500), expected)
    dirty = [x.masked_fill(mask[..., None] == 0, torch.nan) for x in (tl, br)]
    torch.testing.assert_close(loss(*tags.double(), mask, *dirty), expected)


@pytest.mark.parametrize("name", ALL)
def test_gradient_descent_on_tags_finds_the_pairs(name):
    torch.manual_seed(3)
    tags = torch.randn(2, 5, 2).requires_grad_()
    where = [torch.rand(1, 5, 2) * 5, 5 + torch.rand(1, 5, 2) * 9] if name == "offset_matching" else []
    loss, optimizer = (
        build("grouping", name, **({"tau": 0.5, "alone": None} if name in MATCHING else {})),
        torch.optim.Adam([tags], 0.1),
    )
    values = []
    for _ in range(120):
        value = sum(loss(tags[:1], tags[1:], torch.ones(1, 5), *where).values())
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    s = match_tags(tags[:1], tags[1:], torch.ones(1, 5), 0.1, 20).s[0]
    assert values[-1] < values[0] and (s.argmax(1) == torch.arange(5)).all()


def test_members_are_all_there():
    assert {"ae", "half_sides", *ALL} <= set(ROLES["grouping"])
