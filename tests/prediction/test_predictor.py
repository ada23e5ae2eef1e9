"""The few lines with which someone else's program uses a trained detector."""

import itertools

import cv2
import numpy as np
import pytest
import torch

import cornernet
from cornernet import config, detectors
from cornernet.data.sources.shapes import ShapesSet
from cornernet.prediction.result import Result
from cornernet.prediction.video import video_writer

FREELY = ["test.ae_threshold=9", "test.top_k=300", "test.num_dets=300"]  # it has learnt little


@pytest.fixture(scope="module")
def predictor(tiny_run):
    return cornernet.Predictor.load(tiny_run / "best.pt", overrides=FREELY)


@pytest.fixture
def photo(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (50, 70, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    return tmp_path / "a.png", image


FIELDS = ("boxes", "scores", "labels")


def same(a, b):
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in FIELDS)


def test_a_path_a_string_and_an_array_are_the_same_image(predictor, photo):
    path, image = photo
    first, second, third = predictor([path, str(path), image])
    assert same(first, second) and same(first, third) and same(first, predictor(path)[0]) and len(first) > 0
    assert type(first) is Result and first.boxes.shape == (len(first), 4)
    assert first.source == str(path) and third.source == "" and first.image is None and third.image is image


def test_the_order_of_colours_is_stated(predictor, photo):
    path, image = photo
    rgb = np.ascontiguousarray(image[..., ::-1])
    plain = predictor(path)[0]
    assert same(plain, predictor(rgb, order="rgb")[0]) and not same(plain, predictor(rgb)[0])
    assert same(plain, predictor(path, order="rgb")[0])  # a file knows its own
    assert (predictor(rgb, order="rgb")[0].pixels() == image).all()
    with pytest.raises(ValueError, match="order must be bgr or rgb, got 'gbr'"):
        predictor(image, order="gbr")


def test_a_tensor_is_a_batch_of_images(predictor, photo):
    path, image = photo
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    plain = predictor(path)[0]
    assert all(same(plain, one) for one in predictor(torch.stack([tensor, tensor])))
    assert same(plain, predictor(tensor)[0]) and same(plain, predictor(tensor.float() / 255)[0])
    assert same(plain, predictor(tensor.flip(0).float() / 255, order="rgb")[0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.zeros(2, 2, 9, 9), r"must be \[3, h, w\] or \[B, 3, h, w\], got \[2, 2, 9, 9\]"),
        (torch.zeros(9), r"got \[9\]"),
        (torch.full((3, 9, 9), 255.0), "values from 0 to 1"),
        (torch.full((3, 9, 9), torch.nan), "values from 0 to 1"),
        (torch.zeros(3, 9, 9, dtype=torch.int64), "uint8 or floats in .*got torch.int64"),
        (np.zeros((9, 9, 2), np.uint8), r"image 0 must be \[h, w\], .* or \[h, w, 4\] uint8, got \[9, 9, 2\] uint8"),
        (np.zeros((9, 9, 3), np.float32), r"image 0 must be .* uint8, got \[9, 9, 3\] float32"),
        (np.zeros((9, 0), np.uint8), r"image 0 must be .* uint8, got \[9, 0\] uint8"),
    ],
)
def test_tensors_and_arrays_of_another_kind_are_refused(predictor, wrong, message):
    with pytest.raises(ValueError, match=message):
        predictor(wrong)


def test_a_folder_is_all_its_images(predictor, photo):
    path, image = photo
    cv2.imwrite(str(path.with_name("b.png")), image[:40])
    found = predictor(path.parent)
    assert [one.source for one in found] == [str(path), str(path.with_name("b.png"))] and same(
        found[0], predictor(path)[0]
    )


def test_a_video_is_predicted_frame_by_frame(predictor, tmp_path):
    shapes = ShapesSet("val", 3, 64, 3, 0)
    writer = video_writer(tmp_path / "a.mp4", 10, (64, 64))
    for i in range(3):
        writer.write(shapes.image(i))
    writer.release()
    frames = predictor(tmp_path / "a.mp4")
    assert iter(frames) is frames  # nothing was read yet
    found = list(frames)
    assert [one.source for one in found] == ["a.mp4#0", "a.mp4#1", "a.mp4#2"]
    assert all(same(one, predictor(one.image)[0]) for one in found)


def test_options_of_a_call(predictor, photo):
    path, _ = photo
    every = predictor(path)[0]
    middle = float(every.scores.median())
    some = predictor(path, score_threshold=middle)[0]
    assert same(some, every[every.scores >= middle]) and 0 < len(some) < len(every)
    assert len(predictor(path, score_threshold=1)[0]) == 0
    assert same(predictor(path, max_detections=2)[0], every[:2])
    for name, value in (("flip", True), ("scales", [1.0, 1.5])):
        overrides = [f"test.{name}={str(value).lower()}"]
        assert not same(predictor(path, **{name: value})[0], every), name
        again = cornernet.Predictor(
            predictor.detector, config.override(predictor.settings, overrides), "abc", [1, 2, 3]
        )
        assert same(again(path)[0], predictor(path, **{name: value})[0])
    assert same(predictor(path)[0], every)  # nothing of it stays


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"score_threshold": 1.5},
            "score_threshold must be a number from 0 to 1, one for each .* or 'best_f1'; got 1.5",
        ),
        ({"score_threshold": [0.1, 0.2]}, "one for each of the 3 classes"),
        ({"score_threshold": float("nan")}, "score_threshold must be"),
        ({"score_threshold": "0.5"}, "score_threshold must be"),
        ({"max_detections": 0}, "max_detections must be a whole number of at least 1, got 0"),
        ({"max_detections": 2.5}, "max_detections must be"),
        ({"scales": []}, "scales must be positive numbers"),
        ({"scales": [float("nan")]}, "scales must be positive numbers"),
        ({"scales": [float("inf")]}, "scales must be positive numbers"),
        ({"scales": 1.0}, "scales must be a list of positive numbers, got 1.0"),
        ({"scales": ["big"]}, "scales must be a list"),
        ({"batch_size": 0}, "batch_size must be a whole number"),
        ({"batch_size": True}, "batch_size must be a whole number"),
        ({"flip": "no"}, "flip must be True or False, got 'no'"),
    ],
)
def test_options_out_of_range_are_refused_at_once(predictor, options, message):
    with pytest.raises(ValueError, match=message):
        predictor.stream([], **options)


@pytest.fixture(scope="module")
def either(any_tiny):
    """A predictor of random weights of each detector."""
    if any_tiny.stem == "centripetal":
        pytest.skip("shifts of random weights agree with no box")
    settings = config.load(any_tiny, ["test.ae_threshold=99"])  # so that there are boxes
    if settings.model.head.centre:
        settings = config.override(settings, ["test.centre.small=1", "test.centre.large=1"])
    torch.manual_seed(0)
    detector = detectors.build(settings, 3).eval()
    if settings.model.detector == "points":
        torch.nn.init.constant_(detector.network.heads[-1].size[-1].bias, 4.0)  # random sizes may be negative
    return cornernet.Predictor(detector, settings, ["a", "b", "c"], [4, 5, 9])


def test_boxes_do_not_depend_on_the_batch(either):
    """Images of several sizes, some of which share a canvas: padding and neighbours must not leak."""
    images = [np.random.default_rng(i).integers(0, 255, (40 + 8 * (i % 3), 64, 3), np.uint8) for i in range(7)]
    alone = [either(image)[0] for image in images]
    assert min(len(one) for one in alone) > 0
    for size in (1, 2, 3, 8):
        together = either(images, batch_size=size, flip=False)
        for one, other in zip(alone, together, strict=True):
            assert torch.equal(one.labels, other.labels)
            torch.testing.assert_close(one.boxes, other.boxes, rtol=0, atol=1e-4)
            torch.testing.assert_close(one.scores, other.scores, rtol=0, atol=1e-6)


def test_scales_may_be_an_array(predictor, photo):
    assert same(predictor(photo[0], scales=np.array([1, 0.5]))[0], predictor(photo[0], scales=[1, 0.5])[0])


def test_a_list_of_tensors_and_a_stack_of_arrays_are_images(predictor, photo):
    path, image = photo
    tensor, plain = torch.from_numpy(image).permute(2, 0, 1), predictor(path)[0]
    assert all(same(one, plain) for one in predictor([tensor, tensor, image, path]))
    assert [same(one, plain) for one in predictor(np.stack([image, image]))] == [True, True]


def test_a_generator_is_read_as_the_loop_goes_on(predictor, photo):
    read = []
    endless = (read.append(i) or photo[1] for i in itertools.count())
    found = predictor.stream(endless)
    next(found)
    assert len(read) <= 4
    with pytest.raises(TypeError, match="got None in the list"):
        list(predictor.stream(x for x in [photo[1], None]))


def test_the_image_that_is_none_is_numbered_in_the_whole_list(predictor, photo):
    with pytest.raises(ValueError, match=r"image 9 must be \[h, w\], \[h, w, 1\]"):
        predictor([photo[1]] * 9 + [photo[1][..., :2]], batch_size=2)


def test_sources_that_name_nothing_are_refused(predictor):
    with pytest.raises(FileNotFoundError, match="name of the image or folder is empty"):
        predictor("")
    with pytest.raises(ValueError, match="cameras are numbered from 0, got -1"):
        predictor(-1)
    with pytest.raises(ValueError, match="camera 97 cannot be opened"):
        predictor(np.int64(97))


def test_unreadable_files_can_be_passed_over(predictor, photo):
    path, _ = photo
    path.with_name("b.png").write_bytes(b"broken")
    told = []
    found = list(predictor.stream(path.parent, unreadable=told.append))
    assert [one.source for one in found] == [str(path)] and len(told) == 1 and "b.png" in str(told[0])


def test_classes_come_with_the_checkpoint(predictor):
    assert predictor.class_names == ["ellipse", "rectangle", "triangle"] and predictor.category_ids == [1, 2, 3]


def test_overrides_reach_the_detector(tiny_run, photo):
    few = cornernet.Predictor.load(tiny_run / "best.pt", overrides=["test.max_per_image=3", "test.nms.min_score=0"])
    assert len(few(photo[0])[0].scores) <= 3
    with pytest.raises(ValueError, match=r"did you mean test\.flip"):
        cornernet.Predictor.load(tiny_run / "best.pt", overrides=["test.flipp=true"])


def test_no_images_no_answers(predictor):
    assert predictor([]) == []


def test_missing_and_broken_images_are_named(predictor, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.png"):
        predictor(tmp_path / "none.png")
    (tmp_path / "broken.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"broken\.png"):
        predictor(tmp_path / "broken.png")


@pytest.mark.parametrize("wrong", [None, b"x.png", True, 1.5, [None], {3: "a"}, [0], {"a": "b.png"}])
def test_what_is_no_image_is_refused_with_what_is_accepted(predictor, wrong):
    with pytest.raises(
        TypeError, match=r"images must be a path .* or a list of paths, arrays, PIL images and tensors; got "
    ):
        predictor(wrong)


def test_images_may_come_from_a_generator(predictor, photo):
    assert len(predictor(path for path in [photo[0]])) == 1


@pytest.mark.parametrize("device", ["gpu", "", "cuda:99", "cpu:x"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(tiny_run, device):
    with pytest.raises(ValueError, match=r"device must be one that torch finds .*: auto, cpu.*; got"):
        cornernet.Predictor.load(tiny_run / "best.pt", device=device)


def test_fp16_without_a_gpu_is_refused_before_any_image(tiny_run):
    with pytest.raises(ValueError, match=r"test\.precision=fp16 needs a GPU"):
        cornernet.Predictor.load(tiny_run / "best.pt", "cpu", ["test.precision=fp16"])


def test_a_device_may_be_an_object_of_torch(tiny_run):
    loaded = cornernet.Predictor.load(tiny_run / "best.pt", device=torch.device("cpu"))
    assert next(loaded.detector.parameters()).device.type == "cpu"


def test_settings_of_the_test_are_held_to_their_ranges(tiny_run):
    for override in ("test.nms.sigma=0", "test.scales=[]", "test.top_k=0", "test.ae_threshold=nan"):
        with pytest.raises(ValueError, match=override.partition("=")[0] + " must"):
            cornernet.Predictor.load(tiny_run / "best.pt", overrides=[override])


def test_the_package_has_one_name_of_weight():
    with pytest.raises(AttributeError, match="has no attribute 'Detector'"):
        cornernet.Detector  # noqa: B018
    assert cornernet.__version__ and "Predictor" in cornernet.__all__
