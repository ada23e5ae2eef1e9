"""Anchors, coding and assignment: by hand, by property, and against torchvision's RetinaNet."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.models.detection._utils import BoxCoder, Matcher
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import box_iou

from cornernet.detectors.anchor import assign, coding
from cornernet.detectors.anchor.anchors import cell_anchors, grid_anchors

SCALES, RATIOS = [1.0, 2 ** (1 / 3), 2 ** (2 / 3)], [0.5, 1.0, 2.0]
STRIDES = [8, 16, 32, 64, 128]


def retinanet(height=256, width=384):
    """Our anchors of an image, level by level."""
    sizes = [(height // s, width // s) for s in STRIDES]
    cells = torch.stack([cell_anchors(4 * s, SCALES, RATIOS) for s in STRIDES])
    return sizes, grid_anchors(sizes, STRIDES, cells)


def objects(images=3, slots=7, counts=(7, 2, 0), size=(256, 384)):
    mask = torch.arange(slots) < torch.tensor(counts)[:, None]
    start = torch.rand(images, slots, 2) * torch.tensor([size[1] * 0.7, size[0] * 0.7])
    boxes = torch.cat([start, start + 8 + torch.rand(images, slots, 2) * 90], -1)
    return boxes * mask[..., None], torch.randint(0, 4, (images, slots)) * mask, mask


def test_anchors_of_a_cell_by_hand():
    got = cell_anchors(32, [1.0], [0.25, 1.0])
    assert got.tolist() == [[-32, -8, 32, 8], [-16, -16, 16, 16]]


def test_anchors_are_those_of_torchvision():
    sizes, levels = retinanet()
    theirs = AnchorGenerator([tuple(4 * s * f for f in SCALES) for s in STRIDES], [tuple(RATIOS)] * len(STRIDES))
    images = ImageList(torch.zeros(1, 3, 256, 384), [(256, 384)])
    (expected,) = theirs(images, [torch.zeros(1, 1, *size) for size in sizes])
    torch.testing.assert_close(torch.cat(levels), expected)


def test_coding_is_that_of_torchvision_and_has_an_inverse():
    anchors = torch.cat(retinanet()[1])[::37]
    boxes = anchors + torch.rand_like(anchors) * torch.tensor([-9.0, -9, 9, 9])
    coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
    deltas = coding.encode(boxes, anchors)
    torch.testing.assert_close(deltas, coder.encode_single(boxes, anchors), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(coding.decode(deltas, anchors), boxes, rtol=1e-5, atol=1e-3)
    wild = torch.randn_like(anchors) * 4
    torch.testing.assert_close(coding.decode(wild, anchors), coder.decode_single(wild, anchors), rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("seed", range(4))
def test_max_iou_is_the_matcher_of_torchvision(seed):
    torch.manual_seed(seed)
    anchors = torch.cat(retinanet()[1])
    boxes, labels, mask = objects()
    got = assign.max_iou(anchors, boxes, labels, mask, 4)
    matcher = Matcher(0.5, 0.4, allow_low_quality_matches=True)
    for image, count in enumerate(mask.sum(1)):
        if not count:
            assert (got.labels[image] == 4).all() and not got.positive[image].any()
            continue
        matched = matcher(box_iou(boxes[image, :count], anchors))
        expected = torch.where(matched >= 0, labels[image][matched.clamp(min=0)], 4)
        assert torch.equal(got.labels[image], expected.where(matched != Matcher.BETWEEN_THRESHOLDS, -1))
        assert torch.equal(got.boxes[image][matched >= 0], boxes[image][matched[matched >= 0]])
        assert got.positive[image].sum() >= count


@pytest.mark.parametrize("seed", range(4))
def test_atss_is_its_algorithm(seed):
    """Algorithm 1 of the paper, object by object."""
    torch.manual_seed(seed)
    levels = retinanet()[1]
    anchors, counts = torch.cat(levels), [len(level) for level in levels]
    boxes, labels, mask = objects()
    got = assign.atss(anchors, boxes, labels, mask, 4, counts)
    middle = (anchors[:, :2] + anchors[:, 2:]) / 2
    for image, count in enumerate(mask.sum(1)):
        best, owner = torch.zeros(len(anchors)), torch.full((len(anchors),), -1)
        for m in range(count):
            box, start, near = boxes[image, m], 0, []
            for n in counts:
                far = (middle[start : start + n] - (box[:2] + box[2:]) / 2).norm(dim=1)
                near += (far.argsort(stable=True)[:9] + start).tolist()
                start += n
            iou = box_iou(box[None], anchors)[0]
            bound = iou[near].mean() + iou[near].std()
            for a in near:
                inside = (middle[a] > box[:2]).all() and (middle[a] < box[2:]).all()
                if iou[a] >= bound and inside and iou[a] > best[a]:
                    best[a], owner[a] = iou[a], m
        # anchors of one place tie in distance; which nine are taken is a matter of order
        agreed = (got.positive[image] == (owner >= 0)).float().mean()
        assert agreed > 0.999
        both = got.positive[image] & (owner >= 0)
        assert torch.equal(got.labels[image][both], labels[image][owner[both]]) and (both.any() or not count)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["max_iou", "atss"]))
def test_assignments_name_only_objects_that_are_there(seed, kind):
    torch.manual_seed(seed)
    levels = retinanet(128, 128)[1]
    anchors, counts = torch.cat(levels), [len(level) for level in levels]
    boxes, labels, mask = objects(size=(128, 128), counts=(3, 7, 0))
    boxes[0, 0] = boxes[0, 1]  # two objects in one place
    extra = (counts,) if kind == "atss" else ()
    got = getattr(assign, kind)(anchors, boxes, labels, mask, 4, *extra)
    dirty = boxes.masked_fill(~mask[..., None], 77.0), labels.masked_fill(~mask, 3)
    again = getattr(assign, kind)(anchors, *dirty, mask, 4, *extra)
    assert all(map(torch.equal, got[:3], again[:3]))
    assert not got.boxes[~got.positive].any() and ((got.labels >= 0) & (got.labels < 4) == got.positive).all()
    for image in range(3):
        for box in got.boxes[image][got.positive[image]]:
            assert (box == boxes[image][mask[image]]).all(1).any()
