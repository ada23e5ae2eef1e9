"""The page of a comparison: what it says, what it does with odd names, and how it opens in a browser."""

import re
from html import unescape

import pytest

from cornernet.experiments.outputs import images, page, save, tables
from tests.browsing import complaints, probed

OK, NO = True, False
A, B = (0.50, 0.51, 0.52), (0.60, 0.612, 0.619)
COURSE = [[(50 * k, 0.1 * k + seed / 100) for k in range(1, 7)] for seed in range(3)]
GRADIENTS = {"heatmap": [(0, 10.0), (20, 1.0)], "pull": [(0, 0.1), (20, 0.01)]}


@pytest.fixture
def written(hand, tmp_path):
    """Function (number of members, source, courses) -> the page, of members with hostile names, and its file."""

    def written(members, source=None, courses=False, name="<b>{}</b><script>document.title='taken'</script>"):
        hits = [[[OK, OK], [OK], [NO, NO], [OK, OK]], [[OK], [OK], [OK], []], [[OK, OK], [NO], [NO], [OK]]]
        names = [name.format(i) for i in range(members)]
        rows = [
            hand.row(name, [x + i / 40 for x in A], tmp_path, [hits[i % 3]] * 3)
            for i, name in enumerate("abcdefghijklmnopqrst"[:members])
        ]
        rows = [row._replace(label={"loss.box.name": name}) for row, name in zip(rows, names, strict=True)]
        source = source or (lambda: hand.Images([f"<b>{i}.png" for i in range(4)]))
        held = (dict.fromkeys(names, COURSE), dict.fromkeys(names, GRADIENTS)) if courses else ()
        shown = hand.subject(rows, source, *held)
        save(shown, tmp_path)
        path = tmp_path / "comparison" / "index.html"
        return path.read_text(encoding="utf-8"), path

    return written


def section(text, key):
    return re.search(rf'<section id="{key}">.*?</section>', text, re.DOTALL)[0]


def test_it_shows_all_that_there_is(written, tmp_path):
    text, _ = written(2, courses=True)
    assert re.findall(r'<section id="(\w+)">', text) == [
        "figures", "differences", "sizes", "classes", "courses", "images"
    ]  # fmt: skip
    values = [float(x) for x in re.findall(r'<data value="([^"]+)"', section(text, "figures"))]
    assert values[:2] == pytest.approx([0.51, 0.51]) and 400 in values and "Equal steps" in section(text, "figures")
    assert "cannot be told" in section(text, "differences") or "is above" in section(text, "differences")
    assert section(text, "courses").count("<img ") == 2 and section(text, "differences").count("<img ") == 1
    assert {path.name for path in tmp_path.iterdir() if path.suffix != ".npz"} == {
        "comparison", "comparison.csv", "comparison.md", "comparison.png", "comparison.tex", "differences.csv",
        "forest.png", "forest.svg", "gradients.png",
    }  # fmt: skip


def test_names_are_text(written):
    text, path = written(2)
    assert text.count("<script") == 1 and "taken&#x27;" in text and "<b>0" not in text
    assert path.stat().st_size < 3e6


def test_one_member_or_one_seed_is_shown_as_far_as_it_goes(hand, tmp_path):
    save(hand.subject([hand.row("a", A)]), tmp_path / "one")
    text = (tmp_path / "one" / "comparison" / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'<section id="(\w+)">', text) == ["figures", "sizes"]
    bare = hand.row("a", A)
    bare.figures.update(dict.fromkeys(tables.SIZES, [-1.0] * 3))
    assert re.findall(r'<section id="(\w+)">', page.document(hand.subject([bare]), {})) == ["figures"]
    save(hand.subject([hand.row("a", [0.5]), hand.row("b", [0.6])]), tmp_path / "seed")
    text = (tmp_path / "seed" / "comparison" / "index.html").read_text(encoding="utf-8")
    assert "cannot be told with 1 seed" in text
    save(hand.subject([]), tmp_path / "none")
    assert "no training is finished" in (tmp_path / "none" / "comparison.md").read_text()
    assert not (tmp_path / "none" / "comparison").exists()


def test_images_without_the_files_are_listed_by_name(written):
    def gone():
        raise FileNotFoundError("there is no folder <val>")

    part = section(written(2, gone)[0], "images")
    assert "there is no folder &lt;val&gt;" in part and "<img " not in part
    assert unescape(part).count("<b>2.png") == 1 and len(re.findall(r"<tr><td", part)) > 1


def test_a_damaged_file_of_matches_is_named(hand, tmp_path):
    hits = [[[OK, OK], [OK]], [[OK], [NO]], [[NO], [OK]]]
    rows = [hand.row(name, A, tmp_path, hits) for name in "ab"]
    (tmp_path / "a-1.npz").write_bytes(b"no archive")
    text = page.document(hand.subject(rows), {"forest": bytes(24)})
    assert "a-1.npz does not hold the matches" in section(text, "images") and "over 2 seeds" in section(text, "images")
    for path in tmp_path.glob("b-*.npz"):
        path.write_bytes(b"")
    assert "b-3.npz does not hold" in section(page.document(hand.subject(rows), {"forest": bytes(24)}), "images")


def test_the_images_are_those_where_the_first_and_the_best_other_differ(written):
    part = unescape(section(written(3)[0], "images"))
    assert "<bdi><b>0</b>" in part and "<bdi><b>2</b>" in part and "<bdi><b>1</b>" not in part
    assert 1 <= part.count("<img ") <= 2 * images.COUNT


def test_the_forest_turns_differences_towards_the_best(hand, monkeypatch):
    drawn = []
    monkeypatch.setattr(page.comparisons, "forest", lambda lines, *texts: drawn.append((lines, texts)))
    page._forest([hand.row("a", A), hand.row("best", B), hand.row("c", A)])
    (lines, (heading, _)) = drawn[0]
    assert heading == "AP minus that of best" and [line.name for line in lines] == ["a", "c"]
    assert all(line.mean == pytest.approx(-10.03, abs=0.01) and line.low < line.mean < line.high for line in lines)
    assert [line.told for line in lines] == [True, True] and "[-10.4 to -9.7]  n 3" in lines[0].text


# -- in a browser -----------------------------------------------------------------------------------------------

PRESS = """<script>addEventListener("load", () => {
  const table = document.querySelector("#figures table"), head = table.querySelectorAll("th")[1];
  const order = () => [...table.tBodies[0].rows].map(row => row.cells[0].textContent[3]).join("");
  const seen = [order()];
  for (let k = 0; k < 2; k++) { head.querySelector("button").click(); seen.push(order() + head.ariaSort); }
  document.body.innerHTML = "<pre id=seen>" + seen.join(" ") + "</pre>"; })</script>"""


def test_it_opens_in_a_browser_and_asks_for_nothing(browser, written):
    text, path = written(3, courses=True)
    run = browser(path, "--dump-dom")
    assert run.returncode == 0 and not complaints(run.stderr) and "<title>&lt;i&gt;compare" in run.stdout
    state = probed(browser, path, 500)
    assert len(state["images"]) == text.count("<img ") and min(state["images"]) > 0
    assert state["requests"] == [name for name in state["requests"] if name.startswith("data:")]
    assert state["wide"] <= state["view"]  # nothing sticks out to the side


def test_a_click_on_a_head_sorts(browser, written):
    text, path = written(3)
    pressed = path.with_name("pressed.html")
    pressed.write_text(re.sub("<meta http-equiv.*?>", "", text).replace("</body>", f"{PRESS}</body>"), encoding="utf-8")
    seen = re.search(r'<pre id="seen">(.*?)</pre>', browser(pressed, "--dump-dom").stdout)[1]
    assert seen == "012 210descending 012ascending"


def test_the_policy_lets_the_page_sort_and_nothing_else(browser, written):
    text, path = written(3)
    pressed = path.with_name("pressed.html")
    pressed.write_text(text.replace("</body>", f"{PRESS}</body>"), encoding="utf-8")
    run = browser(pressed, "--dump-dom")
    assert complaints(run.stderr) and 'id="seen"' not in run.stdout  # a script that is not the page's own
