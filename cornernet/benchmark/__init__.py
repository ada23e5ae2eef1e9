"""Time: the parts of one training step of a config, and every stage beside a plain formulation and its floor."""

from cornernet.benchmark.table import stages
from cornernet.benchmark.training_step import random_batch, step

__all__ = ["random_batch", "stages", "step"]
