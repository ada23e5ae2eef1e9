"""Videos are read past their broken frames, and the frames keep their numbers."""

import struct

import cv2
import numpy as np
import pytest

from cornernet.prediction.video import Clock, open_video


def film(path, broken=(), count=None, frames=20):
    """An MJPEG whose frame i is grey of value 10 i, some of them zeros, with another count in its header."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for i in range(frames):
        writer.write(np.full((48, 64, 3), 10 * i, np.uint8))
    writer.release()
    data = bytearray(path.read_bytes())
    at = data.find(b"movi")
    for i in range(frames):
        at = data.find(b"00dc", at) + 4
        length = struct.unpack_from("<I", data, at)[0]
        if i in broken:
            data[at + 4 : at + 4 + length] = bytes(length)
    if count is not None:
        for place in (data.find(b"avih") + 8 + 16, data.find(b"strh") + 8 + 32):
            data[place : place + 4] = struct.pack("<I", count)
    path.write_bytes(data)
    return path


def numbers(video):
    return {number: round(float(frame.mean()) / 10) for number, frame in video.numbered()}


@pytest.mark.parametrize("broken", [(), (9,), (0,), (19,), (3, 4, 11), tuple(range(5, 15))])
def test_frames_keep_their_numbers(tmp_path, broken, caplog):
    video = open_video(film(tmp_path / "a.avi", broken))
    assert numbers(video) == {i: i for i in range(20) if i not in broken}
    assert video.lost == list(broken) and not video.capture.isOpened()
    words = f"{len(broken)} of 20 frames could not be read: {', '.join(map(str, broken[:5]))}"
    assert (words in caplog.text) == bool(broken)


@pytest.mark.parametrize("count", [0, 5, 20, 10**6, 2**31 - 1, 2**32 - 1])
def test_a_header_that_lies_comes_to_an_end(tmp_path, count, caplog):
    video = open_video(film(tmp_path / "a.avi", (3,), count))
    assert numbers(video) == {i: i for i in range(20) if i != 3} and video.lost == [3]
    assert ("ends after 20 frames, though its header says" in caplog.text) == (count > 20)
    assert "1 of 20 frames" in caplog.text


def test_frames_that_are_left_out_without_a_word_are_seen_by_their_times():
    clock = Clock(10)
    assert [clock.passed(100 * i, 0) for i in range(9)] == [*[0] * 8, 1]
    assert clock.passed(1100, 0) == 3 and clock.passed(1200, 0) == 1
    assert clock.passed(1500, 2) == 3
    uneven = Clock(10)
    assert [uneven.passed(t, 0) for t in [*range(0, 900, 100), 1030, 1100, 1400, 1500]] == [*[0] * 8, 1, *[0] * 4]


@pytest.mark.parametrize(
    ("name", "lost"), [("good.avi", []), ("broken_frame.avi", [19]), ("noisy.mp4", [*range(13, 25)])]
)
def test_the_cases(shared, name, lost):
    path = shared / "cases" / "videos" / name
    if not path.is_file():
        pytest.skip(f"{path} is not in the reference data")
    video = open_video(path)
    assert [number for number, _ in video.numbered()] == [i for i in range(60) if i not in lost] and video.lost == lost
