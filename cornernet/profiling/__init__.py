"""Time: a config's training step, its growth, what a node would need; and every stage beside its floor."""

from cornernet.profiling.request import run
from cornernet.profiling.table import stages
from cornernet.profiling.training_step import random_batch, step

__all__ = ["random_batch", "run", "stages", "step"]
