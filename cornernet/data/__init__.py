"""Pictures, boxes and labels: reading and drawing them, augmenting them, and batching them.

Two kinds of source (COCO files, synthetic shapes) behind one interface, `Source`; `sources` builds those of a run and
`train_loader` the batches of its steps; `prepare` does on the device what is left to do to a batch.
"""

from cornernet.data.dataset import TrainDataset
from cornernet.data.images import read_image
from cornernet.data.loader import TrainLoader, collate, train_loader
from cornernet.data.sampler import StepSampler
from cornernet.data.sources import build_source, require_boxes, sources
from cornernet.data.sources.coco import CocoSet, read, with_classes
from cornernet.data.sources.shapes import ShapesSet, write
from cornernet.data.sources.source import ImageRecord, Source
from cornernet.data.transforms.photometric import normalise, photometric, prepare

__all__ = [
    "CocoSet",
    "ImageRecord",
    "ShapesSet",
    "Source",
    "StepSampler",
    "TrainDataset",
    "TrainLoader",
    "build_source",
    "collate",
    "normalise",
    "photometric",
    "prepare",
    "read",
    "read_image",
    "require_boxes",
    "sources",
    "train_loader",
    "with_classes",
    "write",
]
