"""Reading maps at cells."""

import torch

from cornernet.ops.gather import gather_cells


def test_reads_the_cell_at_y_times_width_plus_x():
    maps = torch.arange(2 * 3 * 4 * 5.0).view(2, 3, 4, 5)
    y, x = torch.tensor([[0, 3, 1], [2, 2, 0]]), torch.tensor([[0, 4, 2], [1, 1, 3]])
    values = gather_cells(maps, y * 5 + x)
    assert values.shape == (2, 3, 3)
    for b in range(2):
        for m in range(3):
            assert torch.equal(values[b, m], maps[b, :, y[b, m], x[b, m]])


def test_gradient_adds_up_where_a_cell_is_read_twice():
    maps = torch.zeros(1, 2, 2, 2, requires_grad=True)
    gather_cells(maps, torch.tensor([[3, 3, 0]])).sum().backward()
    assert maps.grad[0].tolist() == [[[1, 0], [0, 2]]] * 2


def test_no_slots():
    assert gather_cells(torch.zeros(2, 3, 4, 4), torch.zeros(2, 0, dtype=torch.long)).shape == (2, 0, 3)
