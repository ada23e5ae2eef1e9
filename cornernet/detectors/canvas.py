"""What images look like to a network: the sizes it takes, and a batch made ready for it."""

from typing import TypeVar

from torch import Tensor, nn

from cornernet import backbones
from cornernet.config import Config, Data, untyped
from cornernet.config.transforms import whole_images
from cornernet.data import normalise, prepare
from cornernet.structures import Batch

Loss = TypeVar("Loss", bound=nn.Module)
Colour = tuple[float, float, float]  # blue, green, red


def fit_size(
    height: int, width: int, multiple: int, slack: tuple[int, int], least: tuple[int, int] = (0, 0)
) -> tuple[int, int]:
    """Smallest (height, width), not below `least`, that holds an image and is `slack` short of multiples."""
    height, width = max(height, least[0]), max(width, least[1])
    return _round_up(height + slack[0], multiple) - slack[0], _round_up(width + slack[1], multiple) - slack[1]


def required(loss: Loss | None) -> Loss:
    """Return the loss of a detector that is asked for one; raises ValueError if it was built without."""
    if loss is None:
        raise ValueError("this detector was built to predict and has no loss; detectors.build makes one that has")
    return loss


def least(data: Data) -> tuple[int, int]:
    """A network trained on whole images in a padded input knows no other frame, so it is shown them in the same."""
    return data.input_size if whole_images(data.transforms) else (0, 0)


def colours(config: Config) -> tuple[Colour, Colour]:
    """Mean and standard deviation that images are normalised with, those of the backbone where the config has null.

    Raises ValueError for a backbone that is unknown.
    """
    data = config.data
    if data.mean is not None and data.std is not None:
        return data.mean, data.std
    mean, std = backbones.colours(config.model.backbone, typed=not untyped(config, "model.backbone"))
    return data.mean or mean, data.std or std


def slack(input_size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """How far (height, width) fall short of multiples of the stride; raises ValueError naming the nearest right."""
    short = -input_size[0] % multiple, -input_size[1] % multiple
    if min(input_size) < 1 or max(short) > 3:
        height, width = (" or ".join(map(str, _near(size, multiple))) for size in input_size)
        raise ValueError(
            f"data.input_size {list(input_size)} does not suit a network that reduces its input to 1/{multiple}: "
            f"each side must be a multiple of {multiple} or up to 3 less; nearest: height {height}, width {width}"
        )
    return short


def _near(size: int, multiple: int) -> list[int]:
    """The multiples around a size, positive ones alone."""
    below = size // multiple * multiple
    return [n for n in (below, below + multiple) if n > 0] or [multiple]


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def training_images(batch: Batch, mean: Tensor, std: Tensor) -> Tensor:
    """Images of a batch with the changes drawn for them, normalised -> [B, 3, H, W] float32."""
    return prepare(batch, mean, std)


def plain_images(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Images [B, 3, H, W] uint8 BGR -> normalised, float32."""
    return normalise(images.float() / 255, mean, std)
