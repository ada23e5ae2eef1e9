"""Corner verification of the anchor detector by hand: where boxes snap to, targets, terms, and that off is off.

No output of the published code was compared; what is expected here was worked by hand.
"""

import pytest
import torch

from cornernet.config import Config, load, override
from cornernet.detectors import build
from cornernet.detectors.anchor.decode import decode
from cornernet.detectors.anchor.oracle import AnchorOracle
from cornernet.detectors.anchor.snap import snap, snapped
from cornernet.detectors.anchor.verify import corner_targets
from cornernet.detectors.oracle import slots
from cornernet.losses import ROLES
from cornernet.losses.offset.smooth_l1 import smooth_l1
from cornernet.structures import AnchorMaps, Batch, LevelCorners
from tests.detectors.anchor.test_anchor_detector import CLASSES, batch_of, settings

VERIFY = ["model.anchor.verify=true", "model.anchor.verify_channels=8", "model.min_overlap=0.7"]
COLD = -9.0


def dark(height, width, stride):
    return LevelCorners(*(torch.full((1, 1, height, width), COLD) for _ in range(2)),
                        *(torch.zeros(1, 2, height, width) for _ in range(2)), stride)  # fmt: skip


def lit(height, width, *cells):
    """Heat [1, 1, h, w] with these (x, y, logit), offsets [1, 2, h, w] of a quarter in x and a half in y."""
    heat = torch.full((1, 1, height, width), COLD)
    for x, y, logit in cells:
        heat[0, 0, y, x] = logit
    return heat, torch.tensor([0.25, 0.5]).view(1, 2, 1, 1).expand(1, 2, height, width)


# -- where a corner goes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("point", "cells", "expected"),
    [
        ((3.7, 2.6), [(4, 2, 1.0), (3, 3, 0.5)], (4.25, 2.5)),  # cells 3, 4 and 2, 3 lie around it
        ((3.7, 2.6), [(3, 3, 1.0)], (3.25, 3.5)),
        ((3.7, 2.6), [(2, 2, 5.0), (4, 3, 0.0)], (4.25, 3.5)),  # the brighter one is too far away
        ((3.2, 2.6), [(2, 2, 1.0), (4, 2, 5.0)], (2.25, 2.5)),  # in the left half of its cell: cells 2 and 3
        ((0.1, 0.1), [(0, 0, 1.0)], (0.25, 0.5)),  # at the border there are fewer
        ((99.0, -7.0), [(7, 0, 1.0)], (7.25, 0.5)),
        ((99.0, 99.0), [], (7.25, 5.5)),
    ],
)
def test_a_corner_goes_to_the_best_of_the_four_cells_around_it(point, cells, expected):
    found = snap(torch.tensor([[point]]), *lit(6, 8, *cells))
    assert found.tolist() == [[list(expected)]]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_leads_nowhere_off_the_map(bad):
    assert snap(torch.full((1, 2, 2), bad), *lit(6, 8)).isfinite().all()


def test_every_image_reads_its_own_map():
    heat = torch.cat([lit(6, 8, (3, 2, 1.0))[0], lit(6, 8, (4, 3, 1.0))[0]])
    found = snap(torch.tensor([[[3.7, 2.6]]] * 2), heat, torch.zeros(2, 2, 6, 8))
    assert found.tolist() == [[[3, 2]], [[4, 3]]]


def test_boxes_go_to_the_corners_of_the_next_finer_level_and_those_of_the_finest_stay():
    levels = [dark(16, 16, 4), dark(8, 8, 8), dark(4, 4, 16)]
    levels[0].tl_heat[0, 0, 2, 3] = 2.0  # (12, 8) in pixels
    levels[0].br_heat[0, 0, 10, 9] = 2.0
    levels[0].br_offset[0, 0, 10, 9] = 0.5  # (38, 40)
    levels[1].tl_heat[0, 0, 1, 1] = 2.0  # (8, 8), for the coarsest
    box = torch.tensor([[[13.0, 9, 37, 41]]])
    finest, middle, coarse = snapped([box, box, box], levels)
    assert finest.tolist() == box.tolist()
    assert middle.tolist() == [[[12, 8, 38, 40]]]
    assert coarse[..., :2].tolist() == [[[8, 8]]]
    assert [x.tolist() for x in snapped([box, box], ())] == [box.tolist()] * 2


def planted():
    """Maps of two levels: one hot anchor on each, and a corner beside the box of the coarse one."""
    anchors = [torch.tensor([[1.0, 1, 5, 5]]), torch.tensor([[13.0, 9, 37, 41]])]
    fine = dark(16, 16, 4)
    fine.tl_heat[0, 0, 2, 3] = fine.br_heat[0, 0, 10, 9] = 2.0
    logits = torch.tensor([[[0.0, COLD], [COLD, 3.0]]])
    return AnchorMaps(logits, torch.zeros(1, 2, 4), [(1, 1), (1, 1)], (fine, dark(8, 8, 8))), anchors


def test_decoded_boxes_are_snapped_and_nothing_else_of_them_changes():
    maps, anchors = planted()
    found, plain = decode(maps, anchors), decode(maps._replace(corners=()), anchors)
    assert found.boxes[0, 0].tolist() == [12, 8, 36, 40] and plain.boxes[0, 0].tolist() == [13, 9, 37, 41]
    assert found.boxes[0, 1].tolist() == plain.boxes[0, 1].tolist() == [1, 1, 5, 5]
    assert torch.equal(found.scores, plain.scores) and torch.equal(found.labels, plain.labels)


# -- training --------------------------------------------------------------------------------------------------


def objects(*boxes):
    boxes, labels, mask = slots(torch.tensor(boxes).view(-1, 4), torch.ones(len(boxes), dtype=torch.long))
    return Batch(torch.zeros(1, 3, 64, 64, dtype=torch.uint8), boxes, labels, mask, *(torch.zeros(1).long(),) * 2)


def test_every_object_has_its_corners_on_every_level_whatever_its_class():
    fine, coarse = corner_targets(objects((13.0, 8, 37, 64)), [(16, 16), (8, 8)], [4, 8], 0.7, "right")
    assert fine.tl_heat.shape == (1, 1, 16, 16) and coarse.tl_heat.shape == (1, 1, 8, 8)
    assert (fine.tl_heat == 1).nonzero().tolist() == [[0, 0, 2, 3]]
    assert (coarse.tl_heat == 1).nonzero().tolist() == [[0, 0, 1, 1]]
    assert fine.tl_offset.tolist() == [[[0.25, 0]]] and coarse.tl_offset.tolist() == [[[0.625, 0]]]
    assert (fine.br_heat == 1).nonzero().tolist() == [[0, 0, 15, 9]]  # on the border: the last cell, all of it
    assert fine.br_offset.tolist() == [[[0.25, 1]]]


def test_true_corners_bring_a_box_within_half_a_cell_to_its_object():
    """Targets as maps: what training teaches is what snapping reads."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        place, side = torch.rand(2, generator=generator) * 30, torch.rand(2, generator=generator) * 20 + 10
        true = torch.cat([place, place + side])
        (goal, _) = corner_targets(objects(true.tolist()), [(16, 16), (8, 8)], [4, 8], 0.7, "right")
        offsets = [torch.zeros(1, 2, 16, 16) for _ in range(2)]
        for offset, index, value in zip(offsets, goal[5:], goal[3:5], strict=True):
            offset.flatten(2)[0, :, index[0, 0]] = value[0, 0]
        shaken = true + (torch.rand(4, generator=generator) - 0.5) * 3.9  # less than half of a cell of 4
        corners = LevelCorners(goal.tl_heat, goal.br_heat, *offsets, 4)
        _, found = snapped([true.view(1, 1, 4), shaken.view(1, 1, 4)], (corners, dark(8, 8, 8)))
        torch.testing.assert_close(found[0, 0], true, rtol=0, atol=1e-4)


@pytest.mark.parametrize("extra", [[], ["model.backbone.stacks=2", "loss.verify.name=focal", "loss.offset.name=l1"]])
@pytest.mark.parametrize("count", [3, 0])
def test_the_loss_reaches_every_parameter_and_an_image_without_objects_is_finite(extra, count):
    config = settings(*VERIFY, *extra)
    torch.manual_seed(0)
    detector = build(config, CLASSES).train()
    terms = detector(batch_of(config, count))
    terms["total"].backward()
    assert terms["verify"] > 0 and (terms["offset"] > 0) == (count > 0)
    assert all(x.isfinite() for x in terms.values())
    grads = {name: p.grad for name, p in detector.network.named_parameters()}
    assert all(grad.isfinite().all() for grad in grads.values())
    unread = {"verifier.tl_offset", "verifier.br_offset", "head.boxes"} if count == 0 else set()
    assert {name.rsplit(".", 1)[0] for name, grad in grads.items() if not grad.any()} == unread


def test_terms_are_those_of_all_levels_together_and_means_of_both_corners():
    config = settings(*VERIFY)
    torch.manual_seed(0)
    detector, batch = build(config, CLASSES).eval(), batch_of(config)
    maps = detector.network(torch.rand(2, 3, 64, 48))
    goals = detector.corner_targets(batch, maps[0].sizes)
    terms = detector.loss.verify.terms([x.corners for x in maps], goals)
    heat, offset = 0.0, 0.0
    for kind in ("tl", "br"):
        row, goal = (
            torch.cat([getattr(x, f"{kind}_heat").flatten() for x in of], 0).view(1, 1, 1, -1)
            for of in (maps[0].corners, goals)
        )
        heat = heat + ROLES["heatmap"]["neg"](row, goal) / 2
        for read, wanted in zip(maps[0].corners, goals, strict=True):
            index = getattr(wanted, f"{kind}_index")[:, :, None]
            at = getattr(read, f"{kind}_offset").flatten(2).transpose(1, 2).gather(1, index.expand(-1, -1, 2))
            part = smooth_l1(at, getattr(wanted, f"{kind}_offset"), wanted.mask)
            offset = offset + part / 2 / len(goals)
    torch.testing.assert_close(terms, {"verify": heat, "offset": offset}, rtol=1e-4, atol=1e-6)


def test_the_published_weights_are_the_default():
    config = settings(*VERIFY)
    detector = build(config, CLASSES)
    assert detector.describe().startswith("classification x 1, box x 2, verify x 0.25, offset x 1;")
    terms = detector(batch_of(config))
    parts = terms["classification"] + 2 * terms["box"] + 0.25 * terms["verify"] + terms["offset"]
    torch.testing.assert_close(terms["total"], parts)


# -- off, and beside the truth ---------------------------------------------------------------------------------


def built(*extra):
    torch.manual_seed(0)
    return build(settings(*extra), CLASSES).train()


def test_switched_off_nothing_of_it_is_there_and_switched_on_the_rest_is_as_it_was():
    off, on, batch = built(), built(*VERIFY), batch_of(settings())
    held = off.state_dict()
    assert not any("verifier" in name for name in held)
    assert {name for name in on.state_dict() if name.startswith("network.verifier")} == on.state_dict().keys() - held
    assert all(torch.equal(on.state_dict()[name], value) for name, value in held.items())
    plain, more = off(batch), on(batch)
    assert plain.keys() == {"classification", "box", "iou", "total"} and more.keys() - plain == {"verify", "offset"}
    assert all(torch.equal(plain[name], more[name]) for name in plain if name != "total")
    for place in ("verify", "offset"):
        with pytest.raises(ValueError, match=f"has no {place} loss with these settings; it has classification, box"):
            build(settings(f"loss.{place}.name=focal"), CLASSES)


def test_the_truth_about_boxes_is_not_snapped_and_what_is_shown_is():
    maps, anchors = planted()
    truth = torch.tensor([[13.0, 9, 37, 41]])
    boxes, labels, mask = slots(truth, torch.ones(1, dtype=torch.long))
    detector = built(*VERIFY)
    assigned = detector.assigner(torch.cat(anchors), boxes, labels, mask, 2)
    x = AnchorOracle(maps, anchors, assigned, boxes[0], labels[0], mask[0], torch.tensor([0.0, 0, 64, 64]), decode)
    assert x.predict().boxes[0, 0].tolist() == x._all_boxes[1].tolist() == [12, 8, 36, 40]
    assert x.predict(("boxes",)).boxes[0, 0].tolist() == [13, 9, 37, 41]
    heat = x.heat()
    assert list(heat) == ["best score of the anchors", "top-left corners", "bottom-right corners"]
    assert (heat["top-left corners"] > 0.5).nonzero().tolist() == [[2, 3]]


def test_show_data_draws_the_corners_beside_the_anchors():
    detector, batch = built(*VERIFY), batch_of(settings(*VERIFY))
    images = [image.permute(1, 2, 0).numpy() for image in batch.images]
    titles = [[title for title, _ in panels] for panels in detector.draw_targets(batch, images)]
    assert [x[1:] for x in titles] == [["top-left corners", "bottom-right corners"]] * 2


def test_one_word_switches_the_shipped_config():
    config = load("configs/anchor_verify_shapes.yaml", [])
    plain = override(config, ["model.anchor.verify=false"])
    counts = [sum(p.numel() for p in build(x, CLASSES, with_loss=False).parameters()) for x in (config, plain)]
    assert config.model.min_overlap == 0.7 and config.model.radius_roots == "right"
    assert counts[0] - counts[1] == 77382 and Config().model.anchor.verify is False
