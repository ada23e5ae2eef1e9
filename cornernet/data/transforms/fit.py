"""The whole image, aspect kept, as large as the network's input allows, in the middle of zeros."""

import numpy as np

from cornernet.data.geometry import cut, resize, scaled_size
from cornernet.structures import LabelledImage

WHERE = "worker"


def fit(sample: LabelledImage, rng: np.random.Generator, input_size: tuple[int, int]) -> LabelledImage:
    """Fit the image into the input, as the test does where data.longest_side is the input's longer side."""
    return fitted(sample, input_size)


def fitted(sample: LabelledImage, room: tuple[int, ...], fill: int | np.ndarray = 0) -> LabelledImage:
    """The image as large as (height, width) allow, aspect kept, in the middle of the fill."""
    height, width = sample.image.shape[:2]
    scale = min(room[0] / height, room[1] / width)
    rows, columns = scaled_size((height, width), scale)
    size = min(rows, room[0]), min(columns, room[1])
    image, boxes = resize(sample.image, sample.boxes, size)
    x0, y0 = (size[1] - room[1]) // 2, (size[0] - room[0]) // 2
    return LabelledImage(
        cut(image, x0, y0, (room[0], room[1]), fill), boxes - np.array([x0, y0, x0, y0]), sample.labels
    )
