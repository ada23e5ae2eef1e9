"""Decoding against the published decoder, by hand, and as the inverse of encoding."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cornernet.config import ScoreWeights
from cornernet.detectors.corner.decode import Corners, decode, distances, region_scored
from cornernet.detectors.corner.targets import encode
from cornernet.ops.tags import by_tags
from cornernet.structures import CornerMaps, Detections, RegionLogits

COLD = -20.0  # logit of a cell without a corner


def blank(classes: int = 2, height: int = 8, width: int = 10, tags: int = 1) -> CornerMaps:
    """Maps of one image without corners; every cell a little different, so that none is a plateau."""
    heat = COLD + torch.arange(1.0 * classes * height * width).view(1, classes, height, width) / 1000
    tag, offset = torch.zeros(1, tags, height, width), torch.zeros(1, 2, height, width)
    return CornerMaps(heat, heat.clone(), tag, tag.clone(), offset, offset.clone())


def plant(maps: CornerMaps, label: int, box: tuple, tl: float = 0.9, br: float = 0.9, tags: tuple = (0, 0)) -> None:
    """One pair of corners with these scores and tags at the cells of a box."""
    x1, y1, x2, y2 = box
    maps.tl_heat[0, label, y1, x1], maps.br_heat[0, label, y2, x2] = torch.tensor([tl, br]).logit()
    maps.tl_tag[0, :, y1, x1], maps.br_tag[0, :, y2, x2] = tags


def found(maps: CornerMaps, floor: float = 0.3, **options) -> list[tuple]:
    """Boxes whose score is above the floor, with label, best first."""
    out = decode(maps, top_k=20, **options)
    rows = zip(out.boxes[0].tolist(), out.labels[0].tolist(), out.scores[0].tolist(), strict=True)
    return [(tuple(box), label) for box, label, score in rows if score > floor]


@pytest.mark.parametrize("name", ["planted", "random", "squeeze_K20"])
def test_equals_the_published_decoder(golden, name):
    arrays = golden(f"g4_decode_{name}")
    inputs = ("tl_heat", "br_heat", "tl_tag", "br_tag", "tl_regr", "br_regr")
    maps = CornerMaps(*(torch.tensor(arrays[key]) for key in inputs))
    out = decode(maps, int(arrays["K"]), int(arrays["kernel"]), float(arrays["ae_threshold"]), int(arrays["num_dets"]))
    columns = [out.boxes, *(x[..., None].float() for x in (out.scores, out.tl_scores, out.br_scores, out.labels))]
    ours = torch.cat(columns, -1)
    assert ours.shape == arrays["dets"].shape
    assert (out.scores > -1).sum(1).tolist() == arrays["n_valid"].tolist()
    for b, n in enumerate(arrays["n_valid"]):
        torch.testing.assert_close(ours[b, :n], torch.tensor(arrays["dets"][b, :n]), rtol=0, atol=1e-5)


def test_one_pair_by_hand():
    maps = blank()
    plant(maps, 1, (2, 1, 7, 5), tl=0.8, br=0.5, tags=(0.3, 0.7))
    maps.tl_offset[0, :, 1, 2], maps.br_offset[0, :, 5, 7] = torch.tensor([0.25, 0.5]), torch.tensor([0.75, 0.125])
    out = decode(maps, top_k=5)
    assert out.boxes[0, 0].tolist() == [2.25, 1.5, 7.75, 5.125]
    assert out.labels[0, 0] == 1
    values = torch.stack([out.tl_scores[0, 0], out.br_scores[0, 0], out.scores[0, 0]])
    torch.testing.assert_close(values, torch.tensor([0.8, 0.5, 0.65]))
    assert out.scores[0, 1] < 0.5  # a true corner with a cold cell at the most


def test_score_is_the_arithmetic_or_the_geometric_mean():
    maps = blank()
    plant(maps, 0, (2, 1, 7, 5), tl=0.8, br=0.2)
    assert decode(maps).scores[0, 0].item() == pytest.approx(0.5)
    assert decode(maps, score="geometric").scores[0, 0].item() == pytest.approx(0.4)
    with pytest.raises(ValueError, match=r"mean, geometric or cpn, got 'max'"):
        decode(maps, score="max")


def test_rejects_other_classes_distant_tags_and_inverted_pairs():
    maps = blank(classes=3)
    plant(maps, 0, (1, 1, 4, 4), tags=(0, 0.75))  # tags too far apart for 0.5
    plant(maps, 1, (6, 1, 2, 4))  # right of its own bottom-right corner
    plant(maps, 2, (1, 6, 4, 2))  # below it
    assert found(maps, 0.6) == []
    assert found(maps, 0.6, ae_threshold=0.75) == [((1, 1, 4, 4), 0)]  # exactly at the threshold is kept


def test_box_without_size_is_kept():
    maps = blank()
    plant(maps, 0, (3, 3, 3, 3))
    assert found(maps, 0.6) == [((3, 3, 3, 3), 0)]


def test_cells_that_are_no_peaks_never_make_a_box():
    maps = blank(classes=1, height=3, width=3)
    maps.tl_heat[0, 0, 0, 0] = maps.br_heat[0, 0, 2, 2] = 4.0
    out = decode(maps, top_k=9)
    # peaks: the hot cell of each map, and in the first also its last cell, the warmest of the cold ones
    assert (out.scores[0] > 0).sum() == 2
    assert out.tl_scores[out.scores > 0].min() > 0


@pytest.mark.parametrize("kernel", [0, 2, -3])
def test_even_kernel_is_an_error(kernel):
    with pytest.raises(ValueError, match="odd"):
        decode(blank(), kernel=kernel)


def test_offsets_may_be_absent():
    maps = blank()
    plant(maps, 0, (2, 1, 7, 5))
    assert torch.equal(decode(maps._replace(tl_offset=None, br_offset=None)).boxes, decode(maps).boxes)


def test_more_detections_or_corners_than_there_are():
    out = decode(blank(classes=1, height=2, width=3), top_k=100, num_dets=1000)
    assert out.boxes.shape == (1, 36, 4)
    assert decode(blank(), top_k=3, num_dets=1000).scores.shape == (1, 9)
    assert decode(blank(), top_k=3, num_dets=2).scores.shape == (1, 2)


def test_map_of_one_cell():
    maps = CornerMaps(*(torch.zeros(1, c, 1, 1) for c in (1, 1, 1, 1, 2, 2)))
    out = decode(maps)
    assert out.scores.tolist() == [[0.5]]
    assert out.boxes.tolist() == [[[0, 0, 0, 0]]]


def test_rows_are_sorted_and_rejected_ones_score_minus_one():
    maps = CornerMaps(*(torch.randn(2, c, 12, 16) for c in (3, 3, 1, 1, 2, 2)))
    out = decode(maps, top_k=40)
    assert (out.scores.diff(dim=1) <= 0).all()
    assert ((out.scores == -1) | (out.scores > 0)).all()
    valid = out.scores > 0
    assert (out.boxes[..., 2:] >= out.boxes[..., :2])[valid].all()


def test_half_precision_maps_are_read_in_float32():
    maps = CornerMaps(*(torch.randn(1, c, 12, 16).bfloat16() for c in (3, 3, 1, 1, 2, 2)))
    ours, full = decode(maps), decode(CornerMaps(*(x.float() for x in maps)))
    assert all(torch.equal(a, b) for a, b in zip(ours, full, strict=True))
    assert ours.boxes.dtype == ours.scores.dtype == torch.float32


def test_distance_of_longer_tags_is_the_mean_over_their_components():
    empty = torch.zeros(1, 2)
    tl = Corners(empty, empty, empty, empty, torch.tensor([[[0.0, 0, 0], [1, 1, 1]]]), empty)
    br = tl._replace(tags=torch.tensor([[[4.0, 1, 1], [3, 3, 3]]]))
    assert distances(tl, br, by_tags).tolist() == [[[2, 3], [1, 2]]]


def test_another_distance_can_be_put_in_place_of_the_tags():
    maps = blank()
    plant(maps, 0, (1, 1, 4, 4), tags=(0, 9))

    def by_width(tl_points, br_points, tl_tags, br_tags):
        return (br_points[:, None, :, 0] - tl_points[:, :, None, 0] - 3).abs()

    assert found(maps, 0.6) == []
    assert found(maps, 0.6, pair_distance=by_width) == [((1, 1, 4, 4), 0)]


def test_no_border_rejects_pairs_on_the_rim():
    maps = blank(height=8, width=10)
    plant(maps, 0, (0, 2, 4, 5))
    plant(maps, 1, (2, 2, 9, 5))
    assert len(found(maps, 0.6)) == 2
    assert found(maps, 0.6, no_border=True) == []
    maps = blank(height=8, width=10)
    plant(maps, 1, (1, 1, 8, 6))
    assert found(maps, 0.6, no_border=True) == [((1, 1, 8, 6), 1)]


def maps_of(boxes, labels, mask, classes, input_size, output_size) -> CornerMaps:
    """Maps that say what encode says: heat as logits, tags apart from object to object, offsets at the corners."""
    targets = encode(boxes, labels, mask, classes, input_size, output_size)
    heat = [x.clamp(1e-6, 1 - 1e-6).logit() for x in (targets.tl_heat, targets.br_heat)]
    tag = torch.arange(1.0, boxes.shape[1] + 1).expand(len(boxes), -1) * 10

    def spread(index, values):  # [B, M], [B, M, D] -> [B, D, H, W], masked slots last so that they overwrite nothing
        maps = torch.zeros(len(boxes), values.shape[-1], output_size[0] * output_size[1])
        for b, m in mask.nonzero().tolist():
            maps[b, :, index[b, m]] = values[b, m]
        return maps.unflatten(2, output_size)

    tags = [spread(index, tag[..., None]) for index in (targets.tl_index, targets.br_index)]
    pairs = ((targets.tl_index, targets.tl_offset), (targets.br_index, targets.br_offset))
    return CornerMaps(*heat, *tags, *(spread(*pair) for pair in pairs))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_decoding_gives_the_encoded_boxes_back(data):
    cells = st.integers(0, 6)
    # corners in separate 4 x 4 blocks of the 32 x 32 map, so that no bump hides another's peak
    objects = data.draw(
        st.lists(st.tuples(cells, cells, st.integers(0, 2)), max_size=7, unique_by=(lambda o: o[0], lambda o: o[1]))
    )
    jitter = torch.rand(1, max(1, len(objects)), 4) * 3.5
    boxes = torch.zeros(1, max(1, len(objects)), 4)
    labels, mask = torch.zeros(boxes.shape[:2]).long(), torch.zeros(boxes.shape[:2]).bool()
    for m, (x, y, label) in enumerate(objects):
        boxes[0, m] = torch.tensor([16 * x, 16 * y, 16 * x + 16, 16 * y + 16]) + jitter[0, m]
        labels[0, m], mask[0, m] = label, True
    maps = maps_of(boxes, labels, mask, 3, (127, 127), (32, 32))
    out = decode(maps, top_k=20)
    sure = out.scores[0] > 0.99
    assert sure.sum() == len(objects)
    ours = sorted(zip(out.labels[0, sure].tolist(), (out.boxes[0, sure] * 127 / 32).tolist(), strict=True))
    true = sorted(zip(labels[mask].tolist(), boxes[mask].tolist(), strict=True))
    for (label, box), (label_, box_) in zip(ours, true, strict=True):
        assert label == label_
        assert box == pytest.approx(box_, abs=1e-3)


def test_exports_to_one_graph():
    class Decoder(torch.nn.Module):
        def forward(self, *maps):
            return tuple(decode(CornerMaps(*maps), top_k=10))

    maps = tuple(torch.randn(1, c, 12, 16) for c in (3, 3, 1, 1, 2, 2))
    exported = torch.export.export(Decoder(), maps).module()
    for a, b in zip(exported(*maps), Decoder()(*maps), strict=True):
        torch.testing.assert_close(a, b)


def test_a_pair_that_disagrees_pays_for_it():
    heat, offset = torch.full((1, 1, 4, 4), -20.0), torch.zeros(1, 2, 4, 4)
    tl_heat, br_heat = heat.clone(), heat.clone()
    tl_heat[0, 0, 0, 0], br_heat[0, 0, 3, 3] = 3.0, 3.0
    maps = CornerMaps(tl_heat, br_heat, torch.zeros(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.4), offset, offset)
    free, paid = (decode(maps, top_k=2, weights=ScoreWeights(distance=p)).scores[0, 0] for p in (0.0, 2.0))
    assert paid.item() == pytest.approx(free.item() * math.exp(-0.8), rel=1e-5)


def test_a_pair_with_a_class_keeps_it_and_takes_the_word_on_that_class_alone():
    boxes, score = torch.tensor([[[1.0, 1, 3, 4], [2.0, 2, 5, 6]]]), torch.tensor([[1.0, 1.0]])
    pairs = Detections(boxes, score, torch.tensor([[1, 0]]), score, score)
    said = RegionLogits(None, torch.tensor([[[0.9, 0.25], [0.16, 0.8]]]).logit())
    found = region_scored(pairs, said, 2, "mean", ScoreWeights(), 0.2, class_corners=True)
    assert found.labels.tolist() == [[1, 0]] and found.scores[0].tolist() == pytest.approx([0.5, 0.4])
    assert torch.equal(found.boxes, boxes)
