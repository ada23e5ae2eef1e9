"""Two processes with any member of the family get the terms and gradients of one on the whole batch."""

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel

from cornernet.config import Config, override
from cornernet.detectors import build
from tests.detectors.corner.test_detector import CLASSES, TINY, batch_of
from tests.detectors.corner.test_region import CPN

OBJECTS = (5, 2, 1, 0)  # of the images; the second process has far fewer
CHUNK = "loss.grouping.args={chunk_size: 4.9}"
ANCHOR = "{channels: 8, depth: 1, first_level: 2, last_level: 4, verify: true, verify_channels: 8}"
TAL = "{channels: 8, depth: 1, first_level: 2, last_level: 4, assign: tal, coding: distribution}"
MEMBERS = {  # what makes them, and terms that they must have
    "region": ([*CPN, CHUNK], {"pair", "classification"}),
    "triplets": (["model.head.centre=true", "model.head.pooling=cascade", CHUNK], {"centre", "offset"}),
    "saccade": (["model.attention={sizes: [20, 40], least: 8}", CHUNK], {"attention", "push"}),
    "centripetal": (["model.pairing.name=centripetal"], {"guiding", "shift"}),
    "affinity": (["model.pairing.name=affinity", CHUNK], {"pull", "push", "size"}),
    "points": (["model.detector=points"], {"heatmap", "size"}),
    "tal": (["model.detector=anchor", f"model.anchor={TAL}", "loss.classification.name=mal"], {"distribution"}),
    "verify": (["model.detector=anchor", f"model.anchor={ANCHOR}"], {"verify", "offset"}),
}


def settings(name):
    return override(Config(), [*TINY, *MEMBERS[name][0], "train.batch_size=4", "model.backbone.stacks=2"])


def gradients(model, name, images):
    """Terms and gradients of these images of one batch, where BatchNorm uses its running statistics."""
    torch.manual_seed(1)
    batch = batch_of(settings(name))
    mask = torch.arange(batch.mask.shape[1]) < torch.tensor(OBJECTS)[:, None]
    held = batch._replace(mask=mask).map(lambda x: x[images])
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.eval()
    terms = model(held)
    terms["total"].backward()
    return {name: value.detach() for name, value in terms.items()}, [p.grad for p in model.parameters()]


def detector(name):
    torch.manual_seed(0)
    return build(settings(name), CLASSES).train()


def work(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    found = {}
    for name in MEMBERS:
        terms, grads = gradients(DistributedDataParallel(detector(name)), name, slice(2 * rank, 2 * rank + 2))
        for value in terms.values():
            dist.all_reduce(value)
        found[name] = {term: value / 2 for term, value in terms.items()}, grads
    if rank == 0:
        torch.save(found, f"{folder}/two.pt")
    dist.barrier()  # nobody leaves while the other still talks
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    mp.spawn(work, (str(tmp_path),), nprocs=2)
    for name, (terms, grads) in torch.load(tmp_path / "two.pt").items():
        expected, whole = gradients(detector(name), name, slice(None))
        assert MEMBERS[name][1] <= terms.keys() and all(expected[term] > 0 for term in MEMBERS[name][1]), name
        torch.testing.assert_close(terms, expected, msg=lambda text, name=name: f"{name}: {text}")
        torch.testing.assert_close(grads, whole, rtol=1e-3, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")
