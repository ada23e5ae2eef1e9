"""Maps of the corner network -> detections, map by map and image by image, then soft-NMS in plain loops.

Law, Deng: CornerNet, 2018, arXiv 1808.01244, section 4.2; Bodla et al.: Soft-NMS, 2017, arXiv 1704.04503, equation 3.
"""

import math

import torch
import torch.nn.functional as F


def decode(maps, top_k=100, kernel=3, threshold=0.5, num_dets=1000):
    """CornerMaps of a batch -> list with (boxes [n, 4] in cells, scores [n], labels [n]) of each image, sorted."""
    found = []
    for b in range(len(maps.tl_heat)):
        tl = corners(maps.tl_heat[b : b + 1], maps.tl_tag[b], maps.tl_offset[b], top_k, kernel)
        br = corners(maps.br_heat[b : b + 1], maps.br_tag[b], maps.br_offset[b], top_k, kernel)
        found.append(pairs(tl, br, threshold, num_dets))
    return found


def corners(heat, tag, offset, top_k, kernel):
    """One image's maps -> scores, labels, x, y, tags [K] of its best peaks."""
    height, width = heat.shape[2:]
    heat = heat.sigmoid()
    heat = heat * (F.max_pool2d(heat, kernel, 1, kernel // 2) == heat).float()
    scores, where = heat.view(-1).topk(top_k)
    labels, cells = where // (height * width), where % (height * width)
    rows, columns = cells // width, cells % width
    shift = offset.view(2, -1).permute(1, 0)[cells]
    tags = tag.view(tag.shape[0], -1).permute(1, 0)[cells]
    return scores, labels, columns.float() + shift[:, 0], rows.float() + shift[:, 1], tags[:, 0]


def pairs(tl, br, threshold, num_dets):
    """Corners of both kinds -> boxes, scores, labels of the pairs that belong together, best first."""
    k = len(tl[0])
    scores, labels, x1, y1, tags = (t.view(k, 1).expand(k, k) for t in tl)
    other_scores, other_labels, x2, y2, other_tags = (t.view(1, k).expand(k, k) for t in br)
    boxes, scores = torch.stack((x1, y1, x2, y2), 2), (scores + other_scores) / 2
    scores[labels != other_labels] = -1
    scores[(tags - other_tags).abs() > threshold] = -1
    scores[(x2 < x1) | (y2 < y1)] = -1
    scores, order = scores.reshape(-1).topk(min(num_dets, k * k))
    valid = scores > -1
    return boxes.reshape(-1, 4)[order][valid], scores[valid], labels.reshape(-1)[order][valid]


def soft_nms(boxes, scores, sigma=0.5, least=0.001):
    """Boxes of one class [n, 4], scores [n] -> list of (row, decayed score), best first; edges, no extra pixel."""
    rows = [[*box, score, i] for i, (box, score) in enumerate(zip(boxes.tolist(), scores.tolist(), strict=True))]
    kept = []
    while rows:
        best = max(range(len(rows)), key=lambda i: rows[i][4])
        x1, y1, x2, y2, score, row = rows.pop(best)
        kept.append((row, score))
        area, left = (x2 - x1) * (y2 - y1), []
        for other in rows:
            wide = min(x2, other[2]) - max(x1, other[0])
            high = min(y2, other[3]) - max(y1, other[1])
            if wide > 0 and high > 0:
                union = area + (other[2] - other[0]) * (other[3] - other[1]) - wide * high
                other[4] *= math.exp(-((wide * high / union) ** 2) / sigma)
            if other[4] >= least:
                left.append(other)
        rows = left
    return kept


def detect(maps, classes, best=100):
    """Maps of a batch -> of each image its best (score, label, box) in cells, sorted."""
    results = []
    for boxes, scores, labels in decode(maps):
        rows = []
        for label in range(classes):
            mine = labels == label
            some = boxes[mine]
            kept = soft_nms(some, scores[mine])
            rows += [(score, label, some[row].tolist()) for row, score in kept if score >= 0.001]
        results.append(sorted(rows, key=lambda row: -row[0])[:best])
    return results
