"""What an audit leaves on disk: the page, audit.json and the corrected annotations."""

import json
import re

import numpy as np
import pytest

from cornernet.data import ShapesSet
from cornernet.data import write as write_shapes
from cornernet.drawing import colour
from cornernet.evaluation.audit import KINDS, Finding, audit_checkpoint
from cornernet.evaluation.audit.corrected import corrected
from cornernet.evaluation.audit.page import MOST, document
from cornernet.evaluation.audit.pictures import picture
from cornernet.evaluation.audit.run import contents, write
from tests.browsing import complaints, probed

EVIL = "<script>alert(1)</script>"


def wrong(labelled):
    """One of each kind of wrong label -> the set's audit, with a pair of images."""
    labelled.annotations.remove(labelled.of(4)[1])
    labelled.of(7)[4]["bbox"] = [114, 110, 40, 30]
    swapped = labelled.of(9)[0]
    swapped["category_id"] = next(x for x in labelled.category_ids if x != swapped["category_id"])
    labelled.label(2, [21, 101, 40, 30], labelled.of(2)[3]["category_id"])
    labelled.label(11, [40, 160, 40, 30], 5)
    found = labelled.audit()
    found.findings.append(Finding("alike", 0.9, 0, 0, "0.png", other=("val", 1, "1.png")))
    return found


def test_the_page_shows_every_finding(labelled):
    found = wrong(labelled)
    html = document(found, {"val": labelled}, "runs/best.pt")
    assert sorted(x.kind for x in found.findings) == sorted(KINDS)
    assert html.count('<figure class="photograph">') == 6 == html.count("data:image/jpeg;base64,")
    for kind, meaning in KINDS.items():
        assert html.count(f'<section id="{kind}">') == 1 and meaning.capitalize() in html
    assert "30 images, 151 labels, 6 findings of sureness 0.5 or more" in html
    assert "default-src 'none'" in html and "<script" not in html


def test_names_are_escaped(labelled):
    labelled.class_names = [EVIL, f'"{EVIL}', "c"]
    for x in labelled.images:
        x["file_name"] = f"{EVIL}{x['id']}\u202e.png"
    found = wrong(labelled)
    found.unreadable.append(EVIL)
    html = document(found, {"val": labelled}, EVIL)
    assert EVIL not in html and html.count("<script") == 0 and "&lt;script&gt;alert(1)" in html
    assert all("<bdi>" in part for part in re.findall(r"<figcaption>.*?</figcaption>", html))


def test_an_image_that_cannot_be_shown_is_said(labelled):
    found = wrong(labelled)

    def image(i):
        raise OSError(f"<i>{i} is gone")

    labelled.image = image
    html = document(found, {"val": labelled}, "x")
    assert "<figure" not in html and html.count("is gone</p>") == 6 and "<i>4" not in html


def test_the_page_is_bounded(labelled):
    one = Finding("spurious", 0.8, 0, 0, "0.png", 0, (10, 10, 50, 40), None, "a")
    found = labelled.audit()
    found.findings += [one] * (MOST + 5)
    html = document(found, {"val": labelled}, "x")
    assert html.count("<figure ") == MOST and f"The {MOST} surest of {MOST + 5} are shown" in html
    assert len(html) < MOST * 40_000


def test_a_page_without_findings(labelled):
    html = document(labelled.audit(), {"val": labelled}, "x")
    assert html.count("<section") == 1 and "0 findings" in html


def painted(part):
    """Whether the colour of the first class is in a part of a picture."""
    return bool((abs(part.astype(int) - colour(0)).max(2) == 0).any())


def test_what_is_labelled_is_left_and_what_was_found_right(labelled):
    labelled.annotations = []
    box, other = (60.0, 60.0, 100.0, 90.0), (61.0, 60.0, 99.0, 90.0)
    cases = {
        (False, True): Finding("missing", 0.8, 0, 0, "0.png", None, None, box, None, "a", 5, 0.9),
        (True, False): Finding("spurious", 0.8, 0, 0, "0.png", 0, box, None, "a"),
        (True, True): Finding("box", 0.8, 0, 0, "0.png", 0, box, other, "a", "a", 5, 0.9),
    }
    for sides, found in cases.items():
        drawing = picture(found, {"val": labelled}, "val")
        half = drawing.shape[1] // 2
        assert (painted(drawing[:, :half]), painted(drawing[:, half:])) == sides
        assert 200 < drawing.shape[0] <= 230  # of 100 x 90 pixels around the box, not of the whole image
        assert not painted(drawing[:30]) and not painted(drawing[-30:])


def test_boxes_at_the_edge_and_of_a_pixel_are_drawn(labelled):
    found = labelled.audit()
    for box in ((0, 0, 1, 1), (199, 199, 200, 200), (0, 0, 200, 200), (0, 100, 200, 101)):
        found.findings.append(Finding("box", 0.8, 0, 0, "0.png", 0, box, (5, 5, 9, 9), "a", "a", 5, 0.9))
    assert document(found, {"val": labelled}, "x").count("<figure ") == 4


def test_corrected_annotations_keep_every_label_and_add_proposals(labelled):
    found = wrong(labelled)
    before = labelled.coco()
    after = corrected(before, found.findings)
    assert before == labelled.coco() and [x["id"] for x in after["annotations"]] == list(range(1, 155))
    kept, added = after["annotations"][:151], after["annotations"][151:]
    assert [{k: v for k, v in x.items() if k != "attributes"} for x in kept] == before["annotations"]
    assert sorted(x["attributes"]["audit"] for x in kept if "attributes" in x) == [
        "box",
        "class",
        "doubled",
        "spurious",
    ]
    assert sorted(x["attributes"]["audit"] for x in added) == ["proposed box", "proposed class", "proposed missing"]
    (new,) = [x for x in added if x["attributes"]["audit"] == "proposed missing"]
    assert new["image_id"] == 4 and np.allclose(new["bbox"], [80, 10, 40, 30], atol=4) and new["iscrowd"] == 0
    assert new["category_id"] in labelled.category_ids and 0.5 <= new["attributes"]["sureness"] <= 1


def test_classes_of_one_name_keep_their_ids(labelled):
    labelled.class_names = ["a", "a", "a"]
    gone = labelled.of(4)[1]
    labelled.annotations.remove(gone)
    (added,) = corrected(labelled.coco(), labelled.audit().findings)["annotations"][149:]
    assert added["category_id"] == gone["category_id"]


def test_audit_json_says_what_is_where(labelled, tmp_path):
    found = wrong(labelled)
    write(found, {"val": labelled}, tmp_path, "x")
    held = json.loads((tmp_path / "audit.json").read_text())
    assert held == json.loads(json.dumps(contents(found))) and held["images"] == 30
    rows = {x["kind"]: x for x in held["findings"]}
    assert list(rows) == [x.kind for x in found.findings]
    labels = {x["id"]: x for x in json.loads((tmp_path / "corrected" / "val.json").read_text())["annotations"]}
    for kind in ("box", "class", "doubled", "spurious"):
        of = labels[rows[kind]["annotation"]]
        x, y, width, height = of["bbox"]
        assert rows[kind]["box"] == [x, y, x + width, y + height] and of["attributes"]["audit"] == kind
        assert rows[kind]["class_said"] == labelled.class_names[labelled.category_ids.index(of["category_id"])]
    assert rows["missing"]["box"] is None is rows["missing"]["annotation"] and rows["missing"]["image"] == "4.png"
    assert rows["alike"]["other"] == {"split": "val", "image": "1.png"}


@pytest.mark.parametrize("split", ["val", "train"])
def test_a_checkpoint_is_audited(tiny_run, tmp_path, split):
    found, folder = audit_checkpoint(tiny_run / "last.pt", split, out=tmp_path, least=0.01)
    assert folder == tmp_path and found.split == split and found.seen == (split == "train") and found.images > 0
    held = json.loads((tmp_path / "corrected" / f"{split}.json").read_text())
    assert len(held["images"]) == found.images
    html = (tmp_path / "index.html").read_text()
    assert ("learnt by heart" in html) == (split == "train") and "tiny/last.pt" in html


def test_a_validation_set_alone_is_enough(tiny_run, tmp_path, caplog):
    """Of the training set, only the images are compared: where it is gone, that is said."""
    write_shapes(tmp_path, ShapesSet("val", 3, 48))
    val = [f"data.val.images={tmp_path}/images/val", f"data.val.annotations={tmp_path}/annotations/val.json"]
    words = ["data.name=coco", f"data.train.annotations={tmp_path}/gone.json", *val]
    found, _ = audit_checkpoint(tiny_run / "last.pt", "val", words, tmp_path / "out")
    assert found.images == 3 and "compared with one another alone" in caplog.text
    with pytest.raises(FileNotFoundError, match=r"gone\.json"):
        audit_checkpoint(tiny_run / "last.pt", "train", words, tmp_path / "out")


def test_an_unreadable_image_is_left_out_and_named(tiny_run, tmp_path):
    write_shapes(tmp_path, ShapesSet("val", 3, 48))
    (tmp_path / "images" / "val" / "000002.png").write_bytes(b"broken")
    labels = f"annotations={tmp_path}/annotations/val.json"
    where = [f"data.{split}.{key}" for split in ("train", "val") for key in (f"images={tmp_path}/images/val", labels)]
    found, folder = audit_checkpoint(tiny_run / "last.pt", "val", ["data.name=coco", *where], tmp_path / "out")
    assert found.unreadable == ["000002.png"] and found.images == 2
    assert "000002.png" in (folder / "index.html").read_text()
    assert [x.other for x in found.of("alike")] == [("train", 0, "000001.png"), ("train", 2, "000003.png")]


def test_it_opens_in_a_browser(labelled, tmp_path, browser):
    write(wrong(labelled), {"val": labelled}, tmp_path, "x")
    plain = browser(tmp_path / "index.html", "--dump-dom")
    assert plain.returncode == 0 and not complaints(plain.stderr)
    state = probed(browser, tmp_path / "index.html", 500)
    assert len(state["images"]) == 6 and min(state["images"]) > 0 and state["wide"] <= state["view"]
    assert all(name.startswith("data:") for name in state["requests"])
