"""Maps of one stack -> boxes: the best anchors of every level, decoded."""

import torch
from torch import Tensor

from cornernet.detectors.anchor.coding import DELTAS, Coding
from cornernet.detectors.anchor.snap import snapped
from cornernet.ops.peaks import at_most
from cornernet.structures import AnchorMaps, Detections


def decode(
    maps: AnchorMaps, anchors: list[Tensor], top_k: int = 1000, num_dets: int = 1000, coding: Coding = DELTAS
) -> Detections:
    """Maps with the anchors [n, 4] of every level -> Detections in input pixels, best first, N <= num_dets.

    top_k: pairs of anchor and class kept of each level. RetinaNet, arXiv 1708.02002, section 4.1, without its threshold
    of 0.05, which is test.nms.min_score here.
    """
    counts = [level.shape[0] for level in anchors]
    parts = zip(maps.logits.split(counts, 1), maps.deltas.split(counts, 1), anchors, strict=True)
    levels, *others = zip(*(_level(*part, top_k, coding) for part in parts), strict=True)
    boxes, scores, labels = (torch.cat(list(x), 1) for x in (snapped(levels, maps.corners), *others))
    scores, order = scores.topk(at_most(num_dets, scores.shape[1]))
    boxes = boxes.gather(1, order[..., None].expand(-1, -1, 4))
    return Detections(boxes, scores, labels.gather(1, order), scores, scores)


def _level(
    logits: Tensor, deltas: Tensor, anchors: Tensor, top_k: int, coding: Coding
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits [B, n, C], deltas [B, n, 4] -> boxes [B, k, 4], scores and labels [B, k] of the best pairs."""
    classes = logits.shape[2]
    scores, which = logits.float().sigmoid().flatten(1).topk(at_most(top_k, logits.shape[1] * classes))
    anchor = which // classes
    chosen = deltas.float().gather(1, anchor[..., None].expand(-1, -1, 4))
    return coding.decode(chosen, anchors[anchor]), scores, which % classes
