"""Random changes of training images: geometry in the loader's workers, colour on the device."""

from cornernet.data.transforms.augment import resize, scaled_size
from cornernet.data.transforms.photometric import normalise, prepare

__all__ = [
    "normalise",
    "prepare",
    "resize",
    "scaled_size",
]
