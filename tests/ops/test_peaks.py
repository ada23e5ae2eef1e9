"""The best peaks of heatmaps: by hand, and against windows that are read one by one."""

import pytest
import torch

from cornernet.ops.peaks import at_most, divided, top_peaks


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
def test_peaks_are_the_maxima_of_their_windows(kernel):
    heat, side = torch.rand(2, 3, 9, 4), kernel // 2
    peaks = torch.zeros_like(heat)
    for b, c, y, x in torch.cartesian_prod(*map(torch.arange, heat.shape)).tolist():
        window = heat[b, c, max(0, y - side) : y + side + 1, max(0, x - side) : x + side + 1]
        peaks[b, c, y, x] = heat[b, c, y, x] if heat[b, c, y, x] == window.max() else 0
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


def test_images_of_a_batch_do_not_mix():
    heat = torch.rand(3, 4, 9, 7)
    for found, alone in zip(zip(*top_peaks(heat, 20), strict=True), heat.split(1), strict=True):
        assert all(torch.equal(a, b[0]) for a, b in zip(found, top_peaks(alone, 20), strict=True))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_either_layout_gives_the_same(layout):
    heat = torch.rand(2, 3, 16, 16)
    for ours, theirs in zip(top_peaks(heat.contiguous(memory_format=layout), 30), top_peaks(heat, 30), strict=True):
        assert torch.equal(ours, theirs)


def test_fewer_peaks_than_asked_for():
    heat = torch.zeros(1, 24, 64, 64)
    heat[0, 3, 10:50:10, 7] = torch.arange(1, 5) / 5
    scores, labels, cells = top_peaks(heat, 100)
    assert (scores > 0).sum() == 4 and scores.shape == (1, 100)
    assert labels[0, :4].tolist() == [3] * 4
    assert cells[0, :4].tolist() == [40 * 64 + 7, 30 * 64 + 7, 20 * 64 + 7, 10 * 64 + 7]


def test_fewer_cells_than_asked_for():
    assert [x.shape for x in top_peaks(torch.rand(2, 1, 2, 3), 100)] == [(2, 6)] * 3


def test_whole_numbers_are_divided_and_counts_limited():
    index = torch.tensor([0, 4, 5, 13])
    assert [part.tolist() for part in divided(index, 5)] == [[0, 0, 1, 2], [0, 4, 0, 3]]
    assert at_most(60, 100) == 60 and at_most(60, 12) == 12
