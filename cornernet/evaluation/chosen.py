"""Which metric `train.metric` names, and with it all that an evaluation measures."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cornernet import registry
from cornernet.config import Config, elsewhere, untyped
from cornernet.evaluation.evaluated import nothing
from cornernet.evaluation.measure import Measure, by_figure, declared, figures_of
from cornernet.evaluation.measures import FIGURES, MEASURES

log = logging.getLogger("cornernet")


class Chosen(NamedTuple):
    """The figure that picks the best, its metric, and all metrics, this one among them."""

    figure: str
    measure: Measure
    measures: Mapping[str, Measure]

    def rank(self, figures: Mapping[str, float]) -> float:
        """Figures of an evaluation -> a number that is larger where they are better, see `Measure.rank`."""
        return self.measure.rank(figures[self.figure])


DEFAULT = Chosen("AP", FIGURES["AP"], MEASURES)


def chosen(name: str, typed: bool = False) -> Chosen:
    """Name of a figure or, where it was typed, dotted path of a metric, whose first figure counts -> Chosen.

    The metrics are tried on a set without images, so that none fails after hours. Raises ValueError, one sentence.
    """
    found = registry.own(registry.find("metric", name, FIGURES, "cornernet.evaluation.measures", typed))
    measure = found if isinstance(found, Measure) else declared(name, found)
    measures = {**MEASURES, measure.name: measure}
    by_figure(measures)
    figures_of(nothing(), measures)
    return Chosen(name if name in FIGURES else next(iter(measure.figures)), measure, measures)


def known(settings: Config, source: str | Path) -> Chosen:
    """The same for settings that came inside a file: a metric from elsewhere that nobody typed is left out, and said.

    Nothing is chosen there, so that a name of a plug-in that is not here is no error.
    """
    name = settings.train.metric
    if words := [word for word in untyped(settings, "train") if word.startswith("train.metric=")]:
        log.warning("%s; without that it is not measured", elsewhere.refusal(str(source), words))
    return chosen(name, typed=True) if "." in name and not words else DEFAULT
