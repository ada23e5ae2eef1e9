r"""A comparison as a table for a paper: a tabular with the rules of booktabs, to be read in by \input."""

import math
from collections.abc import Sequence
from statistics import mean, stdev

from cornernet.experiments.outputs import tables
from cornernet.experiments.results import Row
from cornernet.system.printing import printable
from cornernet.system.wording import plural

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\symbol{34}", "[": "{[}", "]": "{]}", "*": "{*}", "-": "{-}", "`": "{`}", "'": "{'}",
}  # fmt: skip
HEADS = {"AP50": r"AP\textsubscript{50}", "AP75": r"AP\textsubscript{75}", "AP90": r"AP\textsubscript{90}"}


def table(title: str, budget: str, rows: Sequence[Row]) -> str:
    """Title, the sentence of what each member was given, rows -> a tabular, in points of 100.

    The best figure of a column is bold where it is told apart from every other one of it, p by Holm within the column.
    """
    keys = list(dict.fromkeys(key for row in rows for key in row.label)) or [tables.MEMBER]
    seeds = len({len(row.seeds) for row in rows}) > 1
    head = [*map(escaped, keys), *(HEADS.get(name, name) for name in tables.SHOWN), *(["seeds"] if seeds else [])]
    bold = {name: told_best(rows, name) for name in tables.SHOWN}
    lines = [
        [*(escaped(row.label.get(key, "")) for key in keys),
         *(_figure(row.figures.get(name, ()), bold[name] == i) for name in tables.SHOWN),
         *([str(len(row.seeds))] if seeds else [])]
        for i, row in enumerate(rows)
    ]  # fmt: skip
    body = "\n".join(f"{' & '.join(line)} \\\\" for line in lines)
    columns = "l" * len(keys) + "c" * len(tables.SHOWN) + "r" * seeds
    return (
        f"{_comment(title, budget, rows)}\\begin{{tabular}}{{{columns}}}\n\\toprule\n{' & '.join(head)} \\\\\n"
        f"\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\n"
    )


def _comment(title: str, budget: str, rows: Sequence[Row]) -> str:
    """What a caption must say."""
    number = sorted({len(row.seeds) for row in rows})
    seeds = f"{' or '.join(map(str, number))} {plural(number[-1], 'seed')}"
    texts = [
        title, budget, f"AP in points of 100, mean and standard deviation over {seeds}, each of which is one training.",
        "Bold: the best, where paired t tests over the seeds tell it from all others, p corrected by Holm within its",
        "column. Needs \\usepackage{booktabs}.",
    ]  # fmt: skip
    return "".join(f"% {printable(text)}\n" for text in texts)


def told_best(rows: Sequence[Row], figure: str) -> int | None:
    """Place of the row whose figure is the best and told apart from that of every other row; None for none."""
    means = [mean(values) if (values := row.figures.get(figure)) else -math.inf for row in rows]
    first = max(range(len(rows)), key=means.__getitem__)
    name = tables.names(rows)[first]
    own = [pair for pair in tables.pairs(rows, figure) if name in (pair.first, pair.second)]
    return first if own and all(pair.told for pair in own) else None


def _figure(values: Sequence[float], bold: bool) -> str:
    if not values or min(values) < 0:
        return "--"
    middle = f"{mean(values) * tables.POINTS:.1f}"
    middle = f"\\mathbf{{{middle}}}" if bold else middle
    return f"${middle}" + (f" \\pm {stdev(values) * tables.POINTS:.1f}$" if len(values) > 1 else "$")


def escaped(text: str) -> str:
    """Text as LaTeX sets it, also at the beginning of a row, where a bracket would be an argument."""
    return "".join(SPECIAL.get(letter, letter) for letter in printable(text))
