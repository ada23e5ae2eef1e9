"""Time and memory of a configuration: where they go, how they grow, what a node of GPUs would need.

`measure` times a step, `break_down` its parts and the loader, of which `advice` says what to do, `vary` one with a
quantity varied, `estimate` counts what other hardware would need, `check` holds that counting against this machine. All
return data; called by the command line and by benchmarks/.
"""

from cornernet.profiling.advising import advice
from cornernet.profiling.breakdown import Breakdown, Loading, Part, break_down
from cornernet.profiling.exponents import Exponent
from cornernet.profiling.growth import COSTS, Growth, Table, vary
from cornernet.profiling.quantities import QUANTITIES
from cornernet.profiling.reality import Reality, check
from cornernet.profiling.roofline import GIGA, TERA, Estimate, Machine, estimate, peak_rate
from cornernet.profiling.training_step import CLASSES, OBJECTS, Measured, measure, place, random_batch

__all__ = [
    "CLASSES",
    "COSTS",
    "GIGA",
    "OBJECTS",
    "QUANTITIES",
    "TERA",
    "Breakdown",
    "Estimate",
    "Exponent",
    "Growth",
    "Loading",
    "Machine",
    "Measured",
    "Part",
    "Reality",
    "Table",
    "advice",
    "break_down",
    "check",
    "estimate",
    "measure",
    "peak_rate",
    "place",
    "random_batch",
    "vary",
]
