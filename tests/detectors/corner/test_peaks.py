"""The best peaks of heatmaps: by hand, as max pooling finds them, and the same whether few rows are read or all."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from cornernet.detectors.corner import peaks
from cornernet.detectors.corner.peaks import best_peaks, top_peaks


def test_neighbours_of_a_peak_are_suppressed_and_plateaus_kept():
    heat = torch.zeros(1, 1, 4, 6)
    heat[0, 0, 1, 1:3] = 0.9  # a plateau
    heat[0, 0, 2, 1] = 0.8  # beside it
    heat[0, 0, 1, 5] = 0.5
    scores, _, cells = top_peaks(heat, 4)
    assert sorted(cells[0, :2].tolist()) == [7, 8]
    torch.testing.assert_close(scores[0], torch.tensor([0.9, 0.9, 0.5, 0.0]))
    assert top_peaks(heat, 4, kernel=1)[0][0].tolist() == pytest.approx([0.9, 0.9, 0.8, 0.5])


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_peaks_are_those_of_max_pooling(kernel):
    heat = torch.rand(2, 3, 9, 4)
    peaks = heat * (F.max_pool2d(heat, kernel, 1, kernel // 2) == heat)
    scores, labels, cells = top_peaks(heat, 200, kernel)
    assert torch.equal(scores, peaks.flatten(1).sort(descending=True).values)
    for b in range(2):
        assert torch.equal(peaks[b].flatten(1)[labels[b], cells[b]], scores[b])


def test_class_index_is_exact_on_large_maps():
    # float32 has no room for this cell's flat index: divided in floats it would belong to the next class
    heat = torch.zeros(1, 66, 512, 512)
    heat[0, 64, 511, 511] = 0.9
    _, labels, cells = top_peaks(heat, 1, kernel=1)
    assert (labels.item(), cells.item()) == (64, 512 * 512 - 1)


def plain(heat, top_k, kernel):
    """Every cell's sigmoid, every window's maximum, picture by picture."""
    found = [top_peaks(one.float().sigmoid(), top_k, kernel) for one in heat.split(1)]
    return tuple(map(torch.cat, zip(*found, strict=True)))


def same(heat, top_k=100, kernel=3):
    """Whether both ways agree to the bit, and what they found."""
    ours, theirs = best_peaks(heat, top_k, kernel), plain(heat, top_k, kernel)
    return all(torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(ours, theirs, strict=True))


def reads_few(heat, top_k=100, kernel=3):
    """Whether the answer came from a part of the rows."""
    return peaks._in_few_rows(heat, heat.amax(3)[0].float(), top_k, kernel) is not None


def bumps(classes=24, height=64, width=64, objects=30):
    """Logits of a map with bumps on noise, about as a trained network gives them."""
    heat = torch.randn(1, classes, height, width) * 0.3 - 5
    for label, y, x, reach in torch.randint(0, 2**20, (objects, 4)).tolist():
        plane, (y, x), reach = heat[0, label % classes], (y % height, x % width), 1 + reach % 6
        far = ((torch.arange(height)[:, None] - y) ** 2 + (torch.arange(width) - x) ** 2) / reach**2
        torch.maximum(plane, torch.rand(()) * 3 - 8 * far, out=plane)
    return heat + torch.rand_like(heat) / 1000  # no two cells alike


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("top_k", [1, 20, 100])
def test_few_rows_give_what_all_rows_give(kernel, top_k):
    torch.manual_seed(kernel + top_k)
    for _ in range(3):
        heat = bumps()
        assert reads_few(heat, top_k, kernel)
        assert same(heat, top_k, kernel)


def test_pictures_of_a_batch_do_not_mix():
    torch.manual_seed(0)
    heat = torch.cat([bumps(), torch.zeros(1, 24, 64, 64), bumps()])
    assert same(heat)
    assert torch.equal(best_peaks(heat, 100, 3)[0][2:], best_peaks(heat[2:], 100, 3)[0])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_any_layout_and_precision(layout, dtype):
    torch.manual_seed(1)
    assert same(bumps().to(dtype).contiguous(memory_format=layout))


def test_a_row_beside_a_higher_one_is_not_lost():
    heat = torch.full((1, 8, 128, 128), -9.0)
    heat[0, 1:4, ::4, 20] = 0.5
    heat[0, 0, ::4, 10], heat[0, 0, 1::4, 40] = 2.0, 1.0  # 30 cells away lower peaks in the rows beside
    heat[0, :4] += torch.rand(4, 128, 128) / 1000
    assert (best_peaks(heat, 80, 3)[0] > 0.7).sum() == 64
    assert reads_few(heat, 80)
    assert same(heat, 80)


def test_equal_scores_at_the_last_place_leave_the_choice_to_the_plain_way():
    heat = bumps(objects=0)
    heat[0, :, ::2, 7] = 4.0  # more rows than corners, all of one height
    assert not reads_few(heat)
    assert same(heat)


def test_logits_that_differ_may_have_one_sigmoid():
    torch.manual_seed(2)
    heat = bumps(objects=0)
    heat[0, :, ::3] += 40 * torch.rand(24, 22, 64)  # most of them saturate: plateaus of ones
    assert (heat.sigmoid() == 1).sum() > 1000
    assert same(heat)
    heat[0, 0, 5, 5:9] = torch.tensor([20.0, 21.0, 22.0, 30.0])
    assert same(heat)
    assert same(heat, kernel=5)


def test_equal_scores_before_the_last_place_keep_their_order():
    torch.manual_seed(3)
    heat = bumps(objects=0)
    heat[0, 3:9, 4::8, 9:60:10] = 5.0  # 48 rows with six equal peaks each
    assert reads_few(heat, 48)
    assert same(heat, 48)
    assert same(heat, 100)


@pytest.mark.parametrize("value", [-200.0, -3.0, 0.0, 50.0, float("inf"), float("-inf")])
def test_a_constant_map_is_one_plateau(value):
    assert same(torch.full((1, 24, 64, 64), value))


def test_fewer_peaks_than_asked_for():
    heat = torch.full((1, 24, 64, 64), -300.0)  # whose sigmoid is 0
    heat[0, 3, 10:50:10, 7] = torch.arange(4.0)
    scores, labels, cells = best_peaks(heat, 100, 3)
    assert (scores > 0).sum() == 4
    assert labels[0, :4].tolist() == [3] * 4
    assert cells[0, :4].tolist() == [40 * 64 + 7, 30 * 64 + 7, 20 * 64 + 7, 10 * 64 + 7]
    assert same(heat)


@pytest.mark.parametrize("cells", [1, 300])
def test_what_is_not_a_number_changes_nothing(cells):
    torch.manual_seed(4)
    heat = bumps()
    heat.view(-1)[torch.randperm(heat.numel())[:cells]] = torch.nan
    for ours, theirs in zip(best_peaks(heat, 100, 3), plain(heat, 100, 3), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("shape", [(2, 3, 9, 4), (1, 1, 1, 1), (1, 1, 2, 40000), (1, 40, 3, 300), (2, 1, 300, 200)])
def test_maps_of_few_rows_and_small_ones(shape):
    torch.manual_seed(5)
    for kernel in (1, 3, 5):
        assert same(torch.randn(shape), 20, kernel)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    levels=st.sampled_from([3, 12, 200, 10**7]),
    spread=st.sampled_from([0.5, 4.0, 30.0]),
    skew=st.sampled_from([1, 8]),
    width=st.sampled_from([32, 64, 128]),
    top_k=st.integers(1, 130),
    kernel=st.sampled_from([1, 3, 5]),
)
def test_maps_of_any_kind(seed, levels, spread, skew, width, top_k, kernel):
    """Logits on so many levels (few: plateaus and ties everywhere), most of them low for a large skew."""
    numbers = torch.rand(1, 16, 4096 // width * 2, width, generator=torch.Generator().manual_seed(seed))
    assert same(((numbers**skew * levels).round() / levels - 0.7) * spread, top_k, kernel)


def test_sigmoid_does_not_depend_on_where_a_value_lies():
    x = torch.randn(70001)
    values = peaks._sigmoid(x)
    for start in (1, 7, 40000, 69990):
        assert torch.equal(peaks._sigmoid(x[start:]), values[start:])
    torch.testing.assert_close(values, x.sigmoid())


def test_exports_and_compiles_to_the_plain_way():
    class Peaks(torch.nn.Module):
        def forward(self, heat):
            return best_peaks(heat, 10, 3)

    heat = bumps()
    exported = torch.export.export(Peaks(), (heat,))
    assert not any("nonzero" in str(node.target) for node in exported.graph.nodes)
    for ours, theirs in zip(exported.module()(heat), best_peaks(heat, 10, 3), strict=True):
        torch.testing.assert_close(ours, theirs)
