"""Losses of one role side by side."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn


class Several(nn.Module):
    """Calls all of its losses, functions or modules, with the same -> what each gives, by its name."""

    def __init__(self, losses: Mapping[str, Callable]) -> None:
        super().__init__()
        self.learnt = nn.ModuleDict({name: loss for name, loss in losses.items() if isinstance(loss, nn.Module)})
        self.calls = list(losses.items())

    def forward(self, *given: Any) -> dict[str, Tensor]:
        """Return what each gives, by its name."""
        return {name: loss(*given) for name, loss in self.calls}


def by_name(role: str, found: Tensor | dict[str, Tensor]) -> dict[str, Tensor]:
    """What a loss gave, one term or several by name -> the same by name, one term by its role's."""
    return found if isinstance(found, dict) else {role: found}
