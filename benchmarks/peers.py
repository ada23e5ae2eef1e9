"""What a user would take instead: torchvision's detectors behind our inference, and command lines of other programs."""

import os
import shlex
import subprocess
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchvision.models import detection

from cornernet.detectors import Predicting
from cornernet.structures import Batch, Detections

ROWS = 100
SSD_SIDE = 320  # the one input that SSDLite has
NETWORKS: dict[str, Callable[..., torch.nn.Module]] = {
    "torchvision RetinaNet, ResNet-50": detection.retinanet_resnet50_fpn,
    "torchvision SSDLite, MobileNetV3": detection.ssdlite320_mobilenet_v3_large,
}


class Peer(Predicting):
    """A detector of torchvision of random weights, on canvases of one size; it suppresses by itself."""

    def __init__(self, name: str, size: tuple[int, int], classes: int):
        super().__init__()
        sides = {} if "SSD" in name else {"min_size": min(size), "max_size": max(size)}
        own = {"weights": None, "weights_backbone": None, "num_classes": classes + 1}
        self.network, self.size = NETWORKS[name](**own, **sides), size

    def fit_size(self, height: int, width: int) -> tuple[int, int]:
        """The one size; it resizes that itself where it differs from its own."""
        return self.size

    def predict(self, images: Tensor) -> Detections:
        """Images [B, 3, H, W] uint8 -> 100 rows each."""
        return _rows(self.network(list(images.float() / 255)))

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Batch -> its loss terms and their total."""
        images = list(batch.images.float() / 255)
        kept = batch.mask & (batch.boxes[..., 2:] > batch.boxes[..., :2]).all(-1)
        rows = zip(batch.boxes, batch.labels, kept, strict=True)
        terms = self.network(images, [{"boxes": boxes[k], "labels": labels[k] + 1} for boxes, labels, k in rows])
        return {**terms, "total": sum(terms.values())}


def _rows(found: Sequence[dict[str, Tensor]]) -> Detections:
    boxes, scores = torch.zeros(len(found), ROWS, 4), torch.full((len(found), ROWS), -1.0)
    labels = torch.zeros(len(found), ROWS, dtype=torch.int64)
    for row, each in enumerate(found):
        count = min(ROWS, len(each["scores"]))
        boxes[row, :count], scores[row, :count] = each["boxes"][:count], each["scores"][:count]
        labels[row, :count] = each["labels"][:count] - 1
    return Detections(boxes, scores, labels, scores, scores)


def command(words: str | Sequence[str]) -> Callable[[], None]:
    """A command line -> what runs it as a process, with as many threads as torch has here.

    Raises ValueError, when it runs, where there is no such program or it ends otherwise than well.
    """
    given = shlex.split(words) if isinstance(words, str) else list(words)

    def run() -> None:
        env = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
        try:
            done = subprocess.run(given, capture_output=True, text=True, check=False, errors="replace", env=env)
        except OSError as error:
            raise ValueError(f"{given[0]} cannot be started: {error.strerror}") from None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no word why"])[-1]
            raise ValueError(f"{shlex.join(given)} ended with exit code {done.returncode}: {last}")

    return run
