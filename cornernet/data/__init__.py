"""Images, boxes and labels: reading and drawing them, changing them at random, and batching them.

Files in many formats and sets that are drawn behind one interface, `Source`; `sources` holds a file for each format and
each drawing, `annotations` the checks that hold for all formats; `build_sources` builds the sources of a run and
`train_loader` the batches of its steps; `prepare` does on the device what is left to do to a batch.
"""

from cornernet.data.annotations import COCO_CLASSES, AnnotatedSet, with_classes
from cornernet.data.build import build_source, build_sources, require_boxes, typed_data
from cornernet.data.check import summary
from cornernet.data.contents import Contents, facts
from cornernet.data.converting import Converted, convert
from cornernet.data.dataset import TrainDataset
from cornernet.data.depths import eight_bits
from cornernet.data.device import constant, normalise, prepare
from cornernet.data.division import write_division
from cornernet.data.geometry import resize, scaled_size, view
from cornernet.data.images import SUFFIXES, read_image
from cornernet.data.labelled import Labelled
from cornernet.data.loader import TrainLoader, collate, train_loader
from cornernet.data.opening import read
from cornernet.data.plain import plain_batches
from cornernet.data.problems import Finding
from cornernet.data.sampler import StepSampler
from cornernet.data.source import ImageRecord, Source
from cornernet.data.sources.shapes import ShapesSet, write
from cornernet.data.storage import Away, passable, patiently
from cornernet.data.trial import try_transforms
from cornernet.data.values import misfit, narrow, unlike, with_depth
from cornernet.data.writing import WRITERS, write_labels

__all__ = [
    "COCO_CLASSES",
    "SUFFIXES",
    "WRITERS",
    "AnnotatedSet",
    "Away",
    "Contents",
    "Converted",
    "Finding",
    "ImageRecord",
    "Labelled",
    "ShapesSet",
    "Source",
    "StepSampler",
    "TrainDataset",
    "TrainLoader",
    "build_source",
    "build_sources",
    "collate",
    "constant",
    "convert",
    "eight_bits",
    "facts",
    "misfit",
    "narrow",
    "normalise",
    "passable",
    "patiently",
    "plain_batches",
    "prepare",
    "read",
    "read_image",
    "require_boxes",
    "resize",
    "scaled_size",
    "summary",
    "train_loader",
    "try_transforms",
    "typed_data",
    "unlike",
    "view",
    "with_classes",
    "with_depth",
    "write",
    "write_division",
    "write_labels",
]
