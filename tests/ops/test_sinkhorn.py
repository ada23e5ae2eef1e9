"""Sinkhorn and Hungarian against the reference, by hand, and where the reference fails."""

from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from cornernet.ops.hungarian import hungarian
from cornernet.ops.sinkhorn import log_sinkhorn, sinkhorn

CASES = ("sq10", "sq_tau", "iter1", "iter2", "ragged", "tall_dummy", "mixed_transposed", "odd_iter")


@pytest.mark.parametrize("case", CASES)
def test_equals_the_reference_in_value_and_gradient(golden, case):
    data = {k[len(case) + 10 :]: v for k, v in golden("g5_matching").items() if k.startswith(f"sinkhorn_{case}_")}
    s, w, n1, n2 = (torch.tensor(data[k]) for k in ("s", "w", "n1", "n2"))
    s.requires_grad_()
    options = {"dummy_row": bool(data["dummy_row"]), "max_iter": int(data["max_iter"]), "tau": float(data["tau"])}
    out = sinkhorn(s, n1, n2, **options)
    (out * w).sum().backward()
    torch.testing.assert_close(out.detach(), torch.tensor(data["out"]), rtol=1e-6, atol=1e-12)
    torch.testing.assert_close(s.grad, torch.tensor(data["grad"]), rtol=1e-6, atol=1e-9)


def test_two_half_steps_by_hand():
    s = torch.tensor([[[1.0, 3.0], [1.0, 1.0]]]).log()
    torch.testing.assert_close(sinkhorn(s, max_iter=1), torch.tensor([[[0.25, 0.75], [0.5, 0.5]]]))
    torch.testing.assert_close(sinkhorn(s, max_iter=2), torch.tensor([[[1 / 3, 0.6], [2 / 3, 0.4]]]))
    torch.testing.assert_close(sinkhorn(s / 2, max_iter=2, tau=0.5), sinkhorn(s, max_iter=2))


@pytest.mark.parametrize("dummy_row", [False, True])
def test_ragged_batches_have_finite_gradients_and_equal_their_images_alone(dummy_row):
    s, n1, n2 = torch.randn(5, 6, 5).double().requires_grad_(), [6, 2, 0, 3, 0], [5, 2, 0, 5, 4]
    counts = torch.tensor(n1), torch.tensor(n2)
    out = sinkhorn(s, *counts, dummy_row)
    for b, (rows, columns) in enumerate(zip(n1, n2, strict=True)):
        assert out[b].count_nonzero() == rows * columns
        if rows * columns and (rows, columns) != (2, 2):  # the turn of a square depends on the tensor around it
            alone = sinkhorn(s[b : b + 1, :rows, :columns], dummy_row=dummy_row)
            torch.testing.assert_close(out[b : b + 1, :rows, :columns], alone)
    assert gradcheck(lambda s: sinkhorn(s, *counts, dummy_row), s)


def test_sums_and_the_turn_of_tall_matrices():
    s = torch.randn(2, 7, 7)
    torch.testing.assert_close(sinkhorn(s, max_iter=9).sum(2), torch.ones(2, 7))
    torch.testing.assert_close(sinkhorn(s, max_iter=10).sum(1), torch.ones(2, 7))
    torch.testing.assert_close(sinkhorn(s[:, :, :4], max_iter=3).mT, sinkhorn(s[:, :, :4].mT, max_iter=3))
    torch.testing.assert_close(sinkhorn(s[:, :3], max_iter=1).sum(2), torch.ones(2, 3))
    two = torch.tensor([2, 2])
    square_in_tall = sinkhorn(
        s[:, :, :4], two, two, max_iter=1
    )  # turned with the tensor around it, as in the reference
    torch.testing.assert_close(square_in_tall[:, :, :2].sum(1), torch.ones(2, 2))


def test_extremes_and_impossible_pairs_are_finite():
    s = torch.tensor([[[0.0, -torch.inf], [-torch.inf, -torch.inf]], [[1e15, -1e15], [0, 1e15]]], requires_grad=True)
    out = log_sinkhorn(s, tau=0.01)
    out.sum().backward()
    assert out.isfinite().all() and (out <= 0).all() and s.grad.isfinite().all()
    impossible = torch.tensor([[[0.0, 2.0], [-torch.inf, 0.0]]])
    torch.testing.assert_close(sinkhorn(impossible, max_iter=400), torch.eye(2)[None], atol=0.01, rtol=0)


@pytest.mark.parametrize("dummy_row", [False, True])
@pytest.mark.parametrize("steps", [1, 9, 10])
def test_rows_and_columns_without_a_possible_pair_get_no_share(dummy_row, steps):
    s = torch.randn(2, 4, 5)
    s[0, 1] = s[0, :, 2] = s[1] = -torch.inf
    for asked in (s, s.mT, s[:, :, :4], s.double()):
        asked = asked.clone().requires_grad_()
        out = sinkhorn(asked, dummy_row=dummy_row, max_iter=steps)
        (out * torch.rand_like(out)).sum().backward()
        never = asked.detach() == -torch.inf
        assert not out[never].any() and (out[~never] > 0).all() and out.sum() > 0
        assert asked.grad.isfinite().all() and not asked.grad[never].any() and asked.grad.any()


def test_a_row_that_cannot_be_matched_leaves_the_others_as_they_are_without_it():
    s = torch.randn(1, 4, 4).double()
    wide = torch.nn.functional.pad(s, (0, 1, 0, 1), value=-torch.inf)
    torch.testing.assert_close(sinkhorn(wide, max_iter=9)[:, :4, :4], sinkhorn(s, max_iter=9))


def test_logarithm_holds_where_the_matrix_underflows():
    s = torch.tensor([[[0.0, 500.0], [500.0, 0.0]]])
    assert sinkhorn(s)[0, 0, 0] == 0 and log_sinkhorn(s)[0, 0, 0] == -500


def test_half_precision_is_computed_in_float32_and_sizes_of_zero_work():
    s = torch.randn(2, 4, 4).bfloat16()
    torch.testing.assert_close(sinkhorn(s), sinkhorn(s.float()), rtol=0, atol=0)
    assert sinkhorn(torch.zeros(2, 0, 3)).shape == (2, 0, 3) and sinkhorn(torch.zeros(0, 2, 2)).shape == (0, 2, 2)


def test_compiles_as_one_graph():
    s, n = torch.randn(3, 4, 4), torch.tensor([4, 2, 0])
    torch.compiler.reset()
    compiled = torch.compile(sinkhorn, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(s, n, n), sinkhorn(s, n, n))


@pytest.mark.parametrize("case", ["sq", "rect"])
def test_hungarian_equals_the_reference(golden, case):
    data = golden("g5_matching")
    pred, n1, n2, expected = (torch.tensor(data[f"{case}_{key}"]) for key in ("pred", "n1", "n2", "hungarian"))
    assert torch.equal(hungarian(pred, n1, n2), expected)


def test_hungarian_prefers_the_best_total_to_the_best_pair():
    s = torch.tensor([[[0.9, 0.8], [0.85, 0.1]]], requires_grad=True)
    assert hungarian(s).tolist() == [[[0, 1], [1, 0]]]
    assert hungarian(s.bfloat16(), torch.tensor([1])).tolist() == [[[1, 0], [0, 0]]]
    hopeless = torch.tensor([[[torch.nan, torch.inf], [-torch.inf, torch.nan]]])
    assert hungarian(hopeless).sum() == 2 and hungarian(hopeless)[0, 0, 1] == 1
    assert hungarian(torch.zeros(2, 0, 3)).shape == (2, 0, 3)


def best_by_trial(s):
    """Scores [N, M] -> (forbidden pairs, minus the sure ones, minus the others' total) of the best assignment."""
    s = s.T if len(s) > len(s.T) else s
    chosen = (s[range(len(s)), list(columns)] for columns in permutations(range(s.shape[1]), len(s)))
    return min(map(order, chosen))


def order(scores):
    never = scores.isnan() | (scores == -torch.inf)
    sure = scores == torch.inf
    return int(never.sum()), -int(sure.sum()), -float(scores[~never & ~sure].sum())


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(0, 10**6)),
    st.sampled_from([1.0, 1e-30, 1e15, 1e300]),
    st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    st.sampled_from([0.0, 0.2]),
)
def test_hungarian_has_as_few_forbidden_pairs_as_can_be_and_then_the_best_total(shape, scale, share, sure):
    torch.manual_seed(shape[2])
    s = scale * torch.randn(shape[:2], dtype=torch.float64)
    s[torch.rand(shape[:2]) < sure] = torch.inf
    s[torch.rand(shape[:2]) < share] = torch.tensor([-torch.inf, torch.nan])[shape[2] % 2].double()
    found = hungarian(s[None])[0]
    assert found.sum() == min(shape[:2]) and (found.sum(0) <= 1).all() and (found.sum(1) <= 1).all()
    got, best = order(s[found > 0]), best_by_trial(s)
    assert got[:2] == best[:2] and got[2] == pytest.approx(best[2], rel=1e-9, abs=1e-9 * scale)


def test_hungarian_by_hand_where_forbidden_pairs_are_forced():
    never = -torch.inf
    s = torch.tensor([[[0.0, never, never], [5, never, never], [1, 2, never]]])  # two rows want the first column
    assert hungarian(s).tolist() == [[[0, 0, 1], [1, 0, 0], [0, 1, 0]]]
    assert hungarian(torch.full((1, 2, 3), never)).sum() == 2 and hungarian(torch.zeros(0, 2, 2)).shape == (0, 2, 2)
    inside = torch.tensor([2])
    s = torch.tensor([[[-9.0, never, 7], [never, never, 7], [7, 7, 7]]])  # what lies beyond the counts is no way out
    assert hungarian(s, inside, inside)[0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
