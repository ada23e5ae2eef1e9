"""The corner detector beside the truth: each part replaced, and each way in which an object is lost, provoked alone."""

import math

import numpy as np
import pytest
import torch

from cornernet import config, detectors
from cornernet.config import Centre, ScoreWeights
from cornernet.data.sources.shapes import ShapesSet
from cornernet.detectors.corner.assignment import assignment
from cornernet.detectors.corner.centres import Centres
from cornernet.detectors.corner.oracle import ALONE, PARTS, REASONS, CornerOracle
from cornernet.detectors.corner.stage import RegionStage, true_word
from cornernet.detectors.corner.targets import encode
from cornernet.detectors.keypoints import radius_in_cells
from cornernet.detectors.oracle import slots
from cornernet.ops.boxes import box_iou
from cornernet.ops.tags import by_tags
from cornernet.structures import CentreMaps, CornerMaps, RegionLogits, StackMaps
from tests.conftest import ROOT

SIDE, CELLS, STRIDE = 128, 32, 4.0
SETTINGS = {
    "top_k": 20, "kernel": 3, "ae_threshold": 0.5, "num_dets": 50, "score": "mean", "weights": ScoreWeights(),
    "pair_distance": by_tags, "assignment": None,
}  # fmt: skip
COLD = -20.0
BOX = (8, 12, 56, 72)  # its corners lie in cells (2, 3) and (14, 18)


def blank(tags=1):
    heat = COLD + torch.arange(2.0 * CELLS * CELLS).view(1, 2, CELLS, CELLS) / 1000  # no plateau
    tag, offset = torch.zeros(1, tags, CELLS, CELLS), torch.zeros(1, 2, CELLS, CELLS)
    return CornerMaps(heat, heat.clone(), tag, tag.clone(), offset, offset.clone())


def plant(maps, box=BOX, label=0, tl=0.9, br=0.9, tags=(0.0, 0.0), kinds="both"):
    """The corners of a box, in pixels, on maps."""
    x1, y1, x2, y2 = (int(v // STRIDE) for v in box)
    if kinds in ("both", "tl"):
        maps.tl_heat[0, label, y1, x1], maps.tl_tag[0, :, y1, x1] = math.log(tl / (1 - tl)), tags[0]
    if kinds in ("both", "br"):
        maps.br_heat[0, label, y2, x2], maps.br_tag[0, :, y2, x2] = math.log(br / (1 - br)), tags[1]


def oracle(maps, boxes=(BOX,), labels=None, frame=(0, 0, SIDE, SIDE), region=None, centre=None, **settings):
    boxes = torch.tensor(boxes, dtype=torch.float32).view(-1, 4)
    labels = torch.zeros(len(boxes), dtype=torch.long) if labels is None else torch.tensor(labels)
    boxes, labels, mask = slots(boxes, labels)
    targets = encode(boxes, labels, mask, 2, (SIDE, SIDE), (CELLS, CELLS), 0.3, margin=0)
    radius = radius_in_cells(boxes, boxes.new_tensor([1 / STRIDE] * 2), 0.3)
    how = {**SETTINGS, **settings}
    staged = (stage(how), region) if region else (None, None)
    maps = StackMaps(*maps, centre=centre) if region or centre else maps
    centres = Centres(Centre(), how["top_k"], how["kernel"], how["score"]) if centre else None
    place = (STRIDE, STRIDE), torch.tensor(frame).float()
    return CornerOracle(maps, targets, labels, boxes, radius, *place, how, *staged, centres)


def stage(how, class_corners=True):
    """What surrounds a region stage of two classes."""
    return RegionStage(lambda maps: None, 2, class_corners, 0.7, 0.2, 50, how["score"], how["weights"])


def saying(pair, classes):
    """A region stage that says the same of every box, as shares."""
    word = torch.tensor(pair).logit(), torch.tensor(classes).logit()
    return lambda maps, boxes: RegionLogits(*(x.expand(1, boxes.shape[1], *x.shape) for x in word))


def rows(found):
    """Rows of one image that are any: [(box, label, score)]."""
    valid = found.scores[0] >= 0
    return list(zip(*(x[0][valid].tolist() for x in (found.boxes, found.labels, found.scores)), strict=True))


# -- truth in place of each part -------------------------------------------------------------------------------


def random_maps(seed, tags=1):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(1, c, CELLS, CELLS) for c in (2, 2, tags, tags, 2, 2)]
    return CornerMaps(*(torch.randn(shape, generator=generator) for shape in shapes))


def crowd(seed, count=9):
    """Boxes of whole and broken pixels that overlap each other as they like."""
    rng = np.random.default_rng(seed)
    corner, size = rng.uniform(0, 90, (count, 2)), rng.uniform(3, 60, (count, 2))
    return np.concatenate([corner, np.minimum(corner + size, SIDE)], 1).tolist(), rng.integers(0, 2, count).tolist()


@pytest.mark.parametrize("grouping", ["distance", "hungarian", "sinkhorn"])
@pytest.mark.parametrize("threshold", [0.0, 0.5, math.inf])
def test_with_everything_true_every_object_is_there_and_nothing_else(grouping, threshold):
    for seed in range(5):
        boxes, labels = crowd(seed)
        x = oracle(random_maps(seed), boxes, labels, ae_threshold=threshold, assignment=assignment(grouping))
        alone = ~next(iter(x.limits().values()))
        found = rows(x.predict(PARTS))
        assert all(score == 1 for *_, score in found) and len(found) <= len(boxes)
        for m in alone.nonzero()[:, 0].tolist():
            near = [box for box, label, _ in found if label == labels[m]]
            assert min(np.abs(np.subtract(box, boxes[m])).max() for box in near) < 1e-4


def test_true_heatmaps_have_peaks_at_all_corners_and_nowhere_else():
    # the bumps of the first two overlap, the corners of the first and third are neighbours
    boxes = [(20, 20, 100, 100), (32, 24, 100, 116), (24, 20, 108, 100)]
    x = oracle(random_maps(0), boxes)
    tl, br = x._corners(("heatmaps",))
    cells = {tuple(divmod(k, CELLS)) for k in tl.index[0][tl.scores[0] > 0].tolist()}
    assert cells == {(5, 5), (6, 8), (5, 6)} and set(tl.scores[0].tolist()) == {1.0, 0.0}
    assert (br.scores[0] == 1).sum() == 3


def test_true_offsets_move_the_corners_of_true_cells_alone():
    box = (9.5, 13, 58, 75)
    maps = blank()
    plant(maps, box)
    plant(maps, (80, 80, 100, 100), tags=(9.0, 9.0))
    maps.tl_offset[:], maps.br_offset[:] = 0.5, 0.25
    x = oracle(maps, [box])
    found = {tuple(round(v, 4) for v in each) for each, _, score in rows(x.predict(("offsets",))) if score > 0.8}
    assert found == {box, (82.0, 82.0, 101.0, 101.0)}
    beside = blank()
    plant(beside, (12, 13, 58, 75))  # the top-left peak is one cell off: the offset cannot make up for it
    assert rows(oracle(beside, [box]).predict(("offsets",)))[0][0][:2] == [12, 12]


def test_a_true_offset_is_that_of_the_class():
    """Two objects of different classes share a cell; the offsets they need differ."""
    boxes = [(8, 8, 60, 60), (11, 10, 90, 90)]
    x = oracle(random_maps(1), boxes, [0, 1])
    found = sorted((label, [round(v, 4) for v in box]) for box, label, _ in rows(x.predict(PARTS)))
    assert found == [(0, [8, 8, 60, 60]), (1, [11, 10, 90, 90])] and not next(iter(x.limits().values())).any()


def test_true_grouping_keeps_the_pairs_of_objects_alone():
    boxes = [(8, 12, 56, 72), (76, 20, 116, 68)]
    maps = blank()
    plant(maps, boxes[0], tags=(0, 5))  # would be rejected
    plant(maps, boxes[1], tags=(5, 0))  # and crossed with the first
    plant(maps, (20, 100, 40, 120))  # a pair of nobody
    x = oracle(maps, boxes)
    assert [box for box, _, score in rows(x.predict()) if score > 0.8] != boxes
    found = {tuple(box) for box, _, score in rows(x.predict(("grouping",))) if score > 0.8}
    assert found == {(8, 12, 56, 72), (76, 20, 116, 68)}


def hot(found):
    """Boxes of the planted corners with their class."""
    return {(tuple(box), label) for box, label, score in rows(found) if score > 0.8}


CROSSED = [(8, 12, 56, 72), (76, 20, 116, 88)]


def test_pairs_are_true_among_labelled_objects_alone():
    """Tags join the corners of two objects crosswise, those of a third that nobody labelled and of a fourth's half."""
    maps, unlabelled, odd = blank(), (20, 100, 40, 120), (4, 40, 20, 72)
    plant(maps, CROSSED[0], tags=(0, 5))
    plant(maps, CROSSED[1], tags=(5, 0))
    plant(maps, unlabelled, tags=(9, 9))
    plant(maps, odd, kinds="tl", tags=(5, 5))  # agrees with the first object's bottom-right corner
    x = oracle(maps, CROSSED)
    wrong = ((8, 12, 116, 88), 0)
    assert wrong in hot(x.predict()) and not {(box, 0) for box in CROSSED} & hot(x.predict())
    theirs = {((*odd[:2], *CROSSED[0][2:]), 0), (unlabelled, 0)}  # as predicted
    assert hot(x.predict(ALONE)) == {(box, 0) for box in CROSSED} | theirs
    assert hot(x.predict(("grouping",))) == {(box, 0) for box in CROSSED}


def test_pairs_are_true_under_a_wrong_class_too():
    """So that the row gains nothing by the class: crossed ones go, right ones come, all under the predicted class."""
    maps = blank()
    plant(maps, CROSSED[0], label=1, tags=(0, 5))
    plant(maps, CROSSED[1], label=1, tags=(5, 0))
    x = oracle(maps, CROSSED, [0, 0])
    assert hot(x.predict()) == {((8, 12, 116, 88), 1)}
    assert hot(x.predict(ALONE)) == {(box, 1) for box in CROSSED} and not hot(x.predict(("grouping",)))


def test_a_corner_belongs_to_the_nearest_object_that_reaches_it():
    boxes = [(8, 12, 56, 72), (16, 12, 64, 72)]  # two cells apart
    maps = blank()
    plant(maps, boxes[1], kinds="tl")
    tl, _ = (x := oracle(maps, boxes))._corners(())
    ours = x._belong(tl, x.targets.tl_index)[0]
    hot = int(tl.scores[0].argmax())
    assert ours[hot].tolist() == [False, True]


def test_a_corner_may_stray_by_a_cell_even_of_an_object_without_a_bump():
    small = (8, 8, 14, 14)
    maps = blank()
    plant(maps, (12, 8, 14, 14))
    x = oracle(maps, [small])
    assert x.reach.tolist() == [[1]]
    assert [box for box, _, score in rows(x.predict(("grouping",))) if score > 0.8] == [[12, 8, 12, 12]]


def test_objects_in_one_cell_are_named():
    boxes = [(8, 8, 60, 60), (10, 9, 90, 90), (8, 8, 70, 40), (100, 100, 120, 120), (40, 80, 91, 91)]
    mask = next(iter(oracle(blank(), boxes, [0, 0, 1, 0, 0]).limits().values()))
    assert mask.tolist() == [True, True, False, False, True]


def test_a_image_without_objects():
    maps = blank()
    plant(maps)
    x = oracle(maps, ())
    assert rows(x.predict(("heatmaps",))) == [] == rows(x.predict(("grouping",))) and len(rows(x.predict())) > 0
    assert rows(x.predict(("offsets",))) == rows(x.predict())
    assert not next(iter(x.limits().values())).any()


# -- why an object was lost ------------------------------------------------------------------------------------


def with_pair(**how):
    maps = blank()
    plant(maps, **how)
    return maps


def with_corners(tl=None, br=None):
    """Each corner of the box on its own, in a class or nowhere."""
    maps = blank()
    for kinds, label in (("tl", tl), ("br", br)):
        if label is not None:
            plant(maps, label=label, kinds=kinds)
    return maps


def off_by(cells):
    """Offsets that make a box of the right corners a wrong one."""
    maps = with_pair()
    maps.br_offset[:] = -cells
    return maps


def rivals():
    """A second top-left corner whose tag suits the bottom-right one better."""
    maps = with_pair(tags=(0.4, 0.0))
    plant(maps, (8, 100, 56, 72), kinds="tl", tags=(0.0, 0.0))
    plant(maps, (0, 40, 56, 72), kinds="tl", tags=(0.0, 0.0))
    return maps


def crowded(count=3):
    """More peaks of the other class, hotter than the box's own."""
    maps = with_pair(tl=0.5, br=0.5)
    for k in range(count):
        plant(maps, (4 + 12 * k, 100, 120, 108 + 4 * k), label=1)
    return maps


def with_pair_of_half():
    return with_pair(tl=0.5, br=0.5)


def centre_at(x, y, label=0, score=0.9):
    """One keypoint at a pixel, on maps of a branch for centres."""
    maps = blank()
    maps.tl_heat[0, label, int(y // STRIDE), int(x // STRIDE)] = math.log(score / (1 - score))
    return CentreMaps(maps.tl_heat, maps.tl_offset)


LOST = {  # reason: maps, settings
    "both corners": (lambda: crowded(), {"top_k": 3}),
    "top-left corner": (lambda: with_corners(br=0), {"top_k": 1}),
    "bottom-right corner": (lambda: with_corners(tl=0), {"top_k": 1}),
    "class": (lambda: with_corners(tl=0, br=1), {"top_k": 1}),
    "loose box": (lambda: off_by(6), {"top_k": 1}),
    "tag distance": (lambda: with_pair(tags=(0.0, 0.6)), {"top_k": 1}),
    "assignment": (rivals, {"top_k": 3, "assignment": assignment("hungarian")}),
    "num_dets": (lambda: crowded(1), {"top_k": 2, "num_dets": 1}),
    "faint corners": (lambda: with_pair(tl=0.2, br=0.2), {"top_k": 1}),
    "faint top-left corner": (lambda: with_pair(tl=0.1, br=0.4), {"top_k": 1}),
    "faint bottom-right corner": (lambda: with_pair(tl=0.4, br=0.1), {"top_k": 1, "score": "geometric"}),
    "centre": (with_pair_of_half, {"top_k": 1, "centre": centre_at(16, 40)}),
    "region": (with_pair_of_half, {"top_k": 1, "region": saying(0.1, [0.9, 0.1])}),
    "distance": (lambda: with_pair(tags=(0.0, 0.4)), {"top_k": 1, "weights": ScoreWeights(distance=4.0)}),
}


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_provoked(reason):
    maps, settings = LOST[reason]
    x = oracle(maps(), **settings)
    strong = [
        box for box, label, score in rows(x.predict())
        if label == 0 and score >= 0.3 and box_iou(torch.tensor(box), torch.tensor(BOX).float()) >= 0.5
    ]  # fmt: skip
    assert not strong and x.reason(0, 0.5, 0.3) == reason


@pytest.mark.parametrize(
    ("pair", "classes", "reason"),
    [(0.19, [0.9, 0.1], "region"), (0.5, [0.01, 0.9], "region"), (0.9, [0.9, 0.9], None)],
)
def test_a_region_stage_is_a_reason_and_its_truth_mends_it(pair, classes, reason):
    x = oracle(with_pair_of_half(), top_k=1, region=saying(pair, classes))
    found = [score for _, label, score in rows(x.predict()) if label == 0 and score >= 0.3]
    assert x.reason(0, 0.5, 0.3) == "region" if reason else found == [pytest.approx((0.5 * 0.9 * 0.9) ** (1 / 3))]
    (box, label, score), *others = rows(x.predict(["region"]))
    assert box == pytest.approx((8, 12, 56, 72), abs=4) and label == 0 and not others
    assert score == pytest.approx(0.5 ** (1 / 3), rel=1e-4)


@pytest.mark.parametrize(
    ("at", "score"), [((16, 40), None), ((32, 40), (0.5 + 0.5 + 0.9) / 3), ((32, 40, 1), None), ((32, 20), None)]
)
def test_a_centre_confirms_a_box_and_its_truth_mends_it(at, score):
    x = oracle(with_pair_of_half(), top_k=1, centre=centre_at(*at))
    assert [found for _, _, found in rows(x.predict())] == ([] if score is None else [pytest.approx(score)])
    (box, label, true), *others = rows(x.predict(["centres"]))
    assert box == pytest.approx((8, 12, 56, 72), abs=4) and label == 0 and not others
    assert true == pytest.approx((0.5 + 0.5 + 1) / 3) and "centres" in x.heat()


def test_the_truth_about_boxes_is_the_object_that_they_overlap_most():
    overlap = torch.tensor([[0.6, 0.7], [0.49, 0.0], [0.8, 0.8], [0.5, 0.2]])
    said = true_word(overlap, torch.tensor([1, 0]), 3)
    assert (said.pair > 0).tolist() == [[True, False, True, True]]
    assert (said.classes > 0).int().tolist() == [[[1, 0, 0], [0, 0, 0], [1, 1, 0], [0, 1, 0]]]


def test_a_missing_object_does_not_borrow_its_neighbours_corners():
    """All that was found are the corners of another object of the class, near enough for both."""
    boxes = [(8, 12, 56, 72), (16, 12, 64, 72)]
    maps = blank()
    plant(maps, boxes[1])
    x = oracle(maps, boxes, top_k=1)
    assert x.reason(0, 0.9, 0.3) == "both corners"


def test_boxes_are_compared_inside_the_image():
    """The right half of the box lies in the padding: clipped, as detections are, it fits the object."""
    maps = blank()
    plant(maps, (8, 12, 120, 72), tags=(0.0, 0.6))
    assert box_iou(torch.tensor([8.0, 12, 120, 72]), torch.tensor([8.0, 12, 60, 72])) < 0.5
    clipped = oracle(maps, [(8, 12, 60, 72)], frame=(0, 0, 60, SIDE), top_k=1)
    assert float(clipped._overlaps(0)[0, 0]) > 0.99
    plant(maps, (8, 12, 120, 72), tl=0.1, br=0.1)
    assert oracle(maps, [(8, 12, 60, 72)], frame=(0, 0, 60, SIDE), top_k=1).reason(0, 0.5, 0.3) == "faint corners"


def test_where_peaks_are_fewer_than_top_k_the_rest_is_nobodys():
    cold = torch.full((1, 2, CELLS, CELLS), -200.0)  # scores of exactly 0
    maps = blank()._replace(tl_heat=cold, br_heat=cold)
    assert oracle(maps, [(0, 0, 30, 2)]).reason(0, 0.5, 0.3) == "both corners"


def test_a_corner_of_its_class_counts_though_another_class_lies_nearer():
    boxes = [BOX, (12, 12, 100, 100)]
    maps = blank()
    plant(maps, boxes[1], label=0, kinds="tl")  # one cell beside the first object's, in the second's cell
    assert oracle(maps, boxes, [0, 1], top_k=1).reason(0, 0.5, 0.3) == "bottom-right corner"


# -- of a detector ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "extra", [[], ["loss.grouping.name=half_sides", "model.head.tag_dim=2"], ["test.grouping=hungarian"]]
)
def test_of_a_detector_with_random_weights(tiny, extra):
    detector = detectors.build(config.load(tiny, extra), 3).eval()
    shapes = ShapesSet("val", 4, 64, 3)
    with torch.inference_mode():
        for i in range(4):
            image = torch.from_numpy(shapes.image(i)).permute(2, 0, 1)[None]
            boxes, labels = torch.from_numpy(shapes.boxes(i)), torch.from_numpy(shapes.labels(i))
            x = detector.oracle(image, boxes, labels, torch.tensor([0.0, 0, 64, 64]))
            assert all(torch.equal(a, b) for a, b in zip(x.predict(), detector.predict(image), strict=True))
            found = rows(x.predict(PARTS))
            assert sorted(label for _, label, _ in found) == sorted(labels.tolist())
            got = torch.tensor([box for box, *_ in sorted(found)])
            torch.testing.assert_close(got, torch.tensor(sorted(boxes.tolist())), atol=1e-4, rtol=0)
            assert all(heat.shape == (16, 16) for heat in x.heat().values())
            assert x.links(boxes).tolist() == [[box[:2], box[2:]] for box in boxes.tolist()]
            assert {x.reason(m, 0.5, 2.0) for m in range(len(boxes))} <= set(REASONS)


def test_the_page_tells_of_every_part_and_reason():
    page = (ROOT / "docs" / "diagnosis.md").read_text()
    assert [part for part in (*PARTS, *ALONE, "centres", "region") if f"| corner | {part} |" not in page] == []
    assert [reason for reason in REASONS if f"`{reason}`" not in page] == []
