"""Streams: MJPEG from a server on this machine, its end, its silence, and what an address must not tell."""

import http.server
import json
import threading
import time

import cv2
import numpy as np
import pytest

import cornernet
from cornernet.prediction import video
from cornernet.prediction.annotate import annotate
from cornernet.prediction.video import is_stream, is_video, open_video, without_password

FRAMES = [np.full((48, 64, 3), 60 * i, np.uint8) for i in range(4)]


class Camera(http.server.BaseHTTPRequestHandler):
    """Serves four frames as MJPEG; /silent keeps the line open behind them."""

    def do_GET(self):
        if self.path == "/none":
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for frame in FRAMES:
            data = cv2.imencode(".jpg", frame)[1].tobytes()
            head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
            self.wfile.write(head + data + b"\r\n")
        self.wfile.flush()
        if self.path == "/silent":
            self.server.over.wait(20)

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def camera(monkeypatch):
    """Address of a server."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    server.over = threading.Event()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_frames_until_the_end(camera):
    stream = open_video(f"{camera}/stream")
    found = list(stream)
    assert stream.name == "stream" and stream.frames is None and stream.fps > 0
    assert [round(float(frame.mean())) for frame in found] == [0, 60, 120, 180] and found[0].shape == (48, 64, 3)


def test_a_silent_one_ends_after_a_while_and_that_is_said(camera, monkeypatch, caplog):
    monkeypatch.setattr(video, "PATIENCE", 0.5)
    began = time.monotonic()
    assert len(list(open_video(f"{camera}/silent"))) == 4
    assert 0.4 < time.monotonic() - began and "silent gave no frame for 0.5 seconds, which ends it" in caplog.text


def test_one_that_cannot_be_had_is_named_without_its_password(camera):
    with pytest.raises(ValueError, match=r"^http://127\.0\.0\.1:\d+/none cannot be opened as a video stream"):
        open_video(f"{camera}/none".replace("//", "//me:secret@"))


def test_addresses():
    assert (
        is_stream("rtsp://x/y") and is_video("HTTP://x/y.jpg") and not is_stream("http:/x") and not is_stream("a.mp4")
    )
    assert without_password("rtsp://me:pass@host/a@b") == "rtsp://host/a@b"


def test_it_is_predicted_and_drawn(camera, tiny_run, tmp_path):
    results = list(cornernet.Predictor.load(tiny_run / "best.pt")(f"{camera}/stream"))
    assert [one.source for one in results] == [f"stream#{i}" for i in range(4)]
    out = tmp_path / "out"
    done = annotate(str(tiny_run / "best.pt"), f"{camera}/stream", out=out)
    assert (done.count, done.unit) == (4, "frame") and {path.name for path in out.iterdir()} == {
        "stream.mp4", "predictions.json",
    }  # fmt: skip
    assert len(json.loads((out / "predictions.json").read_text())["images"]) == 4
    assert open_video(out / "stream.mp4").frames == 4
