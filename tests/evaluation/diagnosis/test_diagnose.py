"""A diagnosis of every detector: it sees what an evaluation sees, and the truth takes AP to 1."""

import dataclasses

import numpy as np
import pytest
import torch

from cornernet import config, detectors
from cornernet.config import Nms
from cornernet.data.annotations.ground_truth import ground_truth
from cornernet.data.source import ImageRecord
from cornernet.data.sources.shapes import ShapesSet
from cornernet.detectors import Detector
from cornernet.evaluation import evaluate
from cornernet.evaluation.diagnosis.classes import TRUE_CLASS
from cornernet.evaluation.diagnosis.diagnose import Setting, diagnose, settings, variants
from cornernet.structures import Detections

SETTING = Setting(1.0, None, Nms(), 100, 0.0, "pycocotools", False)


@pytest.fixture
def detector(any_tiny):
    """Random weights of each."""
    return detectors.build(config.load(any_tiny, ["test.top_k=100", "test.num_dets=300"]), 3).eval()


class Bare:
    """A Source of grey images without an object."""

    class_names, category_ids, objects = ["a", "b", "c"], [3, 5, 7], None

    def __init__(self, length):
        self.records = [ImageRecord(i, f"{i}.png", 50, 40) for i in range(length)]

    def __len__(self):
        return len(self.records)

    def image(self, i):
        return np.full((40, 50, 3), 90, np.uint8)

    def boxes(self, i):
        return np.zeros((0, 4), np.float32)

    def labels(self, i):
        return np.zeros(0, np.int64)

    def record(self, i):
        return self.records[i]

    def coco(self):
        return ground_truth(self.records, [], self.category_ids, self.class_names)


class Broken(ShapesSet):
    """Shapes whose second image cannot be read."""

    def image(self, i):
        if i == 1:
            raise ValueError("1.png is broken")
        return super().image(i)


def test_what_is_replaced_is_the_chain_and_each_part_alone():
    assert variants(("a", "b", "c")) == [(), ("a",), ("a", "b"), ("a", "b", "c"), ("b",), ("c",)]
    assert variants(("a", "b")) == [(), ("a",), ("a", "b"), ("b",)]
    assert variants(("a",), ("x", "y")) == [(), ("a",), ("x",), ("y",)]


def test_truth_everywhere_is_an_ap_of_1_and_nothing_that_of_an_evaluation(detector):
    """The network has random weights. Images are enlarged, so that boxes pass through the canvas and back."""
    shapes, setting = ShapesSet("val", 5, 64, 3), SETTING._replace(longest_side=90)
    found = diagnose(detector, shapes, setting, progress=False)
    plain = evaluate.evaluate(detector, shapes, progress=False, longest_side=90)
    assert {**dataclasses.asdict(found.scores[()]), "seconds_per_image": 0} == {
        **dataclasses.asdict(plain), "seconds_per_image": 0,
    }  # fmt: skip
    assert not any(outcome.limits for outcome in found.outcomes), "choose another seed"
    assert plain.AP < 0.1 and found.scores[detector.parts].AP == pytest.approx(1, abs=1e-6)
    assert list(found.scores) == variants(detector.parts, [*detector.alone, TRUE_CLASS])


def test_each_object_has_its_outcome_and_the_network_runs_once_a_image(detector):
    calls = []
    detector.network.register_forward_hook(lambda *_: calls.append(1))
    shapes = ShapesSet("val", 4, 64, 3)
    found = diagnose(detector, shapes, SETTING._replace(min_score=2.0), images=3, progress=False)
    assert len(calls) == 4
    assert [(x.image_id, x.index) for x in found.outcomes] == [
        (shapes.record(i).image_id, m) for i in range(4) for m in range(len(shapes.boxes(i)))
    ]
    assert all(x.reason in detector.reasons for x in found.outcomes) and found.shown == found.stray == 0
    counts = [sum(map(bool, seen.reasons)) for seen in found.worst]
    assert counts == sorted((len(shapes.boxes(i)) for i in range(4)), reverse=True)[:3] and len(set(counts)) > 1
    assert {x.size for x in found.outcomes} <= {"small", "medium"} and found.outcomes[0].category_id in (1, 2, 3)


def test_shown_and_stray_add_up(detector):
    found = diagnose(detector, ShapesSet("val", 3, 64, 3), SETTING, progress=False)
    hit = sum(not outcome.reason for outcome in found.outcomes)
    assert found.shown == found.scores[()].detections and found.shown - found.stray == hit


@pytest.mark.parametrize("images", [0, 2])
def test_sets_without_objects_and_without_images(detector, images):
    found = diagnose(detector, Bare(images), SETTING, images=1, progress=False)
    assert found.outcomes == [] and {metrics.AP for metrics in found.scores.values()} == {-1}
    assert found.shown == found.stray and len(found.worst) == min(1, images)


def test_a_image_that_is_broken_stops_or_is_left_out(detector):
    shapes = Broken("val", 3, 64, 3)
    with pytest.raises(ValueError, match=r"1\.png is broken"):
        diagnose(detector, shapes, SETTING, progress=False)
    found = diagnose(detector, shapes, SETTING._replace(skip=True), images=3, progress=False)
    lost = [outcome.image_id for outcome in found.outcomes if outcome.reason == "unreadable"]
    assert lost == [shapes.record(1).image_id] * len(shapes.boxes(1)) and len(found.worst) == 2
    assert found.scores[detector.parts].AP < 1


def test_the_mode_of_the_detector_stays(detector):
    detector.train()
    diagnose(detector, ShapesSet("val", 1, 64, 3), SETTING, progress=False)
    assert detector.training and all(part.training for part in detector.modules())


def test_the_setting_is_one_pass_at_scale_1_or_at_the_only_scale(tiny):
    base = config.load(tiny, ["data.longest_side=96", "data.on_error=skip", "test.draw_score=0.4"])
    assert settings(base) == Setting(1.0, 96, base.test.nms, 100, 0.4, "auto", True)
    for given, one in {"[1.5]": 1.5, "[0.5,2]": 1.0, "[0.5,1]": 1.0}.items():
        assert settings(config.load(tiny, [f"test.scales={given}"])).scale == one


def test_what_is_drawn_lies_where_the_image_does(detector):
    """An image of 40 x 50 on a wider canvas, at twice its size: the canvas seen from the image, and its heat."""
    found = diagnose(detector, Bare(1), SETTING._replace(scale=2.0), images=1, progress=False)
    height, width = detector.fit_size(80, 100)
    left, top = width // 2 - 50, height // 2 - 40
    assert left > 0, "choose another size"
    extent = (-left / 2, (width - left) / 2, (height - top) / 2, -top / 2)
    assert found.worst[0].extent == extent and all(heat.ndim == 2 for heat in found.worst[0].heat.values())


def test_it_is_one_pass_without_gradients(detector):
    found = diagnose(detector, ShapesSet("val", 1, 64, 3), SETTING, images=1, progress=False)
    assert not any(torch.is_tensor(x) and x.requires_grad for x in found.worst[0])


def test_the_network_runs_in_the_precision_of_the_evaluation(detector):
    seen, source = [], ShapesSet("val", 1, 64, 3)
    detector.network.register_forward_hook(lambda *_: seen.append(torch.is_autocast_enabled("cpu")))
    for precision in ("fp32", "bf16"):
        diagnose(detector, source, SETTING._replace(precision=precision), progress=False)
    assert seen == [False, True]


class Misnaming(Detector):
    """Every box is right and every class wrong, one box under each of the two wrong ones; its own oracle."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.zeros(1))

    def forward(self, batch):
        return {}

    def predict(self, parts=()):
        return self.found

    def fit_size(self, height, width):
        return height, width

    def cell_size(self):
        return 1

    def describe(self):
        return ""

    def oracle(self, image, boxes, labels, frame):
        labels = torch.cat([(labels + 1) % 3, (labels + 2) % 3])
        scores = torch.linspace(0.9, 0.5, len(labels))
        self.found = Detections(*(x[None] for x in (boxes.repeat(2, 1), scores, labels, scores, scores)))
        return self

    def reason(self, which, iou, min_score):
        return "class"

    def limits(self):
        return {}

    def heat(self):
        return {}

    def links(self, boxes):
        return boxes.new_zeros(0, 2, 2)


@pytest.mark.parametrize("nms", ["soft_gaussian", "none"])
def test_wrong_classes_are_told_from_wrong_boxes(nms):
    """A detector without parts: its boxes under their true class are all there is to find."""
    found = diagnose(Misnaming(), ShapesSet("val", 4, 64, 3), SETTING._replace(nms=Nms(name=nms)), progress=False)
    assert list(found.scores) == [(), (TRUE_CLASS,)]
    plain, named = found.scores[()], found.scores[TRUE_CLASS,]
    assert plain.AP < 0.05 and named.AP == pytest.approx(1) and named.detections == len(found.outcomes)
    assert plain.figures()["AP_any_class"] == pytest.approx(1) == named.figures()["AP_any_class"]
    assert all(x.called not in (None, x.name) for x in found.outcomes)


def test_of_one_class_there_is_no_row_for_it():
    one = Bare(1)
    one.class_names, one.category_ids = ["a"], [3]
    assert list(diagnose(Misnaming(), one, SETTING, progress=False).scores) == [()]
