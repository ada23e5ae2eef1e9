"""Images for a loss that is measured, not trained: whole, fitted into the input and otherwise as they are."""

import dataclasses
from collections.abc import Iterator, Sequence
from functools import partial

from cornernet.config import Data
from cornernet.data.loader import collate
from cornernet.data.pipeline import Pipeline, build, run
from cornernet.data.source import Source
from cornernet.data.storage import passable, patiently
from cornernet.structures import Batch, LabelledImage, Sample


def plain_batches(data: Data, source: Source, indices: Sequence[int], batch_size: int) -> Iterator[Batch]:
    """Data section, images of the source by their positions -> batches of them in their order, the last one smaller.

    An image that cannot be read is left out with data.on_error=skip, else raises ValueError or OSError; Away where
    images cannot be reached for some time.
    """
    plain = build(dataclasses.replace(data, transforms={"fit": {}}))
    for start in range(0, len(indices), batch_size):
        samples = [_sample(plain, source, index, data.on_error) for index in indices[start : start + batch_size]]
        if made := [sample for sample in samples if sample is not None]:
            batch = collate(list(made), data.max_objects)
            assert isinstance(batch, Batch)  # no sample was a Failure
            yield batch


def _sample(plain: Pipeline, source: Source, index: int, on_error: str) -> Sample | None:
    try:
        image = patiently(partial(source.image, index))
    except (ValueError, OSError) as error:
        if on_error == "stop":
            raise passable(error) from None
        return None  # the evaluation before has named it
    labelled = LabelledImage(image, source.boxes(index), source.labels(index))
    made, _ = run(plain, (0, 0, index), lambda _: labelled, len(source))
    return Sample(*made, index)
