"""Target encoding against the published sampler, by hand, and by property."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cornernet.detectors.corner.targets import encode
from cornernet.ops import gaussian

SETS = ("random12", "tiny", "border", "overlap_same_class", "zero_and_inverted", "n100", "n128", "empty",
        "shared_corners", "aspect")  # fmt: skip


def padded(boxes: np.ndarray, labels: np.ndarray, slots: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One image's boxes [n, 4] and labels [n] in slots."""
    n = len(boxes)
    out, names, mask = torch.zeros(1, slots, 4, dtype=torch.float64), torch.zeros(1, slots).long(), torch.arange(slots)
    out[0, :n], names[0, :n] = torch.as_tensor(boxes), torch.as_tensor(labels).long()
    return out, names, (mask < n)[None]


def some_objects(batch: int = 2, slots: int = 6, classes: int = 3, size: int = 127) -> tuple[torch.Tensor, ...]:
    start = torch.rand(batch, slots, 2) * size * 0.7
    boxes = torch.cat([start, start + 2 + torch.rand(batch, slots, 2) * size * 0.5], -1)
    return boxes, torch.randint(0, classes, (batch, slots)), torch.rand(batch, slots) < 0.8


# other devices than the CPU draw in windows of one size; it takes memory, so three sets must do
RUNS = [(name, False) for name in SETS] + [(name, True) for name in ("random12", "border", "shared_corners")]


@pytest.mark.parametrize(("name", "static"), RUNS)
def test_equals_the_published_sampler(golden, monkeypatch, name, static):
    if static:
        monkeypatch.setattr(gaussian, "_eager_cpu", lambda device: False)
    arrays = golden("g3_targets_iou03")
    boxes = arrays[f"{name}_boxes"]
    targets = encode(*padded(boxes[:, :4], boxes[:, 4] - 1, 128), 80, (511, 511), (128, 128))
    kept = targets.mask[0]  # the published sampler moves objects up into the slots of those it drops
    assert kept.sum() == arrays[f"{name}_mask"].sum()
    for corner in ("tl", "br"):
        heat = np.zeros(80 * 128 * 128, np.float32)
        heat[arrays[f"{name}_{corner}_heat_idx"]] = arrays[f"{name}_{corner}_heat_val"]
        ours = getattr(targets, f"{corner}_heat").flatten().numpy()
        assert np.abs(ours - heat).max() < 1e-6
        assert np.array_equal(ours == 1, heat == 1)
        index, offset = getattr(targets, f"{corner}_index")[0], getattr(targets, f"{corner}_offset")[0]
        assert np.array_equal(index[kept].numpy(), arrays[f"{name}_{corner}_ind"][: kept.sum()])
        assert np.abs(offset[kept].numpy() - arrays[f"{name}_{corner}_regr"][: kept.sum()]).max(initial=0) < 1e-6
        assert index[~kept].eq(0).all()
        assert offset[~kept].eq(0).all()


def test_one_box_by_hand():
    # (32, 64) -> (8, 32), half in x and a quarter in y: x 11 -> 5.5, y 6 -> 1.5, x 50.5 -> 25.25, y 21 -> 5.25
    boxes, labels, mask = torch.tensor([[[11.0, 6, 50.5, 21]]]), torch.tensor([[1]]), torch.tensor([[True]])
    targets = encode(boxes, labels, mask, 2, (32, 64), (8, 32))
    assert targets.tl_index.item() == 1 * 32 + 5
    assert targets.br_index.item() == 5 * 32 + 25
    assert targets.tl_offset[0, 0].tolist() == [0.5, 0.5]
    assert targets.br_offset[0, 0].tolist() == [0.25, 0.25]
    # 20 x 4 cells at overlap 0.3: the smallest root is the one of 4 r^2 - 48 r + 56 = 0, 1.31 -> 1; sigma 1/2
    assert targets.tl_heat[0, 0].eq(0).all()
    expected = torch.tensor([np.exp(-4), np.exp(-2), np.exp(-4)]).float()
    torch.testing.assert_close(targets.tl_heat[0, 1, 0, 4:7], expected)
    torch.testing.assert_close(targets.tl_heat[0, 1, 1, 4:7], torch.tensor([np.exp(-2), 1, np.exp(-2)]).float())
    assert torch.count_nonzero(targets.tl_heat) == torch.count_nonzero(targets.br_heat) == 9


def test_shapes_and_dtypes():
    targets = encode(*some_objects(), 3, (127, 95), (32, 24))
    assert targets.tl_heat.shape == targets.br_heat.shape == (2, 3, 32, 24)
    assert targets.tl_heat.dtype == targets.br_offset.dtype == torch.float32
    assert targets.tl_index.dtype == targets.br_index.dtype == torch.int64
    assert targets.mask.dtype == torch.bool
    assert targets.tl_offset.shape == (2, 6, 2)


@pytest.mark.parametrize("slots", [0, 4])
def test_without_objects_everything_is_zero(slots):
    labels, mask = torch.full((2, slots), -1), torch.zeros(2, slots).bool()
    targets = encode(torch.rand(2, slots, 4), labels, mask, 3, (31, 31), (8, 8))
    assert all(field.eq(0).all() for field in targets)
    assert targets.tl_heat.shape == (2, 3, 8, 8)


def test_map_of_one_cell():
    targets = encode(torch.tensor([[[0.0, 0, 3, 3]]]), torch.zeros(1, 1).long(), torch.ones(1, 1), 1, (4, 4), (1, 1))
    assert targets.tl_heat.item() == targets.br_heat.item() == 1
    assert targets.br_offset[0, 0].tolist() == [0.75, 0.75]


def test_boxes_are_clipped_and_what_is_left_without_area_masked():
    boxes = torch.tensor([[[-9.0, -9, 99, 99], [40, 5, 50, 9], [5, 5, 5, 9], [9, 9, 5, 5], [0, 0, 0.5, 30.5]]])
    targets = encode(boxes, torch.zeros(1, 5).long(), torch.ones(1, 5).bool(), 1, (32, 32), (8, 8))
    assert targets.mask.tolist() == [[True, False, False, False, True]]
    assert targets.br_index[0].tolist() == [63, 0, 0, 0, 7 * 8]
    assert targets.tl_index[0].tolist() == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float32])
def test_mask_of_any_dtype(dtype):
    boxes, labels, mask = some_objects()
    targets = encode(boxes, labels, mask.to(dtype), 3, (127, 127), (32, 32))
    for a, b in zip(targets, encode(boxes, labels, mask, 3, (127, 127), (32, 32)), strict=True):
        assert torch.equal(a, b)


def test_leaves_its_input_alone():
    objects = some_objects()
    before = [x.clone() for x in objects]
    encode(*objects, 3, (63, 63), (16, 16))
    assert all(torch.equal(a, b) for a, b in zip(objects, before, strict=True))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_order_of_objects_does_not_matter(seed):
    torch.manual_seed(seed)
    boxes, labels, mask = some_objects()
    order = torch.randperm(6)
    one = encode(boxes, labels, mask, 3, (127, 127), (32, 32))
    two = encode(boxes[:, order], labels[:, order], mask[:, order], 3, (127, 127), (32, 32))
    assert torch.equal(one.tl_heat, two.tl_heat)
    assert torch.equal(one.br_heat, two.br_heat)
    assert torch.equal(one.tl_index[:, order], two.tl_index)
    assert torch.equal(one.mask[:, order], two.mask)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_images_of_a_batch_do_not_mix_and_ones_are_the_corners(seed):
    torch.manual_seed(seed)
    objects = some_objects(3)
    whole = encode(*objects, 3, (127, 127), (32, 32))
    for b in range(3):
        alone = encode(*(x[b : b + 1] for x in objects), 3, (127, 127), (32, 32))
        assert all(torch.equal(x[b], y[0]) for x, y in zip(whole, alone, strict=True))
        kept = whole.mask[b]
        ones = torch.zeros(3, 32 * 32).bool()
        ones[objects[1][b, kept], whole.tl_index[b, kept]] = True
        assert torch.equal(whole.tl_heat[b].flatten(1) == 1, ones)
    assert whole.tl_heat.min() >= 0
    assert whole.tl_heat.max() <= 1


def test_compiles_to_one_graph_that_serves_the_next_batch():
    compiled = torch.compile(encode, fullgraph=True, backend="aot_eager")
    for _ in range(2):
        objects = some_objects()
        with torch._dynamo.config.patch(error_on_recompile=True):
            ours = compiled(*objects, 3, (127, 127), (32, 32))
        for a, b in zip(ours, encode(*objects, 3, (127, 127), (32, 32)), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


def test_edges_reach_the_end_of_the_image_without_a_margin():
    boxes = torch.tensor([[[10.0, 12.0, 64.0, 64.0]]])
    mask, labels = torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, 1, dtype=torch.int64)
    targets = encode(boxes, labels, mask, 1, (64, 64), (16, 16), margin=0)
    assert targets.br_index.item() == 15 * 16 + 15 and targets.br_offset.tolist() == [[[1.0, 1.0]]]
    published = encode(boxes, labels, mask, 1, (64, 64), (16, 16))
    assert published.br_index.item() == 15 * 16 + 15 and published.br_offset.tolist() == [[[0.75, 0.75]]]
