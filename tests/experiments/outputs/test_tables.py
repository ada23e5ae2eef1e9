"""Tables of a comparison: their cells, and how Markdown and LaTeX write them."""

import re
import shutil
import subprocess

import pytest

from cornernet.evaluation import Metrics
from cornernet.experiments.outputs import latex, markdown, save, tables

HOSTILE = r"\input{x} a|b $x_1$ & 50% #1 {y} ~^ <i> [2] *-- `'" + '"'
A, B, C = (0.50, 0.51, 0.52), (0.60, 0.612, 0.619), (0.601, 0.611, 0.62)


def texts(table):
    return [[cell.text for cell in line] for line in table.rows]


def test_figures_are_means_with_their_spread_and_costs(hand):
    rows = [hand.row("giou", [0.4, 0.6]), hand.row("ciou", [0.5])]
    table = tables.figures(rows)
    assert table.head == ["loss.box.name", "AP", "AP50", "AP75", "AP90", "seeds", "steps", "minutes", "images/s", "MiB"]
    first, second = texts(table)
    assert first == ["giou", *["0.500 ± 0.141"] * 4, "2", "400", "2.0", "30", "900"] and second[1] == "0.500"
    assert table.rows[0][1].value == pytest.approx(0.5)
    assert tables.figures([row._replace(minutes=[-1.0], memory=[]) for row in rows]).head[5:] == [
        "seeds",
        "steps",
        "images/s",
    ]
    searched = tables.figures([rows[0]._replace(searched="loss.box.weight=2"), rows[1]])
    assert searched.head[1] == "searched" and [line[1] for line in texts(searched)] == ["loss.box.weight=2", "-"]


def test_the_figures_shown_are_figures_of_an_evaluation():
    assert {*tables.SHOWN, *tables.SIZES} <= set(Metrics.__annotations__)


def test_what_could_not_be_measured_is_a_dash_that_is_sorted_as_nothing():
    assert tables.spread([0.5, -1.0]) == tables.spread([]) == ("-", None)


def test_rows_of_one_name_are_told_apart(hand):
    rows = [hand.row("giou", A), hand.row("giou", B), hand.row("giou", C)]
    assert tables.names(rows) == ["giou", "giou (2)", "giou (3)"]
    assert len(tables.pairs(rows)) == 3 and len(texts(tables.figures(rows))) == 3


def test_the_best_is_one_of_those_with_the_most_seeds(hand):
    assert tables.best([hand.row("a", A), hand.row("b", [0.9]), hand.row("c", C), hand.row("d", A)]) == 2


def test_classes_have_a_line_each_and_how_far_the_members_lie_apart(hand):
    table = tables.classes([hand.row("a", [0.5, 0.5]), hand.row("b", [0.6, 0.7])])
    assert table.head == ["class", "a", "b", "apart, points"]
    assert texts(table)[0] == [hand.CLASSES[0], "0.500 ± 0.000", "0.650 ± 0.071", "15.0"] and len(table.rows) == 3


def test_differences_are_cells_in_points(hand):
    (line,) = tables.differences(tables.pairs([hand.row("a", A), hand.row("b", B)])).rows
    assert [cell.text for cell in line[:2]] == ["b - a", "+10.0"] and line[1].value == pytest.approx(0.10, abs=1e-3)
    assert line[5].text == "b is above a by 10.0" and re.fullmatch(r"\+9\.\d to \+10\.\d", line[2].text)
    (one,) = tables.differences(tables.pairs([hand.row("a", [0.5]), hand.row("b", [0.6])])).rows
    assert [cell.text for cell in one[1:4]] == ["+10.0", "-", "-"]


def test_a_hostile_name_ends_no_cell_and_begins_no_html(hand):
    text = markdown.whole(HOSTILE, "Equal steps.", [hand.row(HOSTILE + "\n|", A), hand.row("b", B)])
    for line in text.splitlines():
        if line.startswith("|"):
            assert not re.search(r"(?<!\\)<", line)
    table = [line for line in text.splitlines() if line.startswith("|")][:4]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1


def test_a_name_is_no_link_image_code_or_emphasis():
    assert markdown.escaped("![x](http://e/x.png) `a` *b*") == r"!\[x](http://e/x.png) \`a\` \*b\*"
    assert markdown.escaped("a\\|b") == r"a\\\|b"  # else the stroke would end the cell


def test_no_two_are_called_the_same(hand):
    names = tables.names([hand.row(name, A) for name in ("b", "b", "b (2)", "b", "b (2)")])
    assert names == ["b", "b (2)", "b (2) (2)", "b (3)", "b (2) (3)"]


def test_the_file_has_sizes_classes_unit_and_budget(hand):
    rows = [hand.row("a", A), hand.row("b", B)]
    text = markdown.whole("compare-x", "Equal steps: each member was trained for 400.", rows)
    assert text.startswith("# compare-x\n\nEqual steps") and markdown.brief(rows) in text and markdown.UNIT in text
    assert "## By size" in text and "## By class" in text and r"\<script>alert(1)\</script>" in text
    assert markdown.brief([]) == "no training is finished"


def test_of_many_members_those_with_the_best_are_printed(hand):
    rows = [hand.row(f"m{i}", [x + i / 50 for x in A]) for i in range(7)]
    text = markdown.brief(rows)
    assert "p corrected for 21 by Holm, those with m6 shown" in text
    assert len(text.partition("shown:\n\n")[2].splitlines()) == 2 + 6


# -- LaTeX ------------------------------------------------------------------------------------------------------


def test_bold_is_only_what_is_told_apart_from_all_others(hand):
    a, b, c = hand.row("a", A), hand.row("b", B), hand.row("c", C)
    assert latex.told_best([a, b], "AP") == 1 and latex.told_best([b, a], "AP") == 0
    assert latex.told_best([a, b, c], "AP") is None  # c is above b by too little
    assert latex.told_best([a], "AP") is None and latex.told_best([a, hand.row("b", [0.9])], "AP") is None
    text = latex.table("x", "y", [a, b])
    assert text.count(r"\mathbf{61.0} \pm 1.0") == 4 and text.count(r"\mathbf") == 4


def test_a_table_for_a_paper_says_what_it_is(hand):
    text = latex.table("compare", "Equal steps.", [hand.row("a", A), hand.row("b", [0.5])])
    assert text.startswith(
        "% compare\n% Equal steps.\n% AP in points of 100, mean and standard deviation over 1 or 3 seeds"
    )
    assert (
        r"\begin{tabular}{lccccr}" in text and "seeds \\\\" in text and "$50.0$" in text and "$51.0 \\pm 1.0$" in text
    )
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert text.count(rule) == 1
    missing = hand.row("b", [0.5])
    missing.figures["AP90"] = [-1.0]
    assert "& -- &" in latex.table("", "", [missing, hand.row("a", A)])


def test_special_characters_are_set_as_they_are():
    assert latex.escaped("a_b & c%") == r"a\_b \& c\%" and latex.escaped("\n") == r"\textbackslash{}n"
    assert latex.escaped(r"\x{[*--") == r"\textbackslash{}x\{{[}{*}{-}{-}"


@pytest.mark.slow
def test_latex_sets_it(hand, tmp_path):
    if shutil.which("pdflatex") is None:
        pytest.skip("needs pdflatex on the PATH")
    rows = [hand.row(HOSTILE, A), hand.row("[1, 2]", B)]
    save(hand.subject(rows), tmp_path)
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\usepackage[T1]{fontenc}\\begin{document}"
        "\\begin{table}\\input{comparison}\\caption{x}\\end{table}\\end{document}"
    )
    run = subprocess.run(["pdflatex", "-halt-on-error", "paper"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0 and "Warning: Citation" not in run.stdout, run.stdout[-2000:]
