"""A file a transform of the training images; the file's name is the name in a config.

A file declares

    WHERE = "worker" or "device"            where it runs
    RANGES = {"p": SHARE}                   optional: what its numbers may be, by argument (`cornernet.config.ranges`)

and a function of its own name, whose further parameters are the arguments in a config. In a loader process, on one
image after the other:

    flip(sample, rng, p=0.5) -> LabelledImage

sample: a `cornernet.structures.LabelledImage`, whose arrays are not to be written to; rng: the NumPy generator of this
use of the transform for this sample, a stream of its own of seed, epoch and index. What comes out may have any size,
and boxes that reach beyond it, which are then cut; behind the last transform it has that of the network's input. A
function that names `input_size` is given (height, width) of that, one that names `others` a function: `others(n)` gives
n further images of the set, a list of LabelledImage as they are before the first transform, chosen by rng. One that
names `progress` is given the share of the run that is done, in 0..1, so that it may close before the end: with
`close=0.1` mosaic and mixup do nothing in the last tenth of the steps.

Boxes of which something is lost, by an edge or under what is put over them, follow one rule, `data.geometry.kept`.

On the device, batched, the function of the file's name draws the numbers of one sample in the loader process, and
`change` is given those of all, stacked, by their names:

    grey(rng, p=0.1) -> {"chosen": ...}                                      NumPy arrays or numbers of one shape
    change(images [B, 3, H, W] float32 BGR, 0..1, chosen [B]) -> images      of the same shape

A change that is a matrix on every image's colours costs nothing, since the normalisation applies it in its one pass;
such a file defines in place of `change`

    change_colours(means [B, 3], **numbers) -> (matrix [B, 3, 3], flat [B, 3])     matrix @ colour + flat

means: the mean colour of each image as it is by then.
"""

from types import ModuleType

from cornernet.registry import modules

TRANSFORMS: dict[str, ModuleType] = modules(__name__, __path__)
PLACES = ("worker", "device")

for _name, _found in TRANSFORMS.items():
    if not callable(getattr(_found, _name, None)) or getattr(_found, "WHERE", None) not in PLACES:
        raise ImportError(f"{_found.__file__} must define {_name} and WHERE, one of {PLACES}: see {__name__}")
