"""The artefacts of JPEG files."""

import cv2
import numpy as np

from cornernet.config.ranges import SHARE, Interval
from cornernet.data.geometry import between
from cornernet.structures import LabelledImage

WHERE = "worker"
RANGES = {"p": SHARE, "quality": Interval(1, 100, "[]")}
QUALITY = [30.0, 90.0]


def jpeg(
    sample: LabelledImage,
    rng: np.random.Generator,
    p: float = 0.2,
    quality: list[float] = QUALITY,
) -> LabelledImage:
    """Compress the image as JPEG and read it back, at random.

    p: probability. quality: lowest and highest, of 100.
    """
    if rng.random() >= p:
        return sample
    _, data = cv2.imencode(".jpg", sample.image, [cv2.IMWRITE_JPEG_QUALITY, round(between(rng, quality))])
    return sample._replace(image=np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)))
