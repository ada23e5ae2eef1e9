"""A training sample as a loader worker of the published code makes it: whole images in float32, by OpenCV.

Read, crop at a random scale, resize, flip, then in [0, 1]: brightness, contrast and saturation in random order,
lighting, normalisation, and channels first. Boxes are edges, as everywhere in this project.
"""

import cv2
import numpy as np

EIGENVALUES = np.array([0.2141788, 0.01817699, 0.00341571], np.float32)
EIGENVECTORS = np.array(
    [[-0.58752847, -0.69563484, 0.41340352], [-0.5832747, 0.00994535, -0.81221408],
     [-0.56089297, 0.71832671, 0.41158938]], np.float32,
)  # fmt: skip


def sample(path, boxes, draws, size, border, mean, std):
    """File, boxes [n, 4], random numbers, (height, width), mean and std [3] -> image [3, H, W] float32, boxes."""
    image = cv2.imread(str(path))
    image, boxes = crop(image, boxes.astype(np.float32), size, draws.scale, draws.centre, border)
    boxes = boxes * np.array([size[1] / image.shape[1], size[0] / image.shape[0]] * 2, np.float32)
    image = cv2.resize(image, (size[1], size[0]))
    if draws.flip:
        image = image[:, ::-1, :]
        boxes[:, [0, 2]] = size[1] - boxes[:, [2, 0]]
    boxes[:, 0::2], boxes[:, 1::2] = np.clip(boxes[:, 0::2], 0, size[1]), np.clip(boxes[:, 1::2], 0, size[0])
    boxes = boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]
    image = image.astype(np.float32) / 255
    jitter(image, draws.colour["order"], draws.colour["alpha"])
    image += EIGENVECTORS @ (EIGENVALUES * draws.lighting["light"])
    image -= np.array(mean, np.float32)
    image /= np.array(std, np.float32)
    return np.ascontiguousarray(image.transpose(2, 0, 1)), boxes


def crop(image, boxes, size, scale, centre, border):
    """A window of size * scale around a random centre that keeps its distance from the border, zeros outside."""
    height, width = image.shape[:2]
    new_height, new_width = int(size[0] * scale), int(size[1] * scale)
    margins = []
    for length in (width, height):
        margin = border
        while length - margin <= margin:
            margin //= 2
        margins.append(margin)
    x = margins[0] + int(centre[0] * (width - 2 * margins[0])) - new_width // 2
    y = margins[1] + int(centre[1] * (height - 2 * margins[1])) - new_height // 2
    out = np.zeros((new_height, new_width, 3), image.dtype)
    left, right, top, bottom = max(x, 0), min(x + new_width, width), max(y, 0), min(y + new_height, height)
    out[top - y : bottom - y, left - x : right - x] = image[top:bottom, left:right]
    return out, boxes - np.array([x, y, x, y], np.float32)


def jitter(image, order, alpha):
    """Brightness (0), contrast (1) and saturation (2) in the given order and strengths, in place."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    towards = {0: np.float32(0), 1: grey.mean(), 2: grey[:, :, None]}
    for step in range(3):
        share = 1 + alpha[step]
        image *= share
        image += towards[int(order[step])] * (1 - share)
