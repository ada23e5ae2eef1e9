"""What the numbers of a YOLO line draw, where the line does not say it: keypoints behind a box, or a rotated box."""

BESIDE = 0.1  # shares of a box by which its keypoints may lie outside
SKEW = 0.02  # of the diagonal, by which written corners may miss those of a parallelogram
VISIBLE = {0.0, 1.0, 2.0}  # what the third number of a keypoint may be


def keypoints(box: list[float], others: list[float]) -> bool:
    """Centre and size of a box and the numbers behind it, shares of the image -> whether they are `x y visible ...`.

    A polygon has other numbers where the visibility stands, unless it runs along the border of the image, and then
    its points are not around the first one.
    """
    if len(others) % 3 or not set(others[2::3]) <= VISIBLE:
        return False
    x, y, w, h = box
    points = [(px, py) for px, py, seen in zip(others[::3], others[1::3], others[2::3], strict=True) if seen]
    reach_x, reach_y = w * (0.5 + BESIDE), h * (0.5 + BESIDE)
    return all(abs(px - x) <= reach_x and abs(py - y) <= reach_y for px, py in points) and min(w, h) > 0


def rotated(xs: list[float], ys: list[float]) -> bool:
    """Points of an outline -> whether they are the corners of a rectangle whose sides lean.

    As shares of an image that is not square a rectangle is a parallelogram.
    """
    if len(xs) != 4:
        return False
    diagonal = max(max(side) - min(side) for side in (xs, ys))
    miss = max(abs(side[0] + side[2] - side[1] - side[3]) for side in (xs, ys))
    leans = all(min(abs(xs[at] - xs[at - 1]), abs(ys[at] - ys[at - 1])) > SKEW * diagonal / 2 for at in range(4))
    return miss <= SKEW * diagonal and leans
