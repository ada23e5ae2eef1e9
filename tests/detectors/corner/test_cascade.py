"""Cascade corner pooling: the maximum across a border is added before the one along it."""

import torch

from cornernet.detectors.corner.head import CornerPool
from cornernet.ops.corner_pool import left_pool, top_pool


def test_it_is_the_published_formula():
    pool = CornerPool(4, 2, top_pool, left_pool, cascade=True).eval()
    x = torch.randn(2, 4, 5, 6)
    a = top_pool(pool.seen_across(pool.to_vertical(x) + left_pool(pool.look_across(x))))
    b = left_pool(pool.seen_along(pool.to_horizontal(x) + top_pool(pool.look_along(x))))
    tail = pool.pooled_norm(pool.pooled(a + b)) + pool.shortcut_norm(pool.shortcut(x))
    assert torch.equal(pool(x), pool.out(tail.relu()))


def test_without_a_look_aside_and_with_the_identity_behind_it_is_plain_pooling():
    plain = CornerPool(4, 2, top_pool, left_pool).eval()
    pool = CornerPool(4, 2, top_pool, left_pool, cascade=True).eval()
    pool.load_state_dict(plain.state_dict(), strict=False)
    with torch.no_grad():
        for look in (pool.look_across, pool.look_along):
            look.conv.weight.zero_()
        for seen in (pool.seen_across, pool.seen_along):
            seen.weight.copy_(torch.zeros_like(seen.weight))
            seen.weight[[0, 1], [0, 1], 1, 1] = 1
    x = torch.randn(2, 4, 5, 6)
    assert torch.allclose(pool(x), plain(x), atol=1e-6)
