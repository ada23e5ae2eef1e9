"""A config that follows from a data set: what is measured of it (facts), what that decides, and the file with reasons.

Called by the command auto. Nothing is trained here: decisions are a pure function of facts and means.
"""

from cornernet.recipes.choices import Choice, decide
from cornernet.recipes.facts import ClassFacts, Facts, measured
from cornernet.recipes.means import Means
from cornernet.recipes.recipe import Recipe, write

__all__ = [
    "Choice",
    "ClassFacts",
    "Facts",
    "Means",
    "Recipe",
    "decide",
    "measured",
    "write",
]
