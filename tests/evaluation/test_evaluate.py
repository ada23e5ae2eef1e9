"""Metrics against pycocotools itself, its traps, the report, and evaluation of a detector that knows the truth."""

import contextlib
import copy
import gc
import io
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from cornernet.config import Nms
from cornernet.evaluation.evaluate import evaluate, predictions
from cornernet.evaluation.metrics import FIGURES, table, write
from cornernet.evaluation.report import Options
from cornernet.evaluation.scoring import coco_metrics
from cornernet.prediction.found import collected, from_results, to_results
from cornernet.structures import Detections, ImageDetections


def truth(boxes: list, names: tuple[str, ...] = ("cat", "dog"), images: int = 2) -> dict:
    """Rows image_id category_id x y w h -> COCO dict with ids from 1."""
    return {
        "images": [{"id": i, "width": 100, "height": 100, "file_name": f"{i}.png"} for i in range(1, images + 1)],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names, 1)],
        "annotations": [
            {"id": n, "image_id": image, "category_id": category, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            for n, (image, category, *box) in enumerate(boxes, 1)
        ],
    }


def perfect(ground_truth: dict) -> list[dict]:
    return [
        {"image_id": x["image_id"], "category_id": x["category_id"], "bbox": x["bbox"], "score": 0.9}
        for x in ground_truth["annotations"]
        if not x.get("iscrowd")
    ]


def reference(ground_truth: dict, results: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """The twelve figures and the precision of plain pycocotools, used as its manual says."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = copy.deepcopy(ground_truth)
        coco.createIndex()
        run = COCOeval(coco, coco.loadRes(copy.deepcopy(results)), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return run.stats, run.eval["precision"]


def noisy(ground_truth: dict, seed: int) -> list[dict]:
    """Moved, relabelled, missed and invented boxes with many equal scores."""
    rng, results = np.random.default_rng(seed), []
    categories = [c["id"] for c in ground_truth["categories"]]
    for x in ground_truth["annotations"]:
        for _ in range(rng.integers(0, 3)):
            box = np.array(x["bbox"]) * rng.normal(1, 0.08, 4)
            category = x["category_id"] if rng.random() < 0.9 else int(rng.choice(categories))
            score = float(np.round(rng.random(), 1))
            results.append({"image_id": x["image_id"], "category_id": category, "bbox": box.tolist(), "score": score})
    return results


@pytest.mark.parametrize("file", ["bccd/annotations/val.json", "coco_mini/annotations/instances_train2017.json"])
def test_twelve_figures_equal_pycocotools(shared, file):
    ground_truth = json.loads((shared / "data" / file).read_text(encoding="utf-8"))
    results = noisy(ground_truth, 1)
    before = copy.deepcopy((ground_truth, results))
    metrics = coco_metrics(ground_truth, results)
    assert (ground_truth, results) == before
    stats, precision = reference(ground_truth, results)
    assert [getattr(metrics, name) for name in FIGURES] == stats.tolist()
    assert 0.05 < metrics.AP < metrics.AP50 < 0.95 and 0 <= metrics.AP90 < metrics.AP75
    strict = precision[8, :, :, 0, 2]
    assert metrics.AP90 == pytest.approx(strict[strict > -1].mean(), abs=1e-12)
    measured = [c.AP for c in metrics.per_class if c.AP >= 0]
    assert np.mean(measured) == pytest.approx(metrics.AP, abs=1e-12)
    assert np.mean([c.AP50 for c in metrics.per_class if c.AP50 >= 0]) == pytest.approx(metrics.AP50, abs=1e-12)
    by_id = sorted(ground_truth["categories"], key=lambda c: c["id"])
    assert [c.name for c in metrics.per_class] == [c["name"] for c in by_id]


def test_worked_by_hand():
    """Two cats; one found exactly, one box with IoU 100 / 136 = 0.735 below it in score; one dog missed.

    Cat: all found up to IoU 0.70 (five thresholds), then precision 1 up to recall 0.5, which is 51 of 101 points.
    """
    ground_truth = truth([(1, 1, 0, 0, 10, 10), (1, 1, 50, 50, 10, 10), (2, 2, 0, 0, 10, 10)])
    results = [
        {"image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "score": 0.9},
        {"image_id": 1, "category_id": 1, "bbox": [50, 50, 10, 13.6], "score": 0.8},
    ]
    metrics = coco_metrics(ground_truth, results)
    cat = (5 + 5 * 51 / 101) / 10
    assert metrics.per_class[0].AP == pytest.approx(cat) and metrics.per_class[1].AP == 0
    assert metrics.AP == pytest.approx(cat / 2) and metrics.AP50 == pytest.approx(0.5)
    assert metrics.AP75 == metrics.AP90 == pytest.approx(51 / 101 / 2)
    assert metrics.AP_large == -1 and metrics.AR1 == pytest.approx(0.25)
    assert (metrics.images, metrics.objects, metrics.detections) == (2, 3, 2)
    assert [(c.name, c.objects, c.detections) for c in metrics.per_class] == [("cat", 2, 2), ("dog", 1, 0)]


def test_no_detections_score_zero_and_no_objects_minus_one():
    some, none = truth([(1, 1, 0, 0, 10, 10)]), truth([])
    empty = coco_metrics(some, [])
    assert (empty.AP, empty.AP50, empty.AR100, empty.AP90, empty.AP_large) == (0, 0, 0, 0, -1)
    for results in ([], [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 0.5}]):
        assert set(coco_metrics(none, results).figures().values()) == {-1}
    assert coco_metrics({"images": [], "annotations": None, "categories": []}, []).AP == -1


def test_one_class_one_image_and_a_crowd():
    ground_truth = truth([(1, 1, 0, 0, 10, 10), (1, 1, 40, 40, 50, 50)], names=("cat",), images=1)
    ground_truth["annotations"][1]["iscrowd"] = 1
    inside = {"image_id": 1, "category_id": 1, "bbox": [45, 45, 9, 9], "score": 0.99}
    metrics = coco_metrics(ground_truth, [*perfect(ground_truth), inside, inside])
    assert metrics.AP == pytest.approx(1) and metrics.objects == 1  # found in a crowd: neither right nor wrong


def test_annotation_id_zero_and_repeated_ids_are_counted():
    ground_truth = truth([(1, 1, 0, 0, 10, 10), (2, 2, 5, 5, 20, 20)])
    for ids in ([0, 1], [7, 7], ["a", "b"]):
        for annotation, new in zip(ground_truth["annotations"], ids, strict=True):
            annotation["id"] = new
        assert coco_metrics(ground_truth, perfect(ground_truth)).AP == pytest.approx(1)
    ground_truth["annotations"][0]["id"], ground_truth["annotations"][1]["id"] = 0, 1
    assert reference(ground_truth, perfect(ground_truth))[0][0] < 0.6  # the trap is real


def test_missing_keys_are_filled_in():
    ground_truth = truth([(1, 1, 0, 0, 50, 50), (2, 2, 5, 5, 20, 20)])
    for annotation in ground_truth["annotations"]:
        del annotation["area"], annotation["iscrowd"], annotation["id"]
    del ground_truth["categories"]
    metrics = coco_metrics(ground_truth, perfect(ground_truth))
    assert metrics.AP_medium == pytest.approx(1) and metrics.AP_small == pytest.approx(1) and metrics.AP_large == -1
    assert [c.name for c in metrics.per_class] == ["1", "2"]


def test_ids_of_images_may_be_strings_and_of_categories_anything():
    ground_truth = truth([(1, 1, 0, 0, 50, 50), (2, 2, 5, 5, 20, 20)])
    for image in ground_truth["images"]:
        image["id"] = f"image-{image['id']}"
    for category in ground_truth["categories"]:
        category["id"] = {1: 90, 2: 0}[category["id"]]
    for annotation in ground_truth["annotations"]:
        annotation["image_id"] = f"image-{annotation['image_id']}"
        annotation["category_id"] = {1: 90, 2: 0}[annotation["category_id"]]
    metrics = coco_metrics(ground_truth, perfect(ground_truth))
    assert metrics.AP == pytest.approx(1) and [c.name for c in metrics.per_class] == ["dog", "cat"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 77}, "image_id 77.*images"),
        ({"image_id": "1"}, "image_id '1'"),
        ({"category_id": 3}, "category_id 3.*categories"),
        ({"score": float("nan")}, "not finite"),
        ({"bbox": [0, 0, float("inf"), 1]}, "not finite"),
    ],
)
def test_results_that_can_only_be_a_mistake_are_refused(change, message):
    ground_truth = truth([(1, 1, 0, 0, 10, 10)])
    with pytest.raises(ValueError, match=message):
        coco_metrics(ground_truth, [perfect(ground_truth)[0] | change])


def test_annotation_without_a_box_is_named():
    ground_truth = truth([(1, 1, 0, 0, 10, 10)])
    ground_truth["annotations"][0]["bbox"] = [1, 2, 3]
    with pytest.raises(ValueError, match="annotation 1 needs a bbox of four"):
        coco_metrics(ground_truth, [])


def test_unknown_backend_is_refused():
    with pytest.raises(ValueError, match=r"nonsense.*pycocotools"):
        coco_metrics(truth([]), [], backend="nonsense")


def test_faster_backend_gives_the_same_numbers(shared):
    pytest.importorskip("faster_coco_eval")
    ground_truth = json.loads((shared / "data/bccd/annotations/val.json").read_text())
    results = noisy(ground_truth, 2)
    slow, fast = coco_metrics(ground_truth, results), coco_metrics(ground_truth, results, "faster_coco_eval")
    assert list(fast.figures().values()) == pytest.approx(list(slow.figures().values()), abs=1e-12)
    assert [c.AP for c in fast.per_class] == pytest.approx([c.AP for c in slow.per_class], abs=1e-12)


def test_nothing_is_printed(capsys):
    ground_truth = truth([(1, 1, 0, 0, 10, 10)])
    coco_metrics(ground_truth, perfect(ground_truth))
    assert capsys.readouterr().out == ""


UNUSUAL = ("ids_annotation_zero", "ids_category_gaps", "ids_string", "annotation_no_area", "annotation_no_iscrowd",
                "ids_duplicate_annotation",
           "category_no_name", "category_duplicate_name", "crowd_rle_wrong_size", "no_info", "ids_negative",
           "annotation_iscrowd_bool", "annotation_unknown_image")  # fmt: skip


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_files_score_a_perfect_detector_one(shared, name):
    file = shared / "data" / "hostile" / "annotations" / f"{name}.json"
    ground_truth = json.loads(file.read_text(encoding="utf-8"))
    known = {image["id"] for image in ground_truth["images"]}
    results = [x for x in perfect(ground_truth) if x["image_id"] in known]
    assert coco_metrics(ground_truth, results).AP == pytest.approx(1)


# --- detections -> results -> files ---


def found(*rows: tuple) -> ImageDetections:
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    return ImageDetections(table[:, :4], table[:, 4], table[:, 5].long())


def test_results_carry_original_ids_xywh_and_all_digits():
    held = collected([found((1, 2, 4, 8, 0.123456789, 1)), found()], [42, "b"], [7, 90])
    results = to_results(held)
    score = float(np.float32(0.123456789))
    assert results == [{"image_id": 42, "category_id": 90, "bbox": [1, 2, 3, 6], "score": score}]
    assert np.float32(json.loads(json.dumps(results))[0]["score"]) == np.float32(0.123456789)
    assert to_results(from_results(results)) == results and held.boxes.dtype == held.scores.dtype == np.float64
    assert to_results(collected([], [], [1])) == to_results(from_results([])) == []


def test_a_label_without_a_category_is_refused():
    with pytest.raises(ValueError, match=r"label 2.*only 2 categories"):
        collected([found((0, 0, 1, 1, 0.5, 2))], [1], [7, 90])


def test_table_is_aligned_and_keeps_every_letter():
    names = ("ё", "貓的", "Café au lait", "x")
    ground_truth = truth([(1, 1, 0, 0, 10, 10), (2, 2, 5, 5, 20, 20)], names=names)
    text = table(coco_metrics(ground_truth, perfect(ground_truth)))
    assert all(name in text for name in (*names, *FIGURES, "AP90"))
    head, *rows = text.splitlines()[-5:]
    assert head.split() == ["class", "objects", "detections", "AP", "AP50", "F1", "at", "score"]
    assert [row.split()[-4:] for row in rows] == [["1.000"] * 3 + ["0.450"]] * 2 + [["-"] * 4] * 2
    assert len({len(row) + ("貓" in row) * 2 for row in (head, *rows)}) == 1  # these two are two columns wide
    assert "-1.0" not in text and "2 images, 2 objects, 2 detections" in text


def test_files_are_strict_json_in_utf8(tmp_path):
    ground_truth = truth([], names=("貓",))
    write(coco_metrics(ground_truth, []), [], tmp_path / "a" / "b")
    text = (tmp_path / "a" / "b" / "metrics.json").read_text(encoding="utf-8")
    assert "貓" in text  # readable as it is, not as an escape
    metrics = json.loads(text, parse_constant=lambda token: pytest.fail(f"{token} is not JSON"))
    assert metrics["AP"] == -1 and metrics["per_class"][0]["name"] == "貓" and "AP90" in metrics
    assert json.loads((tmp_path / "a" / "b" / "predictions.json").read_text()) == []


# --- a detector that knows the truth ---


class Source:
    """Ground truth whose images carry their index (blue) and which side is left (green), so that a fake can tell."""

    objects = None

    def __init__(self, ground_truth: dict):
        self.truth = ground_truth
        self.categories = sorted(ground_truth["categories"], key=lambda c: c["id"])
        self.category_ids = [c["id"] for c in self.categories]
        self.class_names = [c["name"] for c in self.categories]
        self.reads = []

    def __len__(self) -> int:
        return len(self.truth["images"])

    def coco(self) -> dict:
        return self.truth

    def record(self, index: int) -> SimpleNamespace:
        image = self.truth["images"][index]
        return SimpleNamespace(image_id=image["id"], width=image["width"], height=image["height"])

    def image(self, index: int) -> np.ndarray:
        self.reads.append(index)
        record = self.record(index)
        image = np.zeros((record.height, record.width, 3), np.uint8)
        image[..., 0], image[:, : record.width // 2, 1] = index + 1, 255
        return image

    def rows(self, index: int) -> torch.Tensor:
        """[n, 5] x1 y1 x2 y2 label."""
        mine = [x for x in self.truth["annotations"] if x["image_id"] == self.record(index).image_id]
        table = torch.tensor(
            [[*x["bbox"], self.category_ids.index(x["category_id"])] for x in mine], dtype=torch.float32
        ).reshape(-1, 5)
        table[:, 2:4] += table[:, :2]
        return table


class Oracle(nn.Module):
    """Knows the source, recognises image and flip, and answers with the true boxes on the canvas it sees."""

    def __init__(self, source: Source):
        super().__init__()
        self.source = source

    def fit_size(self, height: int, width: int) -> tuple[int, int]:
        return (height // 128 + 1) * 128, (width // 128 + 1) * 128

    def predict(self, images: torch.Tensor) -> Detections:
        rows = [self._answer(image) for image in images]
        table = torch.full((len(rows), max(len(r) for r in rows) + 1, 5), -1.0)
        scores = torch.full(table.shape[:2], -1.0)
        for i, row in enumerate(rows):
            table[i, : len(row)], scores[i, : len(row)] = row, 0.8
        return Detections(table[..., :4], scores, table[..., 4].long().clamp(min=0), scores, scores)

    def _answer(self, image: torch.Tensor) -> torch.Tensor:
        index = int(image[0].max()) - 1
        record, width = self.source.record(index), image.shape[2]
        ys, xs = (image[0] > 0).nonzero().T
        top, left = int(ys.min()), int(xs.min())
        zoom = (int(xs.max()) + 1 - left) / record.width
        table = self.source.rows(index).clone()
        table[:, :4] = table[:, :4] * zoom + torch.tensor([left, top] * 2)
        if int(image[1, top, left]) < 128:  # the bright side is on the right: a flip
            table[:, [0, 2]] = width - table[:, [2, 0]]
        return table


@pytest.fixture
def bccd(shared) -> Source:
    return Source(json.loads((shared / "data/bccd/annotations/val.json").read_text(encoding="utf-8")))


EXACT = {"nms": Nms(name="hard", iou=0.999), "progress": False}


@pytest.mark.parametrize("options", [{}, {"flip": True}, {"flip": True, "scales": (0.5, 1.0), "batch_size": 4}])
def test_detector_that_returns_the_truth_scores_one(bccd, options):
    metrics = evaluate(Oracle(bccd), bccd, **EXACT, **options)
    assert metrics.AP == pytest.approx(1) and metrics.AR100 == pytest.approx(1)
    assert metrics.images == len(bccd) and metrics.detections == metrics.objects == len(bccd.truth["annotations"])
    assert metrics.seconds_per_image > 0 and sorted(bccd.reads) == list(range(len(bccd)))


def test_evaluation_writes_its_files_and_shows_a_bar(tmp_path, capsys):
    source = Source(truth([(1, 1, 0, 0, 10, 10), (2, 2, 5, 5, 20, 20)]))
    metrics = evaluate(Oracle(source), source, folder=tmp_path, flip=True, nms=EXACT["nms"])
    saved = json.loads((tmp_path / "predictions.json").read_text())
    assert [x["image_id"] for x in saved] == [1, 2]
    assert json.loads((tmp_path / "metrics.json").read_text())["AP"] == metrics.AP == pytest.approx(1)
    assert "evaluate" in capsys.readouterr().err
    evaluate(Oracle(source), source, progress=False)
    assert capsys.readouterr() == ("", "")


def test_the_report_has_the_images_that_were_predicted_and_reads_none_again(tmp_path):
    source = Source(truth([(1, 1, 0, 0, 10, 10), (2, 2, 5, 5, 20, 20)]))
    evaluate(Oracle(source), source, progress=False, folder=tmp_path, report=Options("x"))
    assert source.reads == [0, 1] and listed(tmp_path) == 2


def listed(folder: Path) -> int:
    """Images that the report of an evaluation shows."""
    return (folder / "report" / "index.html").read_text(encoding="utf-8").count('"file":"/9j/')


def test_nothing_to_evaluate():
    source = Source(truth([], images=0))
    assert evaluate(Oracle(source), source, progress=False).AP == -1


def test_categories_of_the_detector_may_differ_from_the_sources():
    """A class that this set lacks is counted but does not touch the AP; with none in common it must be a mistake."""
    source = Source(truth([(1, 2, 0, 0, 10, 10), (2, 2, 5, 5, 20, 20)]))
    boxes = [[0.0, 0, 10, 10, 1], [5.0, 5, 25, 25, 1]]
    source.rows = lambda index: torch.tensor([boxes[index], [50, 50, 60, 60, 0]])
    metrics = evaluate(Oracle(source), source, category_ids=[99, 2], progress=False)
    assert metrics.AP == pytest.approx(1) and [(c.name, c.detections) for c in metrics.per_class][2] == ("99", 2)
    with pytest.raises(ValueError, match="none of the detector's category ids"):
        evaluate(Oracle(source), source, category_ids=[98, 99], progress=False)


def test_an_unreadable_image_stops_or_is_missed(caplog):
    source = Source(truth([(1, 1, 0, 0, 10, 10), (2, 1, 5, 5, 20, 20)]))
    readable = source.image

    def image(index: int) -> np.ndarray:
        if index == 0:
            raise ValueError("1.png is cut short")
        return readable(index)

    source.image = image
    with pytest.raises(ValueError, match=r"1\.png is cut short"):
        evaluate(Oracle(source), source, progress=False)
    metrics = evaluate(Oracle(source), source, progress=False, on_error="skip")
    assert metrics.AP == pytest.approx(51 / 101) and metrics.images == 2  # half the recall
    assert "1.png is cut short" in caplog.text


def _one_of_two(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    source = Source(truth([(i, 1 + i % 2, 0, 0, 10 + i, 10) for i in range(1, 6)], images=5))
    metrics = evaluate(Oracle(source), source, progress=False, folder=f"{folder}/{rank}", report=Options("x"))
    report = {"AP": metrics.AP, "detections": metrics.detections, "reads": source.reads}
    Path(folder, f"{rank}.json").write_text(json.dumps(report))
    torch.distributed.destroy_process_group()


def test_two_processes_share_the_images_and_agree(tmp_path):
    torch.multiprocessing.spawn(_one_of_two, (str(tmp_path),), nprocs=2)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first["reads"] == [0, 2, 4] and second["reads"] == [1, 3]
    assert first["AP"] == second["AP"] == pytest.approx(1) and first["detections"] == second["detections"] == 5
    source = Source(truth([(i, 1 + i % 2, 0, 0, 10 + i, 10) for i in range(1, 6)], images=5))
    alone, _, _ = predictions(Oracle(source), source, progress=False)
    assert json.loads((tmp_path / "0/predictions.json").read_text()) == to_results(alone)
    assert not (tmp_path / "1").exists()  # only the first process writes
    assert listed(tmp_path / "0") == 5  # those of both


@pytest.mark.parametrize("on", [True, False])
def test_garbage_is_looked_for_afterwards_as_before(on):
    before = gc.isenabled()
    (gc.enable if on else gc.disable)()
    try:
        coco_metrics({"images": [], "annotations": [], "categories": []}, [])
        assert gc.isenabled() == on
        with pytest.raises(ValueError, match="not among the ground truth's images"):
            coco_metrics(
                {"images": [], "annotations": []}, [{"image_id": 1, "category_id": 1, "bbox": [0] * 4, "score": 1}]
            )
        assert gc.isenabled() == on
    finally:
        (gc.enable if before else gc.disable)()
