"""train.patience: a run that has long been no better ends before its last step."""

import logging

from cornernet.system.wording import counted
from cornernet.training.state import State

log = logging.getLogger("cornernet")


def over(state: State, figure: str, tell: bool = True) -> bool:
    """Whether so many evaluations in a row brought no better figure that the run ends here, which is said if `tell`.

    The state counts them, so that a resumed run goes on counting.
    """
    train = state.config.train
    if train.patience is None or state.stale < train.patience or state.step >= train.steps:
        return False
    if tell:
        log.info(
            "%s in a row without a better %s (train.patience=%d): the run ends at step %d of %d; "
            "train.resume=auto with more patience goes on",
            counted(state.stale, "evaluation"), figure, train.patience, state.step, train.steps,
        )  # fmt: skip
    return True
