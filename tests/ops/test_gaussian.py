"""Radii and bumps against the published tables and the conditions that define them."""

import numpy as np
import pytest
import torch

from cornernet.ops import gaussian
from cornernet.ops.gaussian import draw_gaussians, gaussian_radius, largest_radius


@pytest.mark.parametrize("which", [0, 1, 2])
def test_radius_equals_the_published_table(golden, which):
    table = golden("g3_gaussian")
    sizes = torch.tensor(table["radius_sizes"]).double()
    height, width = torch.meshgrid(sizes, sizes, indexing="ij")
    radius = gaussian_radius(height, width, float(table["radius_min_overlap"][which])).numpy()
    assert np.abs(radius - table["radius_official_head"][which]).max() < 1e-13
    assert np.abs(radius - table["radius_exact"][which]).max() < 1e-13
    assert np.array_equal(np.maximum(0, radius.astype(int)), table["radius_int_head"][which])


@pytest.mark.parametrize("overlap", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_radius_holds_the_overlap_in_the_worst_case_and_no_more(overlap):
    h, w = 37.0, 21.0
    r = gaussian_radius(torch.tensor(h).double(), torch.tensor(w).double(), overlap).item()
    common = (h - r) * (w - r)
    cases = [common / (2 * h * w - common), (h - 2 * r) * (w - 2 * r) / (h * w), h * w / ((h + 2 * r) * (w + 2 * r))]
    assert min(cases) == pytest.approx(overlap)


def test_largest_radius_bounds_every_box_of_the_map():
    h, w = torch.meshgrid(torch.arange(1, 65.0).double(), torch.arange(1, 49.0).double(), indexing="ij")
    assert gaussian_radius(h, w, 0.3).max().int() == largest_radius(64, 48, 0.3)


@pytest.mark.parametrize("static", [False, True])
def test_bumps_equal_the_published_drawing(golden, monkeypatch, static):
    if static:
        monkeypatch.setattr(gaussian, "_eager_cpu", lambda device: False)
    table = golden("g3_gaussian")
    plane, x, y, radius = torch.tensor(table["draw_calls_c_x_y_r"]).unbind(1)
    heat = draw_gaussians((3, 16, 20), plane, x, y, radius, torch.ones_like(x, dtype=torch.bool), 30)
    torch.testing.assert_close(heat, torch.tensor(table["draw_heat"]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 5, 8, 13, 20])
def test_one_bump_equals_the_published_window(golden, radius):
    one = torch.tensor([20])
    heat = draw_gaussians((1, 41, 41), one * 0, one, one, one * 0 + radius, one > 0, radius)
    window = torch.tensor(golden("g3_gaussian")[f"gaussian2D_r{radius}"]).float()
    inner = slice(20 - radius, 21 + radius)
    torch.testing.assert_close(heat[0, inner, inner], window, rtol=0, atol=1e-6)
    assert heat[0, 20, 20] == 1
    assert torch.count_nonzero(heat) == window.numel()  # nothing outside the window


def test_masked_bumps_leave_no_trace():
    n = torch.tensor([1, 2])
    heat = draw_gaussians((3, 5, 5), n, n, n, n, torch.tensor([False, True]), 2)
    assert heat[1].eq(0).all()
    assert heat[2, 2, 2] == 1
