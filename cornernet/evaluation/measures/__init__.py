"""A file a metric; the file's name is the name under which it is listed, those of its figures are what it measures.

A metric `found` is the file found.py here, or evaluation/measures/found.py of a plug-in, and declares

    HIGHER = True                           whether more is better; False: less
    def found(seen) -> float                what an evaluation knows -> a number of at least 0
    FIGURES = {"found": "measured how"}     optional: names with what they measure; `found` then returns a dict of these
    def shown(value) -> str                 optional: how a value is printed; without: three decimals

Without FIGURES there is one figure, of the function's name, and the first line of its docstring, or the file's, says
what it measures. -1 or NaN stands for nothing to measure, as on a set without images, on which every metric is tried
before a training. What is declared may also stand on the function itself. All figures are in every evaluation: table,
metrics.json, report, eval.csv, curves, TensorBoard; `train.metric` names the one that picks best.pt.

`seen` is an `Evaluated` (cornernet/evaluation/evaluated.py): the annotated objects, the detections, which is of which
(`seen.matches(0.5)`), COCO's precision and recall.
"""

from cornernet.evaluation.measure import Measure, by_figure, measure_of
from cornernet.registry import modules

MODULES = modules(__name__, __path__)
MEASURES: dict[str, Measure] = {name: measure_of(name, module) for name, module in MODULES.items()}
FIGURES: dict[str, Measure] = by_figure(MEASURES)
