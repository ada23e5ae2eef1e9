"""The losses that a config names, built with what the detector knows, and their weights: as given, or as declared."""

from collections.abc import Callable

from torch import Tensor

from cornernet.config import Config, roles, untyped
from cornernet.losses import build_from, declared


def build_losses(
    config: Config, num_classes: int, dim: int, progress: Tensor
) -> tuple[dict[str, Callable], dict[str, float]]:
    """Config and what the detector knows -> the losses and their weights, both by role.

    dim: length of a row of features; progress: `Detector.progress`. Raises ValueError, one sentence, for a loss that
    cannot be built or declares what cannot be.
    """
    asked = roles(config)
    typed = not untyped(config, *(f"loss.{role}" for role in asked))
    known = {"num_classes": num_classes, "image_size": tuple(config.data.input_size), "progress": progress}
    given = {role: {**known, "dim": dim} if role == "feature" else known for role in asked}
    built = {
        role: build_from(role, asked[role].name, asked[role].args, given[role], typed)
        for role in sorted(asked, key=lambda role: role != "feature")  # it draws random numbers
    }
    own = {role: declared(role, built[role], f"{role} loss {loss.name!r}").weight for role, loss in asked.items()}
    return built, {role: own[role] if loss.weight is None else loss.weight for role, loss in asked.items()}
