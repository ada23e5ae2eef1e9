"""Two processes under DistributedDataParallel get the gradients of one on the whole batch, and its running means."""

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from cornernet.losses import AELoss, build

COUNTS = (5, 2, 1, 0)  # objects of the images; the second process has far fewer


class Maps(nn.Module):
    """Smallest network with something for every term, and its loss."""

    def __init__(self, across_processes, heatmap):
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.ModuleDict({"heat": nn.Conv2d(3, 4, 1), "tag": nn.Linear(3, 2), "regr": nn.Linear(3, 4)})
        grouping = build("grouping", "ae", chunk_size=4.9)
        feature = build("feature", "softmax", num_classes=2, dim=3)
        self.loss = AELoss(
            0.1, 0.1, 1, heatmap, grouping_loss=grouping, feature_loss=feature, across_processes=across_processes
        )

    def forward(self, image, slots, targets):
        heats, tags, regrs = (self.layers[k](x) for k, x in (("heat", image), ("tag", slots), ("regr", slots)))
        outs = [*heats.chunk(2, 1), *tags.chunk(2, 2), *regrs.chunk(2, 2)]
        labels = torch.where(targets[2], 1, -1).flatten()
        return self.loss(outs, targets, features=([slots.flatten(0, 1)], labels)).sum()


def batch():
    torch.manual_seed(2)
    heats = torch.rand(2, 4, 2, 6, 6)
    # no bottom-right corner in the second half
    heats[0, :2, 0, 1, 1:5] = heats[0, 2, 1, 0, 0] = heats[1, 0, 1, 2:5, 3] = 1
    mask = torch.arange(5) < torch.tensor(COUNTS)[:, None]
    return torch.randn(4, 3, 6, 6), torch.randn(4, 5, 3), [*heats, mask, *torch.rand(2, 4, 5, 2)]


def gradients(model, images):
    image, slots, targets = batch()
    value = model(image[images], slots[images], [t[images] for t in targets])
    value.backward()
    return value.detach(), [p.grad for p in model.parameters()]


def running_mean(boxes):
    target = torch.tensor([[0.0, 0, 4, 2], [0, 0, 4, 4], [0, 0, 0, 0]])[boxes]
    loss = build("box", "wiou", version=3, momentum=0.5)
    loss(torch.tensor([[1.0, 0, 4, 2]]).expand_as(target), target)
    return loss.mean


def centres(rows):
    """Centres of classes 0 and 1 after one batch; the embeddings and labels of four rows, one of them empty."""
    x, labels = torch.tensor([[4.0, 0], [2, 2], [0, 6], [9, 9]])[rows], torch.tensor([0, 0, 1, -1])[rows]
    loss = build("feature", "center", num_classes=2, dim=2)
    loss(x, labels)
    return loss.centers.c


def moved(rows):
    """Centres, and what counts the steps of the annealing, after one step of two micro-batches of two stacks."""
    progress, x = torch.zeros(()), torch.tensor([[4.0, 0], [2, 2], [0, 6], [9, 9]])
    known = {"num_classes": 2, "dim": 2, "progress": progress}
    losses = build("feature", "center", given=known), build("feature", "sphereface", given=known)
    for part in (rows[::2], rows[1::2]):
        for _ in range(2):
            for loss in losses:
                loss(x[part], torch.tensor([0, 0, 1, -1])[part])
    return torch.cat([losses[0].centers.c.flatten(), losses[1].margin.calls[None]])


def work(rank, folder, names):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    for name in names:
        for across in (True, False):
            model = DistributedDataParallel(Maps(across, build("heatmap", name)))
            value, grads = gradients(model, slice(2 * rank, 2 * rank + 2))
            dist.all_reduce(value)
            if rank == 0:
                torch.save((value / 2, grads), f"{folder}/{name}_{across}.pt")
    torch.save(running_mean(slice(3 * rank, 3)), f"{folder}/wiou_{rank}.pt")  # the second process has no boxes
    torch.save(centres(slice(rank, None, 2)), f"{folder}/centres_{rank}.pt")
    torch.save(moved([2 * rank, 2 * rank + 1]), f"{folder}/moved_{rank}.pt")
    dist.barrier()  # nobody leaves while the other still talks
    dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    names = ("neg", "balanced_bce", "dice")
    mp.spawn(work, (str(tmp_path), names), nprocs=2)
    for name in names:
        expected = gradients(Maps(True, build("heatmap", name)), slice(None))
        torch.testing.assert_close(torch.load(tmp_path / f"{name}_True.pt"), expected)
        _, uncorrected = torch.load(tmp_path / f"{name}_False.pt")
        assert (uncorrected[4] - expected[1][4]).abs().max() > 1e-2  # the offsets' weights
    expected = torch.tensor(0.5 + 0.5 * (1 / 4 + 10 / 16) / 2)
    for mean in (running_mean(slice(None)), torch.load(tmp_path / "wiou_0.pt"), torch.load(tmp_path / "wiou_1.pt")):
        torch.testing.assert_close(mean, expected)
    expected = torch.tensor([[0.5 * 6 / 3, 0.5 * 2 / 3], [0, 0.5 * 6 / 2]])
    for c in (centres(slice(None)), torch.load(tmp_path / "centres_0.pt"), torch.load(tmp_path / "centres_1.pt")):
        torch.testing.assert_close(c, expected)
    expected = torch.tensor([0.5 * 12 / 5, 0.5 * 4 / 5, 0, 0.5 * 12 / 3, 1])  # every row twice, a stack each
    for c in (moved([0, 1, 2, 3]), torch.load(tmp_path / "moved_0.pt"), torch.load(tmp_path / "moved_1.pt")):
        torch.testing.assert_close(c, expected)
