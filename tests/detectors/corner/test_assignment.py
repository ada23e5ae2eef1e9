"""Pairs by assignment: planted maps where distance pairs wrongly, and what an assignment is."""

from functools import partial
from itertools import permutations

import pytest
import torch
from torch import nn

from cornernet.config import Config, ScoreWeights, override
from cornernet.detectors import build
from cornernet.detectors.corner.assignment import assignment, by_hungarian, by_sinkhorn, worth
from cornernet.detectors.corner.decode import decode
from cornernet.structures import CornerMaps

RULES = [by_hungarian, by_sinkhorn]
NAMES = ["hungarian", "sinkhorn"]
rules = pytest.mark.parametrize("rule", RULES, ids=NAMES)


def planted(*objects, classes=2):
    """Maps 10 x 12 of (label, box, heats, tags); a corner of heat 0 is absent."""
    heat = -20 + torch.arange(classes * 120.0).view(1, classes, 10, 12) / 1000  # no plateau
    maps = CornerMaps(heat, heat.clone(), *torch.zeros(2, 1, 1, 10, 12), *torch.zeros(2, 1, 2, 10, 12))
    for label, (x1, y1, x2, y2), (tl, br), (tl_tag, br_tag) in objects:
        if tl:
            maps.tl_heat[0, label, y1, x1], maps.tl_tag[0, 0, y1, x1] = torch.tensor(tl).logit(), tl_tag
        if br:
            maps.br_heat[0, label, y2, x2], maps.br_tag[0, 0, y2, x2] = torch.tensor(br).logit(), br_tag
    return maps


def boxes(maps, grouping="distance", floor=0.1, **options):
    out = decode(maps, top_k=20, score="geometric", assignment=assignment(grouping), **options)
    return {
        tuple(box) for box, score in zip(out.boxes[0].tolist(), out.scores[0].tolist(), strict=True) if score > floor
    }


FIRST, SECOND = (1, 1, 6, 5), (3, 2, 9, 7)
CROSSED = (3, 2, 6, 5)


@pytest.mark.parametrize("grouping", NAMES)
def test_tags_in_a_chain_give_the_crossed_box_by_distance_and_not_by_assignment(grouping):
    maps = planted((0, FIRST, (0.9, 0.9), (0.0, 0.3)), (0, SECOND, (0.9, 0.9), (0.4, 0.7)))
    assert boxes(maps) == {FIRST, SECOND, CROSSED}
    # the nearest tags are those of two objects
    assert boxes(maps, weights=ScoreWeights(distance=5.0), floor=0.4) == {CROSSED}
    assert boxes(maps, grouping) == {FIRST, SECOND}


@pytest.mark.parametrize("grouping", NAMES)
def test_a_hot_corner_is_not_given_to_a_cold_one(grouping):
    maps = planted((0, FIRST, (0.9, 0.9), (0.0, 0.2)), (0, (1, 1, 9, 8), (0, 0.05), (0.0, 0.0)))
    assert boxes(maps) == {FIRST, (1, 1, 9, 8)}
    assert boxes(maps, grouping) == {FIRST}


@pytest.mark.parametrize("grouping", NAMES)
def test_nobody_is_forced_into_a_pair(grouping):
    alone = planted((0, FIRST, (0.9, 0), (0.0, 0.0)), (0, SECOND, (0, 0.9), (0.0, 2.0)))
    assert boxes(alone, grouping) == set()
    assert boxes(alone, grouping, ae_threshold=3.0) == {(1, 1, 9, 7)}
    classes = planted((0, FIRST, (0.9, 0), (0.0, 0.0)), (1, FIRST, (0, 0.9), (0.0, 0.0)))
    assert boxes(classes, grouping) == set()
    inverted = planted((0, (6, 5, 1, 1), (0.9, 0.9), (0.0, 0.0)))
    assert boxes(inverted, grouping) == set()


@pytest.mark.parametrize("grouping", NAMES)
def test_classes_do_not_compete(grouping):
    maps = planted((0, FIRST, (0.9, 0.9), (0.0, 0.4)), (1, SECOND, (0.9, 0.9), (0.0, 0.0)))
    assert boxes(maps, grouping) == {FIRST, SECOND}


@pytest.mark.parametrize("grouping", NAMES)
def test_no_threshold_leaves_all_to_the_assignment(grouping):
    tags = (0.0, 3.0), (9.0, 5.0)
    maps = planted((0, FIRST, (0.9, 0.9), tags[0]), (0, SECOND, (0.9, 0.9), tags[1]))
    assert boxes(maps) == set()
    assert boxes(maps, grouping, ae_threshold=float("inf")) == {FIRST, SECOND}


def drawn(seed, images=3, k=6):
    torch.manual_seed(seed)
    keep = torch.rand(images, k, k) < 0.4
    return keep, torch.rand(images, k, k), torch.rand(images, k, 1).sqrt() * torch.rand(images, 1, k).sqrt()


@rules
@pytest.mark.parametrize("seed", range(5))
def test_a_corner_has_one_pair_at_most_and_the_total_is_the_best(rule, seed):
    keep, distance, heat = drawn(seed)
    kept, value = rule(keep, distance, heat), worth(keep, distance, heat) * keep
    assert kept.dtype == torch.bool and not (kept & ~keep).any()
    assert kept.sum(1).max() <= 1 and kept.sum(2).max() <= 1
    orders = torch.tensor(list(permutations(range(6))))
    for b in range(3):
        best = value[b][torch.arange(6), orders].sum(1).max()
        got = (value[b] * kept[b]).sum()
        assert got > (0.85 if rule is by_sinkhorn else 1 - 1e-6) * best


@rules
def test_images_are_apart_and_order_is_irrelevant(rule):
    keep, distance, heat = drawn(7)
    kept, rows, columns = rule(keep, distance, heat), torch.randperm(6), torch.randperm(6)
    for b in range(3):
        alone = [x[b : b + 1, rows][:, :, columns] for x in (keep, distance, heat)]
        assert torch.equal(rule(*alone)[0], kept[b, rows][:, columns])


@rules
def test_equal_choices_leave_one_and_nothing_to_choose_leaves_none(rule):
    same = torch.ones(1, 2, 1).bool(), torch.full((1, 2, 1), 0.3), torch.full((1, 2, 1), 0.5)
    assert rule(*same).sum() == 1
    assert rule(torch.ones(1, 1, 3).bool(), torch.zeros(1, 1, 3), torch.full((1, 1, 3), 0.5)).sum() == 1
    assert not rule(torch.zeros(2, 3, 3).bool(), torch.rand(2, 3, 3), torch.rand(2, 3, 3)).any()


def test_two_pairs_are_worth_more_than_one_and_distances_decide_between_equals():
    keep = torch.tensor([[[True, False], [True, True]]])
    distance, heat = torch.tensor([[[0.5, 9.0], [0.0, 0.5]]]), torch.full((1, 2, 2), 0.8)
    assert (worth(keep, distance, heat)[keep]).tolist() == pytest.approx([0.4, 0.8, 0.4])
    swap = torch.ones(1, 2, 2).bool(), torch.tensor([[[0.2, 0.1], [0.3, 0.3]]]), heat
    for rule in RULES:
        assert rule(*swap)[0].tolist() == [[False, True], [True, False]]


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"test\.grouping must be one of distance, sinkhorn, hungarian, got 'nearest'"):
        assignment("nearest")
    with pytest.raises(ValueError, match=r"test\.grouping"):
        override(Config(), ["test.grouping=nearest"])
    assert assignment("distance") is None


def test_the_soft_assignment_exports_for_any_batch():
    class Decoder(nn.Module):
        def forward(self, *maps):
            return tuple(decode(CornerMaps(*maps), top_k=6, assignment=partial(by_sinkhorn, half_steps=2)))

    def maps(count):
        return tuple(torch.randn(count, c, 8, 9) for c in (2, 2, 1, 1, 2, 2))

    batch = ({0: torch.export.Dim("batch")},) * 6
    exported = torch.export.export(Decoder(), maps(2), dynamic_shapes=(batch,)).module()
    for count in (1, 2, 3):
        given = maps(count)
        for a, b in zip(exported(*given), Decoder()(*given), strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("grouping", NAMES)
def test_the_config_reaches_the_detector(grouping):
    class Planted(nn.Module):
        def forward(self, images):
            return [planted((0, FIRST, (0.9, 0.9), (0.0, 0.3)), (0, SECOND, (0.9, 0.9), (0.4, 0.7)))]

    tiny = ["model.backbone.channels=[4,4]", "model.backbone.blocks=[1,1]", "model.backbone.stem_channels=2"]
    small = [
        "model.backbone.stacks=1",
        "model.head.channels=4",
        "model.head.pool_channels=2",
        "data.input_size=[64,64]",
    ]
    found = {}
    for name in ("distance", grouping):
        detector = build(override(Config(), [*tiny, *small, f"test.grouping={name}", "test.score=geometric"]), 2)
        detector.network = Planted()
        found[name] = int((detector.predict(torch.zeros(1, 3, 40, 48, dtype=torch.uint8)).scores > 0.3).sum())
    assert found == {"distance": 3, grouping: 2}
