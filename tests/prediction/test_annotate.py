"""What predicting writes: never over an image of someone, never two drawings under one name, nothing lost unsaid."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from cornernet.cli import predict
from cornernet.prediction.annotate import annotate
from cornernet.prediction.media import drawings
from cornernet.prediction.video import open_video
from cornernet.prediction.written import identifier
from tests.prediction.test_broken_videos import film

BLACK = np.zeros((40, 40, 3), np.uint8)
FAST = ["test.max_per_image=3"]


@pytest.fixture
def best(tiny_run, tmp_path):
    """A checkpoint with a folder of its own."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "best.pt").write_bytes((tiny_run / "best.pt").read_bytes())
    return tmp_path / "run" / "best.pt"


def put(path: Path, ending: str = "") -> bytes:
    """Write an image -> its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(ending or path.suffix, BLACK)[1].tobytes())
    return path.read_bytes()


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def named(folder: Path) -> set[str]:
    """Files of the images in predictions.json."""
    content = json.loads((folder / "predictions.json").read_text(encoding="utf-8"))
    return {image["file_name"] for image in content["images"]}


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_in_the_folder_is_replaced_and_what_it_leads_to_stays(best, tmp_path, link):
    before = {name: put(tmp_path / "in" / name) for name in ("a.png", "b.jpg")} | {"p": put(tmp_path / "p", ".png")}
    out = tmp_path / "out"
    out.mkdir()
    for target, name in (("in/a.png", "a.png"), ("in/a.png", "b.jpg"), ("p", "predictions.json")):
        link(tmp_path / target, out / name)
    annotate(str(best), str(tmp_path / "in"), FAST, out)
    assert {name: (tmp_path / "in" / name).read_bytes() for name in ("a.png", "b.jpg")} == {
        name: before[name] for name in ("a.png", "b.jpg")
    }
    assert (tmp_path / "p").read_bytes() == before["p"] and not any(path.is_symlink() for path in out.iterdir())
    assert files(out) == {"a.png", "b.jpg", "predictions.json"} and cv2.imread(str(out / "b.jpg")) is not None


def test_a_folder_that_is_a_link_is_not_written_through(best, tmp_path):
    before = put(tmp_path / "in" / "sub" / "a.png"), put(tmp_path / "other" / "a.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "other")
    with pytest.raises(ValueError, match="sub leads elsewhere, and nothing is written through links; give another"):
        annotate(str(best), str(tmp_path / "in"), out=tmp_path / "out")
    assert before == ((tmp_path / "in/sub/a.png").read_bytes(), (tmp_path / "other/a.png").read_bytes())


def test_a_link_to_the_folder_itself_is_followed(best, tmp_path):
    put(tmp_path / "in" / "a.png")
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    annotate(str(best), str(tmp_path / "in"), out=tmp_path / "out")
    assert files(tmp_path / "disk") == {"a.png", "predictions.json"}


def test_images_of_another_are_not_replaced(best, tmp_path):
    put(tmp_path / "in" / "a.webp")
    before = put(tmp_path / "photos" / "a.webp.png")
    with pytest.raises(ValueError, match=r"a\.webp\.png is there already, and of no earlier prediction"):
        annotate(str(best), str(tmp_path / "in"), out=tmp_path / "photos")
    assert files(tmp_path / "photos") == {"a.webp.png"} and (tmp_path / "photos/a.webp.png").read_bytes() == before


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.webp", "a.webp.png"], ["a.webp-2.png", "a.webp.png"]),
        (["a.webp", "a.webp-2.png", "a.webp.png"], ["a.webp-3.png", "a.webp-2.png", "a.webp.png"]),
        (["a.gif", "b/a.gif"], ["a.gif.png", "b/a.gif.png"]),
        (["x.png/a.png", "x"], ["x.png/a.png", "x-2.png"]),
        (["a.png", "b/a.png", "a/a.png"], ["a.png", "b/a.png", "a/a.png"]),
    ],
)
def test_drawings_have_names_of_their_own(names, expected):
    assert drawings(map(Path, names)) == dict(zip(map(Path, names), map(Path, expected), strict=True))


def test_images_of_like_names_are_all_drawn_and_told_apart(best, tmp_path):
    names = ["a.webp", "a.webp.png", "sub/a.webp", "sub/a.png", "a.png"]
    for name in names:
        put(tmp_path / "in" / name)
    text = predict.text(annotate(str(best), str(tmp_path / "in"), [*FAST, "test.ae_threshold=9"], tmp_path / "out"))
    drawn = {"a.webp-2.png", "a.webp.png", "sub/a.webp.png", "sub/a.png", "a.png", "predictions.json"}
    assert "5 images" in text and files(tmp_path / "out") == drawn
    assert named(tmp_path / "out") == set(names)


def test_predictions_of_before_stay_where_no_folder_was_named(best, tmp_path):
    put(tmp_path / "in" / "a.png")
    put(tmp_path / "in" / "b.png")
    assert str(best.parent / "predictions") in predict.text(annotate(str(best), str(tmp_path / "in" / "a.png")))
    (best.parent / "predictions" / "predictions.json").write_text("mine")
    text = predict.text(annotate(str(best), str(tmp_path / "in" / "b.png")))
    assert text.endswith(str(best.parent / "predictions-2"))
    assert (best.parent / "predictions" / "predictions.json").read_text() == "mine"
    assert files(best.parent) == {
        "best.pt", "predictions/a.png", "predictions/predictions.json", "predictions-2/b.png",
        "predictions-2/predictions.json",
    }  # fmt: skip


def test_earlier_drawings_are_no_images_to_predict(best):
    put(best.parent / "a.png")
    put(best.parent / "predictions of mine" / "b.png")
    for _ in range(3):
        assert predict.text(annotate(str(best), str(best.parent))).startswith("2 images with")


def test_a_folder_that_is_named_is_written_again_and_that_is_said(best, tmp_path, caplog):
    put(tmp_path / "in" / "a.png")
    out = tmp_path / "out"
    annotate(str(best), str(tmp_path / "in"), out=out)
    assert not caplog.records
    annotate(str(best), str(tmp_path / "in"), out=out)
    assert "out holds earlier predictions; predictions.json and drawings of the same name are replaced" in caplog.text


def test_what_was_not_predicted_leaves_no_folder(best, tmp_path):
    (tmp_path / "mine").mkdir()
    for out in (None, tmp_path / "mine"):
        with pytest.raises(FileNotFoundError):
            annotate(str(best), str(tmp_path / "none.png"), out=out)
    assert files(best.parent) == {"best.pt"} and (tmp_path / "mine").is_dir()
    assert not (best.parent / "predictions").exists()


NOT_TEXT = [b"a\xff.png", b"a\xfe.png", b"a\\udcff.png", b"\xe9t\xe9.jpg", "été.png".encode(), b"d\xff/x.png"]


def test_names_that_are_no_text_are_predicted_and_told_apart(best, tmp_path):
    root = os.fsencode(tmp_path / "in")
    for name in NOT_TEXT:
        try:
            put(Path(os.fsdecode(os.path.join(root, name))))
        except OSError:
            pytest.skip("this file system takes no such names")
    text = predict.text(annotate(str(best), str(tmp_path / "in"), [*FAST, "test.ae_threshold=9"], tmp_path / "out"))
    assert text.startswith(f"{len(NOT_TEXT)} images with")
    found = named(tmp_path / "out")
    assert len(found) == len(NOT_TEXT) and "été.png" in found and {"a\\udcff.png", "a\\udcfe.png"} < found
    assert all(name.encode() for name in found)
    assert all(os.path.exists(os.path.join(os.fsencode(tmp_path / "out"), name)) for name in NOT_TEXT)


def test_a_single_image_and_a_video_of_such_a_name(best, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    writer = cv2.VideoWriter("a.avi", cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 64))
    for seed in range(2):
        writer.write(np.random.default_rng(seed).integers(0, 255, (64, 64, 3), np.uint8))
    writer.release()
    try:
        os.rename("a.avi", b"v\xff.avi")
    except OSError:
        pytest.skip("this file system takes no such names")
    freely = ["test.ae_threshold=9", "test.top_k=300"]
    text = predict.text(annotate(str(best), os.fsdecode(b"v\xff.avi"), freely, Path("out")))
    assert text.startswith("2 frames with") and set(os.listdir(b"out")) == {b"v\xff.mp4", b"predictions.json"}
    assert named(Path("out")) == {"v\\udcff.avi#0", "v\\udcff.avi#1"}


def test_a_video_keeps_its_time_where_frames_are_broken(best, tmp_path):
    path = film(tmp_path / "a.avi", (0, 2), frames=4)
    text = predict.text(annotate(str(best), str(path), FAST, tmp_path / "out"))
    assert text.startswith("2 frames with") and text.endswith("; 2 unreadable frames skipped")
    assert named(tmp_path / "out") == {"a.avi#1", "a.avi#3"}
    assert len(list(open_video(tmp_path / "out" / "a.mp4"))) == 4
    with pytest.raises(ValueError, match=r"no frame of .*b\.avi could be read"):
        annotate(str(best), str(film(tmp_path / "b.avi", range(4), frames=4)), FAST, tmp_path / "none")


def test_a_video_replaces_no_link_target_and_not_itself(best, tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "a.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 64))
    for _ in range(2):
        writer.write(np.zeros((64, 64, 3), np.uint8))
    writer.release()
    before = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.mp4").symlink_to(tmp_path / "a.mp4")
    assert "2 frames" in predict.text(annotate(str(best), str(tmp_path / "a.mp4"), out=tmp_path / "out"))
    with pytest.raises(ValueError, match="would be overwritten by its drawing"):
        annotate(str(best), str(tmp_path / "a.mp4"), out=tmp_path)
    assert (tmp_path / "a.mp4").read_bytes() == before and files(tmp_path / "out") == {"a.mp4", "predictions.json"}


def test_a_video_is_not_written_through_what_is_named_like_its_part(best, tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "a.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 64))
    writer.write(np.zeros((64, 64, 3), np.uint8))
    writer.release()
    (tmp_path / "out").mkdir()
    (tmp_path / "notes").write_text("mine")
    (tmp_path / "out" / ".a.mp4.part.mp4").symlink_to(tmp_path / "notes")
    assert annotate(str(best), str(tmp_path / "a.mp4"), FAST, tmp_path / "out").count == 1
    assert (tmp_path / "notes").read_text() == "mine"


@pytest.mark.parametrize(
    "names", [("a\udcff", "a\\udcff", "a\\\\udcff"), ("a\\b", "a\\\\b"), ("\udc80", "\\udc80", "\udc81")]
)
def test_identifiers_are_text_and_differ(names):
    found = [identifier(name) for name in names]
    assert len(set(found)) == len(names) and all(name.encode() for name in found)


@pytest.mark.parametrize("name", ["a.png", "été", "a\\b", "猫\u200d", "\\x1b"])
def test_names_that_are_text_stay(name):
    assert identifier(name) == name
