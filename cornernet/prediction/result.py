"""What a prediction gives back: the objects found on one image, with their names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from cornernet import drawing
from cornernet.data import read_image
from cornernet.prediction.found import collected, to_results
from cornernet.structures import ImageDetections

if TYPE_CHECKING:
    import supervision


@dataclass(frozen=True, eq=False)
class Result:
    """Objects of one image, best first, on the CPU.

    `len(result)` is their number; `result[:5]`, `result[result.scores > 0.5]` and `result[0]` are Results of some of
    them, and a loop goes through them one by one.
    """

    boxes: Tensor  # [n, 4] float32, xyxy edges in the image's pixels, inside it
    scores: Tensor  # [n] float32
    labels: Tensor  # [n] int64, positions in class_names
    class_names: Sequence[str]
    category_ids: Sequence[int]  # of the annotation file that the detector was trained with
    source: str = ""  # file of the image; of a video with "#" and the number of the frame; empty for arrays
    image: np.ndarray | None = field(default=None, repr=False)  # [h, w, 3] uint8 BGR; None: in the file
    draw_score: float = 0.0  # objects below are not drawn unless `draw` is told to

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

    def draw(self, min_score: float | None = None) -> np.ndarray:
        """Image with boxes, names and scores, those below min_score (None: draw_score) left out -> a new one, BGR.

        Raises ValueError or FileNotFoundError if the image has to be read again and cannot be.
        """
        least = self.draw_score if min_score is None else min_score
        return drawing.draw(self.pixels(), self.boxes, self.labels, self.scores, self.class_names, least)

    def pixels(self) -> np.ndarray:
        """Image [h, w, 3] uint8 BGR, read from its file if it is not held."""
        return read_image(self.source) if self.image is None else self.image

    def to_coco(self, image_id: int | str) -> list[dict[str, Any]]:
        """Rows of COCO's results format: image_id, category_id, bbox (xywh) and score, nothing rounded."""
        found = ImageDetections(self.boxes, self.scores, self.labels)
        return to_results(collected([found], [image_id], self.category_ids))

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
