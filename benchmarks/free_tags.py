"""What a grouping loss makes of tags that are free to move: no network, no images, only the loss and its gradient."""

import csv
import sys
from typing import Any

import torch
from torch import Tensor

from benchmarks import results
from cornernet.cli.commandline import Command, call
from cornernet.cli.keys import Reader, whole
from cornernet.losses import ROLES, build
from cornernet.losses.adapt import takes_points
from cornernet.losses.reduce import added
from cornernet.ops.hungarian import hungarian
from cornernet.ops.tags import tag_distance

USAGE = """python -m benchmarks.free_tags [losses=NAME,...] [seeds=1,2,3] [steps=N] [alone=PRICE]

Draws tags of 48 scenes of 1 to 12 objects, two numbers each and all close together as a network's are at first, and
moves them by Adam along the gradient of each grouping loss. Prints a row a run: the share of corners whose partner is
the right one by assignment (right), and the share of those that also lie nearer than 0.5, the decoder's threshold
(found). alone: price of two lone corners in losses that have one, null for nobody alone; for example
  python -m benchmarks.free_tags losses=hamming,inner_product,permutation_hung"""

COLUMNS = ("loss", "alone", "seed", "steps", "right", "found")
SCENES, MOST, DIM, SPREAD, RATE, NEAR = 48, 12, 2, 0.1, 0.03, 0.5


def main(
    losses: tuple[str, ...] = ("hamming", "inner_product", "permutation_hung"),
    seeds: tuple[int, ...] = (1, 2, 3),
    steps: int = 300,
    **args: float | None,
) -> None:
    """Print the rows as they come."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name in losses:
        for seed in seeds:
            found = moved(name, seed, steps, **args)
            price = "null" if (given := args.get("alone", "default")) is None else given
            writer.writerow([name, price, seed, steps, *(f"{share:.3f}" for share in found)])
            sys.stdout.flush()


def moved(name: str, seed: int, steps: int, **args: Any) -> tuple[float, float]:
    """Grouping loss, seed of the scenes, steps of Adam, arguments -> shares of corners right and found."""
    loss, draw = build("grouping", name, **args), torch.Generator().manual_seed(seed)
    n = torch.randint(1, MOST + 1, (SCENES,), generator=draw)
    tags = (SPREAD * torch.randn(2, SCENES, MOST, DIM, generator=draw)).requires_grad_()
    mask, optimizer = torch.arange(MOST) < n[:, None], torch.optim.Adam([tags], RATE)
    for _ in range(steps):
        optimizer.zero_grad()
        added(loss(*tags, mask).values()).backward()
        optimizer.step()
    tl_tag, br_tag = tags.detach()
    return shares(tl_tag, br_tag, mask)


def shares(tl_tag: Tensor, br_tag: Tensor, mask: Tensor) -> tuple[float, float]:
    """Tags [B, M, D], mask [B, M], the occupied slots first -> shares of objects whose corners are paired, and near."""
    n, distance = mask.sum(1), tag_distance(tl_tag, br_tag)
    right = hungarian(-distance, n, n).diagonal(0, 1, 2).bool() & mask
    near = right & (distance.diagonal(0, 1, 2) < NEAR)
    return tuple((each.sum() / mask.sum()).item() for each in (right, near))  # type: ignore[return-value]


def _losses(text: str) -> tuple[str, ...]:
    """Names of grouping losses that need tags alone; raises ValueError for another."""
    known = [name for name in ROLES["grouping"] if not takes_points(build("grouping", name))]
    return results.some_of(sorted(known))(text)


def _price(text: str) -> float | None:
    return None if text == "null" else float(text)


KEYS = {"losses": Reader(_losses), "seeds": Reader(results.numbers), "steps": Reader(whole(1)), "alone": Reader(_price)}

COMMAND = Command(main, USAGE, paths=0, keys=KEYS, overrides=False)

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
