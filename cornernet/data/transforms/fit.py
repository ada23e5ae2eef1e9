"""The whole image, aspect kept, as large as the network's input allows, in the middle of zeros."""

import numpy as np

from cornernet.data.geometry import cut, resize, scaled_size
from cornernet.structures import LabelledImage

WHERE = "worker"


def fit(sample: LabelledImage, rng: np.random.Generator, input_size: tuple[int, int]) -> LabelledImage:
    """Fit the image into the input, as the test does where data.longest_side is the input's longer side."""
    height, width = sample.image.shape[:2]
    scale = min(input_size[0] / height, input_size[1] / width)
    rows, columns = scaled_size((height, width), scale)
    size = min(rows, input_size[0]), min(columns, input_size[1])
    image, boxes = resize(sample.image, sample.boxes, size)
    x0, y0 = (size[1] - input_size[1]) // 2, (size[0] - input_size[0]) // 2
    return LabelledImage(cut(image, x0, y0, input_size), boxes - np.array([x0, y0, x0, y0]), sample.labels)
