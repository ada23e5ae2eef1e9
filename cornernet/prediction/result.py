"""What a prediction gives back: the objects found on one image, with their names."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import Tensor

from cornernet import drawing
from cornernet.data import WRITERS, ImageRecord, Labelled, read_image
from cornernet.prediction import media
from cornernet.prediction.crops import Crop, cut, write_crops
from cornernet.prediction.found import collected, to_results
from cornernet.prediction.thresholds import Least
from cornernet.structures import ImageDetections

if TYPE_CHECKING:
    import pandas
    import supervision


@dataclass(frozen=True, eq=False)
class Result:
    """Objects of one image, best first, on the CPU.

    `len(result)` is their number; `result[:5]`, `result[result.scores > 0.5]` and `result[0]` are Results of some of
    them, and a loop goes through them one by one. A notebook shows the drawing.
    """

    boxes: Tensor  # [n, 4] float32, xyxy edges in the image's pixels, inside it
    scores: Tensor  # [n] float32
    labels: Tensor  # [n] int64, positions in class_names
    class_names: Sequence[str]
    category_ids: Sequence[int]  # of the annotation file that the detector was trained with
    source: str = ""  # file of the image; of a video with "#" and the number of the frame; empty for arrays
    image: np.ndarray | None = field(default=None, repr=False)  # [h, w, 3] uint8 BGR; None: in the file
    draw_score: Least = 0.0  # of all, or of each class; objects below are not drawn unless `draw` is told to
    size: tuple[int, int] | None = None  # (height, width); None: that of the image
    bit_depth: int | str = "auto"  # data.bit_depth, by which the file is read again
    style: drawing.Style = drawing.STYLE  # of lines and labels in drawings

    @property
    def names(self) -> list[str]:
        """Class name of each object."""
        return [self.class_names[label] for label in self.labels.tolist()]

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, which: Any) -> "Result":
        """The objects that a number, slice, list, mask, array or tensor of indices chooses, as those of an array."""
        which = which.cpu().numpy() if isinstance(which, Tensor) else which
        chosen = torch.from_numpy(np.atleast_1d(np.arange(len(self))[which]).copy())
        rows = {name: getattr(self, name)[chosen] for name in ("boxes", "scores", "labels")}
        return replace(self, **rows)

    def __iter__(self) -> Iterator["Result"]:
        return (self[i] for i in range(len(self)))

    def filter(self, classes: str | Collection[str] | None = None, score: float | None = None) -> "Result":
        """The objects of these classes, one name or several, and of at least this score.

        Raises ValueError for a class that the detector does not have.
        """
        names = [classes] if isinstance(classes, str) else self.class_names if classes is None else list(classes)
        if unknown := [name for name in names if name not in self.class_names]:
            raise ValueError(f"there is no class {unknown[0]!r}; the detector has {', '.join(self.class_names)}")
        kept = torch.tensor([name in names for name in self.names], dtype=torch.bool)
        return self[kept if score is None else kept & (self.scores >= score)]

    # -- as an image --------------------------------------------------------------------------------------------

    def draw(self, min_score: Least | None = None, style: drawing.Style | None = None) -> np.ndarray:
        """Image with boxes, names and scores, those below min_score (None: draw_score) left out -> a new one, BGR.

        style: `Style(line=1, labels="none")`, from cornernet.drawing, in place of the own one, that of the config.
        Raises ValueError or FileNotFoundError if the image has to be read again and cannot be.
        """
        least = self.draw_score if min_score is None else min_score
        how = self.style if style is None else style
        return drawing.draw(self.pixels(), self.boxes, self.labels, self.scores, self.class_names, least, how)

    def save(self, path: str | Path, min_score: Least | None = None, style: drawing.Style | None = None) -> Path:
        """Write the drawing, by the ending of the path; into a folder, under the image's name -> its path.

        Raises ValueError where that would replace the image itself, OSError if it cannot be written.
        """
        path = Path(path)
        if path.is_dir():
            path = media.drawing(path, Path(Path(self.source or "image.png").name))
        if self.source and path.exists() and path.samefile(self.source):
            raise ValueError(f"{path} is the image itself, which its drawing would replace; give another path")
        media.write_image(path, self.draw(min_score, style))
        return path

    def crops(self, folder: str | Path | None = None) -> list[Crop]:
        """Cut each object out of the image, to whole pixels around its box -> its name, score and pixels, best first.

        With a folder they are also written into it, as CLASS/IMAGE-N.png.
        """
        found = cut(self.pixels(), self.boxes.tolist(), self.names, self.scores.tolist())
        if folder is not None:
            write_crops(Path(folder), found, Path(self.source or "image").name)
        return found

    def pixels(self) -> np.ndarray:
        """Image [h, w, 3] uint8 BGR, read from its file if it is not held."""
        return read_image(self.source, depth=self.bit_depth) if self.image is None else self.image

    def _repr_png_(self) -> bytes:
        """The drawing as PNG, by which notebooks show a result."""
        return cv2.imencode(".png", self.draw())[1].tobytes()

    # -- as text and tables -------------------------------------------------------------------------------------

    def to_coco(self, image_id: int | str) -> list[dict[str, Any]]:
        """Rows of COCO's results format: image_id, category_id, bbox (xywh) and score, nothing rounded."""
        found = ImageDetections(self.boxes, self.scores, self.labels)
        return to_results(collected([found], [image_id], self.category_ids))

    def rows(self) -> list[dict[str, Any]]:
        """A dict an object: name, category_id, score, and x1, y1, x2, y2 in pixels, nothing rounded."""
        ids = [self.category_ids[label] for label in self.labels.tolist()]
        each = zip(self.names, ids, self.scores.tolist(), self.boxes.tolist(), strict=True)
        return [
            {"name": name, "category_id": i, "score": score, **dict(zip(("x1", "y1", "x2", "y2"), box, strict=True))}
            for name, i, score, box in each
        ]

    def to_json(self) -> str:
        """`rows` as JSON."""
        return json.dumps(self.rows(), ensure_ascii=False)

    def to_pandas(self) -> "pandas.DataFrame":
        """`rows` as a table; raises ImportError, one sentence, without pandas."""
        try:
            import pandas
        except ImportError:
            raise ImportError("to_pandas needs pandas: pip install pandas") from None
        columns = ["name", "category_id", "score", "x1", "y1", "x2", "y2"]
        return pandas.DataFrame(self.rows(), columns=columns)

    def to_yolo(self, score: bool = False) -> str:
        """Lines `label x y width height` of a YOLO label file, shares of the image, and with `score` a sixth number."""
        labelled = self.labelled()
        return WRITERS["yolo"].text(labelled if score else labelled._replace(scores=None), self.class_names)

    def to_voc(self) -> str:
        """XML of Pascal VOC, edges as they are here (pixel i covers [i, i + 1]); each object has an element `score`."""
        return WRITERS["voc"].text(self.labelled(), self.class_names)

    def labelled(self, image_id: int | str = 1, file_name: str | None = None) -> Labelled:
        """The same as data formats take it; the image's size is read from its file where it is not known."""
        height, width = self.pixels().shape[:2] if self.size is None else self.size
        name = Path(self.source).name if file_name is None else file_name
        boxes, labels, scores = (x.double().numpy() for x in (self.boxes, self.labels, self.scores))
        return Labelled(ImageRecord(image_id, name, width, height), boxes, labels.astype(np.int64), scores)

    def to_supervision(self) -> "supervision.Detections":
        """The same for supervision's annotators and trackers; raises ImportError, one sentence, without it."""
        try:
            import supervision
        except ImportError:
            raise ImportError("to_supervision needs supervision: pip install supervision") from None
        return supervision.Detections(
            self.boxes.numpy(), confidence=self.scores.numpy(), class_id=self.labels.numpy(),
            data={"class_name": np.array(self.names, dtype=object)},
        )  # fmt: skip
