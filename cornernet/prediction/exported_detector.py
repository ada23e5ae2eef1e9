"""An exported file in place of a checkpoint, wherever images are predicted."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cornernet import config, graphs
from cornernet.checkpoints import check_numbers, from_file
from cornernet.config import Config, ranges
from cornernet.config.differences import differences
from cornernet.detectors import Predicting
from cornernet.prediction.canvas import Fits, FixedCanvas, OpenCanvas
from cornernet.structures import Detections, Keypoints
from cornernet.system.wording import counted, typed

AFTER = {  # of `test`: what happens to a file's rows; all else of the section is part of the graph
    "batch_size", "scales", "flip", "slices", "saccade", "nms", "max_per_image", "backend", "draw_score", "draw_line",
    "draw_labels", "report",
}  # fmt: skip
LONGEST = 2**31  # bytes that a protobuf, and so a .onnx, can have; no other file is longer
PIXELS = 2**26  # of all images that a file takes at once, at most
SIDE = 8192  # pixels of an open canvas, at most
INSIDE = ("model", "loss", "data.input_size", "data.mean", "data.std")  # of the other sections


class ExportedDetector(Predicting):
    """A file behind the part of a detector's interface that inference needs.

    run: images [B, 3, H, W] uint8 -> Rows and, of a file that glances, where attention points, on the CPU; canvas: what
    it takes; batch: the only number of images that it takes, None for any; classes: how many it names, None for any;
    path: of the file, for sentences; maps: of attention, by which its points are labelled.
    """

    def __init__(
        self, run: Callable[[Tensor], tuple[Tensor, ...]], canvas: Fits, batch: int | None, classes: int | None = None,
        path: str | Path = "the exported file", maps: int = 0,
    ):  # fmt: skip
        super().__init__()
        self.run = partial(_checked, run, classes, maps, path)  # which may be a module, and none of ours
        self.canvas, self.batch, self.path = canvas, batch, path

    def predict(self, images: Tensor) -> Detections:
        """Images [B, 3, H, W] uint8 BGR of a size of the canvas -> Detections in their pixels, best first."""
        boxes, scores, labels, *_ = self._answer(images)
        return Detections(boxes, scores, labels, scores, scores)

    def glance(self, images: Tensor) -> tuple[Detections, Keypoints]:
        """Do the same, with the points where to look closer; raises ValueError for a file that does not say."""
        boxes, scores, labels, *points = self._answer(images)
        if not points:
            raise ValueError(f"test.saccade.sides: {self.path} was exported without; export the checkpoint with them")
        return Detections(boxes, scores, labels, scores, scores), Keypoints(*points)

    def _answer(self, images: Tensor) -> tuple[Tensor, ...]:
        return self._fixed(images, self.batch) if self.batch else self.run(images)

    def _fixed(self, images: Tensor, batch: int) -> tuple[Tensor, ...]:
        """The same for a file that takes one number of images alone: the last ones are filled up with black."""
        count = len(images)
        short = -count % batch
        filled = torch.cat([images, images.new_zeros((short, *images.shape[1:]))])
        parts = [self.run(part) for part in filled.split(batch)]
        return tuple(torch.cat(part)[:count] for part in zip(*parts, strict=True))

    def fit_size(self, height: int, width: int) -> tuple[int, int]:
        """The file's canvas for such an image, which may be smaller than the image."""
        return self.canvas.fit_size(height, width)


def is_exported(path: str | Path) -> bool:
    """Whether a path names an exported file that can be run in place of a checkpoint, of a format that is safe."""
    return getattr(graphs.of_file(path), "SAFE", False)


def load(path: str | Path, overrides: Sequence[str] = ()) -> tuple[ExportedDetector, Config, dict[str, Any]]:
    """Exported file and `a.b=c` overrides of its config -> (detector, its config, what it says of its classes).

    Raises FileNotFoundError, or ValueError, one sentence, for a file that was not exported by this toolkit or by one
    too old, for overrides of what is part of the graph, and where a package is missing that runs it.
    """
    run, about = _open(Path(path))
    exported = from_file(about["config"], path)
    settings = config.override(exported, overrides)
    check_numbers(settings, overrides, path)
    ranges.searching(settings)
    for key, text in differences(about["config"], settings).items():
        if key == "test.precision":
            raise ValueError(f"{text}: {path} computes as it was written, with precision=fp32, fp16 or int8 of export")
        if _inside(key):
            raise ValueError(f"{text}: {key} is part of {path}, export the checkpoint again with {key}=...")
    if settings.test.nms.name == "merge":
        raise ValueError(
            f"test.nms.name=merge averages boxes by the scores of their corners, which {path} does not give; "
            "test.nms.name=soft_gaussian does without"
        )
    canvas = canvas_of(about)
    _check_scales(settings, canvas, path)
    batch = None if about["batch"] == "dynamic" else about["batch"]
    maps = len(settings.model.attention.sizes) + 1
    detector = ExportedDetector(run, canvas, batch, len(about["names"]), path, maps)
    held = {"class_names": about["names"], "category_ids": about["category_ids"], "best_f1": about.get("best_f1")}
    return detector.eval(), settings, held


def canvas_of(about: dict[str, Any]) -> FixedCanvas | OpenCanvas:
    """Metadata of a file -> the canvases that it takes."""
    if about["input_size"] != "dynamic":
        return FixedCanvas(tuple(about["input_size"]))
    return OpenCanvas(**{name: tuple(about["sizes"][name]) for name in OpenCanvas._fields})


def _checked(
    run: Callable[[Tensor], tuple[Tensor, ...]], classes: int | None, maps: int, path: str | Path, images: Tensor
) -> tuple[Tensor, ...]:
    """What a file gives; raises ValueError naming it where it cannot be run or this is not an export's."""
    try:
        boxes, scores, labels, *points = run(images)
    except Exception as error:  # what runs it has classes of its own for every reason, and it may give anything
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"{path} cannot be run on {list(images.shape)} as an export can ({reason})") from error
    if scores.ndim != 2 or boxes.shape != (*scores.shape, 4) or labels.shape != scores.shape:
        shapes = ", ".join(str(list(x.shape)) for x in (boxes, scores, labels))
        raise ValueError(f"{path} gives boxes, scores, labels of {shapes}, expected [B, N, 4], [B, N], [B, N]")
    if points and ([x.shape for x in points[1:]] != [points[0].shape[:2]] * 2 or points[0].shape[2:] != (2,)):
        raise ValueError(
            f"{path} gives points of {', '.join(str(list(x.shape)) for x in points)}, expected [B, K, 2], "
            "[B, K], [B, K]"
        )
    if points and not (points[0].isfinite().all() and ((points[2] >= 0) & (points[2] < maps)).all()):
        raise ValueError(f"{path} points at no place, or by another attention map than its {maps}")
    found = labels[scores >= 0]
    if classes is not None and len(found) and not 0 <= int(found.min()) <= int(found.max()) < classes:
        raise ValueError(f"{path} finds an object of class {int(found.max())}, but names {counted(classes, 'class')}")
    return boxes, scores, labels, *points


def _check_scales(settings: Config, canvas: FixedCanvas | OpenCanvas, path: str | Path) -> None:
    """Raise ValueError where images zoomed in on would only be shrunk again."""
    longest, zoom = settings.data.longest_side, max(settings.test.scales)
    size, unknown = (canvas.size, True) if isinstance(canvas, FixedCanvas) else (canvas.most, False)
    if zoom > 1 and (unknown if longest is None else zoom * longest > max(size)):
        raise ValueError(
            f"test.scales={settings.test.scales} does not fit {path}, whose images are {size[0]} x {size[1]} at most "
            f"(data.longest_side={typed(longest)}); leave scales above 1 out, or export it "
            "with a larger size"
        )


def _open(path: Path) -> tuple[Callable[[Tensor], tuple[Tensor, ...]], dict[str, Any]]:
    """File -> (function that runs it, its metadata); raises as `load` does."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    if (length := path.stat().st_size) > LONGEST:
        raise ValueError(f"{path} is no exported file: it holds {length} bytes, at most {LONGEST} are possible")
    form: Any = graphs.of_file(path)
    if lacking := graphs.missing(form, "RUNS_WITH"):
        raise ValueError(f"{path} needs {' and '.join(lacking)}: {form.INSTALL}")
    try:
        run, about = form.open(path)
    except Exception as error:  # what runs it has classes of its own for every reason
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"{path} is damaged or was not exported by this toolkit ({reason})") from error
    if not isinstance(about, dict) or "config" not in about:
        raise ValueError(f"{path} does not hold its config, as files do that are exported now: export it again")
    if not _plain(about):
        raise ValueError(f"{path} is damaged: its metadata are not as an export writes them, or ask for too much")
    return run, about


def _plain(about: dict[str, Any]) -> bool:
    """Whether what a file says of its input and classes is what an export writes, within what any may ask for."""
    lists = [about.get(key) for key in ("names", "category_ids")]
    names, ids = (x if isinstance(x, list) else [] for x in lists)
    batch, opened = 1 if about.get("batch") == "dynamic" else about.get("batch"), about.get("input_size") == "dynamic"
    return (
        isinstance(about["config"], dict)
        and len(names) == len(ids) > 0 and all(type(x) is str for x in names) and all(type(x) is int for x in ids)
        and (_growing(about.get("sizes"), batch) if opened else _fixed(about.get("input_size"), batch))
    )  # fmt: skip


def _fixed(size: Any, batch: Any) -> bool:
    """Whether (height, width) and a number of images are such."""
    sides = size if isinstance(size, list) else []
    numbers = len(sides) == 2 and all(type(x) is int and x > 0 for x in (*sides, batch))
    return numbers and batch * sides[0] * sides[1] <= PIXELS


def _growing(sizes: Any, batch: Any) -> bool:
    """Whether the fields of an OpenCanvas are such, and the number of images 1."""
    sides = [sizes.get(name) for name in OpenCanvas._fields] if isinstance(sizes, dict) else []
    if batch != 1 or not all(isinstance(x, list) and len(x) == 2 and all(type(n) is int for n in x) for x in sides):
        return False
    return bool(sides) and all(
        0 < multiple <= most and 0 <= less < multiple and 0 < least <= most <= SIDE
        and (least + less) % multiple == 0 and (most + less) % multiple == 0
        for multiple, less, least, most in zip(*sides, strict=True)
    )  # fmt: skip


def _inside(key: str) -> bool:
    """Whether a key of the config is part of the graph."""
    section, _, rest = key.partition(".")
    if section == "test":
        return rest.partition(".")[0] not in AFTER
    return any(key == name or key.startswith(f"{name}.") for name in INSIDE)
