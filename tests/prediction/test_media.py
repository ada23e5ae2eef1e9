"""Images, folders, videos: what is found, what can be opened, where drawings go."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from cornernet.prediction.media import drawing, find_images, write_image
from cornernet.prediction.video import is_video, open_video, video_writer


def test_images_are_found_by_name_in_all_folders(tmp_path):
    for name in ("b.JPG", "a.png", "x/c.webp", "notes.txt", "x.png/inside.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [str(path.relative_to(tmp_path)) for path in find_images(tmp_path)]
    assert names == ["a.png", "b.JPG", "x/c.webp", "x.png/inside.tif"]


def test_images_of_an_output_folder_inside_are_left_out(tmp_path):
    for name in ("in/a.png", "in/out/a.png", "in/outer/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for output, expected in (("in/out", ["a.png", "outer/b.png"]), ("in", None), (".", None), ("elsewhere", None)):
        found = find_images(tmp_path / "in", tmp_path / output)
        names = [str(path.relative_to(tmp_path / "in")) for path in found]
        assert names == (expected or ["a.png", "out/a.png", "outer/b.png"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("noext", "noext.png"), ("x.jfif", "x.jfif.png"), ("x.gif", "x.gif.png"), ("x.webp", "x.webp.png"),
        ("sub/x.JPG", "sub/x.JPG"), ("x.tiff", "x.tiff"), ("x.bmp", "x.bmp"), (".png", ".png.png"),
    ],
)  # fmt: skip
def test_a_drawing_keeps_an_ending_that_can_be_written(tmp_path, name, expected):
    path = drawing(tmp_path, Path(name))
    assert path == tmp_path / expected
    write_image(path, np.zeros((4, 4, 3), np.uint8))
    assert cv2.imread(str(path)).shape == (4, 4, 3)


def film(path, frames=5, size=(64, 48), fps=10):
    """A video whose frame i is grey of value 40 i."""
    writer = video_writer(path, fps, size)
    for i in range(frames):
        writer.write(np.full((size[1], size[0], 3), 40 * i, np.uint8))
    writer.release()
    return path


def test_a_video_has_the_frames_that_were_written(tmp_path):
    video = open_video(film(tmp_path / "sub" / "a.mp4"))
    assert (video.name, video.fps, video.frames) == ("a.mp4", 10, 5)
    shades = [round(float(frame.mean())) for frame in video]
    assert shades == pytest.approx([0, 40, 80, 120, 160], abs=3)
    assert not video.capture.isOpened()


def test_a_video_that_is_left_early_is_closed(tmp_path):
    video = open_video(film(tmp_path / "a.avi"))
    frames = iter(video)
    next(frames)
    frames.close()
    assert not video.capture.isOpened()


def test_what_is_no_video_is_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"not a video")
    with pytest.raises(ValueError, match=r"a\.mp4 cannot be opened as a video"):
        open_video(tmp_path / "a.mp4")
    with pytest.raises(FileNotFoundError, match=r"there is no video .*none\.mp4"):
        open_video(tmp_path / "none.mp4")
    with pytest.raises(ValueError, match="camera 97 cannot be opened"):
        open_video(97)
    with pytest.raises(OSError, match="cannot be written as a video of 0x0"):
        video_writer(tmp_path / "b.mp4", 25, (0, 0))


def test_a_video_is_known_by_its_ending(tmp_path):
    (tmp_path / "frames.mp4").mkdir()
    assert is_video(0) and is_video("a.MP4") and is_video(Path("x/b.mkv"))
    assert not is_video("a.jpg") and not is_video(tmp_path / "frames.mp4") and not is_video(tmp_path)


def test_a_image_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(OSError, match="could not be written"):
        write_image(tmp_path / "x.png", np.zeros((0, 0, 3), np.uint8))


def test_an_ending_that_is_no_text_is_refused_before_opencv_sees_it(tmp_path):
    with pytest.raises(OSError, match=r"could not be written: its ending must be \.bmp"):
        write_image(tmp_path / "a.\udcff", np.zeros((4, 4, 3), np.uint8))
