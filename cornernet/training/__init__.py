"""A run: its loop (engine), state, folder, log, signals, resuming, non-finite steps and their replay.

Called by the command train and its kin (check_data, show_data, replay_batch), and by experiments and profiling.
"""

from cornernet.training.check_data import REFUSED, Report, refused, report
from cornernet.training.optim import build_optimizer
from cornernet.training.parts import freeze, train_mode
from cornernet.training.replay import Replay
from cornernet.training.resuming import resumable
from cornernet.training.show_data import show
from cornernet.training.state import untrained

__all__ = [
    "REFUSED",
    "Replay",
    "Report",
    "build_optimizer",
    "freeze",
    "refused",
    "report",
    "resumable",
    "show",
    "train_mode",
    "untrained",
]
