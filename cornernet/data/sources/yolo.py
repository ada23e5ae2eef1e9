"""YOLO: a text file an image, a line an object, `class x y w h` with the centre and the size as shares of the image.

What is known of the set beside the labels stands in a data.yaml, in the older obj.data with its .names and lists, or
nowhere: then the folders say it. Of a polygon, `class x1 y1 x2 y2 x3 y3 ...`, the box around it is taken.
"""

from collections.abc import Iterator
from pathlib import Path

from cornernet.data.annotations import Asked, Content
from cornernet.data.annotations.sizes import known_size
from cornernet.data.annotations.yolo_images import images as listed
from cornernet.data.annotations.yolo_labels import Labels, beside
from cornernet.data.annotations.yolo_settings import Listing, listing, settings_file
from cornernet.data.annotations.yolo_shapes import keypoints, rotated
from cornernet.data.problems import Problems
from cornernet.system.wording import counted

MOST = 2**24  # bytes of a label file
HIGHEST = 2.0  # of a share; what lies beyond it was meant as pixels
Row = tuple[int, tuple[float, float, float, float]]  # class and box


def recognises(path: Path) -> bool:
    """Whether a path is a data.yaml or obj.data, or a folder with one or with label files beside its images."""
    return settings_file(path) is not None or (path.is_dir() and beside(path))


def splits(path: Path) -> set[str]:
    """Which of "train" and "val" the settings or the folders of a set tell apart."""
    return set(listing(path).parts) & {"train", "val"}


def parse(asked: Asked, problems: Problems) -> Content:
    """Folder, data.yaml or obj.data -> Content; an image without a label file, or with an empty one, is background.

    Raises ValueError naming the file that says where the images are, if they are not there, and for a set without a
    single label file.
    """
    held = listing(asked.path)
    _check_count(held, problems)
    root, names, whole = listed(held, asked)
    labels = Labels(root, asked)
    images, annotations, numbers = [], [], set()
    for at, name in enumerate(names, 1):
        width, height = known_size(f"{root}/{name}")
        images.append({"id": at, "file_name": name, "width": width, "height": height})
        for line, (number, box) in _rows(labels, name, held.pose, problems):
            numbers.add(number)
            bbox = _pixels(box, width or 1, height or 1)
            annotations.append({"id": line, "image_id": at, "category_id": number, "bbox": bbox})
    labels.require(names, asked.path)
    if whole:
        labels.tell_unused(problems)
    return Content(images, annotations, _categories(held, numbers), root, by_name=True)


def _check_count(held: Listing, problems: Problems) -> None:
    """Note a number of classes that is not that of their names."""
    if held.told not in (None, len(held.names)):
        names = f"{counted(len(held.names), 'class')}: {', '.join(held.names.values())}"
        text = f"{held.file} says nc {held.told} and names {names}"
        problems.repair("another number of classes than names", text, "the names count")


def _categories(held: Listing, numbers: set[int]) -> list[dict]:
    """Classes by name, or the numbers that labels have where nothing names them."""
    names = held.names or {number: str(number) for number in numbers}
    return [{"id": number, "name": name} for number, name in names.items()]


def _rows(labels: Labels, image: str, pose: bool, problems: Problems) -> Iterator[tuple[str, Row]]:
    """Name of an image -> for each line of its label file where it stands, its class and its box."""
    for line, text in labels.lines(image, MOST, problems):
        where, fields = f"{labels.last}, line {line}", text.split()
        row = _row(fields, where, pose, problems)
        if isinstance(row, str):
            problems.skip("bad label line", f"{where}: {row}, got {text!r}")
        else:
            yield where, row


def _row(fields: list[str], where: str, pose: bool, problems: Problems) -> Row | str:
    """Fields of a line -> (class, (left, top, width, height) as shares of the image), or why not.

    Noted is what is taken for keypoints although nothing says so, and a rotated box of which the upright one is left.
    """
    try:
        number, values = float(fields[0]), list(map(float, fields[1:]))
    except ValueError:
        return "expected a class number and shares of the image"
    if not (abs(number) < MOST and number == int(number)):
        return "expected a whole number for the class"
    keyed = len(values) > 5 and (pose or keypoints(values[:4], values[4:]))
    if len(values) in (4, 5) or keyed:  # the fifth is a score
        if keyed and not pose:
            text = f"{where}: {(len(values) - 4) // 3} keypoints seem to follow the box, and kpt_shape is not given"
            problems.repair("keypoints without kpt_shape", text, "passed over; the box is used")
        x, y, w, h = values[:4]
        box = (x - w / 2, y - h / 2, w, h)
    elif len(values) < 6 or len(values) % 2:
        return "expected `class x y w h` or a polygon `class x1 y1 x2 y2 x3 y3 ...`"
    else:
        xs, ys = values[::2], values[1::2]
        if rotated(xs, ys):
            problems.repair("rotated box", f"{where}: four corners of a rotated box", "the upright box around is used")
        box = (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
    if not all(-HIGHEST <= value <= HIGHEST for value in values):  # NaN fails it as well
        return "expected shares of the image from 0 to 1; are these pixels?"
    return int(number), box


def _pixels(box: tuple[float, float, float, float], width: int, height: int) -> list[float]:
    x, y, w, h = box
    return [x * width, y * height, w * width, h * height]
