"""What moves: a video file, a camera, a stream; and writing videos."""

import logging
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np

from cornernet.system.wording import counted

log = logging.getLogger("cornernet")
VIDEOS = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"}
STREAM = re.compile(r"(https?|rtsp|rtsps)://", re.IGNORECASE)
FPS = 25.0  # of a camera or file that does not say
PATIENCE = 10.0  # seconds without a frame until a stream counts as ended
TRIES = 10_000  # frames in a row that cannot be read until a file counts as ended, whatever its header says
NEAR = 0.1  # of the time of a frame, by which those of a steady video are off
STEADY = 8  # frames of which that must be known before a gap between two is believed
NAMED = 5  # frames that could not be read whose numbers are told


@dataclass(frozen=True)
class Video:
    """An opened video file, camera or stream."""

    name: str
    fps: float
    frames: int | None  # as the file's header has it; None: unknown, as of a camera
    capture: cv2.VideoCapture
    patience: float | None = None  # of a stream, seconds
    tries: int = 0  # frames in a row that may be broken
    lost: list[int] = field(default_factory=list)  # numbers of the frames so far that could not be read

    def __iter__(self) -> Iterator[np.ndarray]:
        """Frames [h, w, 3] uint8 BGR until the end; the capture is closed when the loop is left."""
        return (frame for _, frame in self.numbered())

    def numbered(self) -> Iterator[tuple[int, np.ndarray]]:
        """Number in the video, from 0, and frame of those that can be read; what could not be is said at the end."""
        began, clock, number, failed = time.monotonic(), Clock(self.fps), 0, 0
        try:
            while failed <= self.tries:
                done, frame = self.capture.read()
                if done:
                    passed = clock.passed(self.capture.get(cv2.CAP_PROP_POS_MSEC), failed)
                    lost = passed - 1 if passed and self._has(number + passed - 1) else failed
                    self.lost.extend(range(number, number + lost))
                    number, failed = number + lost, 0
                    yield number, np.ascontiguousarray(frame)
                    began, number = time.monotonic(), number + 1
                elif self._has(number + failed):
                    failed += 1
                else:
                    break
            if self.patience and time.monotonic() - began >= self.patience:
                log.warning("%s gave no frame for %g seconds, which ends it", self.name, self.patience)
            self._sum_up(number, failed)
        finally:
            self.capture.release()

    def _has(self, number: int) -> bool:
        """Whether the video may have a frame of this number."""
        return self.tries > 0 and (self.frames is None or number < self.frames)

    def _sum_up(self, number: int, failed: int) -> None:
        """Note the frames behind the last one that was read, as far as the header is to be believed, and say it."""
        if failed <= self.tries and self.frames is not None:
            self.lost.extend(range(number, number + failed))
        elif failed and self.frames is not None:
            log.warning("%s ends after %s, though its header says %d", self.name, counted(number, "frame"), self.frames)
        if self.lost:
            first = ", ".join(map(str, self.lost[:NAMED])) + (", ..." if len(self.lost) > NAMED else "")
            whole = max(self.frames or 0, self.lost[-1] + 1, number) if failed <= self.tries else number
            log.warning("%s: %d of %s could not be read: %s", self.name, len(self.lost), counted(whole, "frame"), first)


class Clock:
    """Tells from the times of frames how many have passed since the one before, where a video is steady."""

    def __init__(self, fps: float):
        """Frames a second."""
        self.fps, self.before, self.known, self.steady = fps, 0.0, 0, True

    def passed(self, milliseconds: float, failed: int) -> int:
        """Time of a frame, and how many could not be read before it -> frames since the last one; 0: in doubt."""
        apart, self.before = (milliseconds - self.before) * self.fps / 1000, milliseconds
        self.known += 1
        if self.known == 1:
            return 0
        self.steady &= apart > 0.5 and abs(apart - round(apart)) <= NEAR
        believed = self.steady and (failed > 0 or self.known > STEADY) and round(apart) <= TRIES
        self.steady &= believed or round(apart) == 1
        return round(apart) if believed else 0


def is_stream(source: str | os.PathLike[str] | int) -> bool:
    """Whether a source is the address of a stream."""
    return isinstance(source, str) and STREAM.match(source) is not None


def is_video(source: str | os.PathLike[str] | int) -> bool:
    """Whether a source is a camera's number, a file with the ending of a video or a stream."""
    if isinstance(source, int) or is_stream(source):
        return True
    return Path(source).suffix.lower() in VIDEOS and not Path(source).is_dir()


def open_video(source: str | os.PathLike[str] | int) -> Video:
    """Video file, camera's number or address of a stream -> Video; raises FileNotFoundError, or ValueError if it cannot
    be opened.
    """
    if is_stream(source):
        return _open_stream(str(source))
    if isinstance(source, int) and source < 0:
        raise ValueError(f"cameras are numbered from 0, got {source}")
    if not isinstance(source, int) and not Path(source).is_file():
        raise FileNotFoundError(f"there is no video {source}")
    capture = _captured(source if isinstance(source, int) else _name(source))
    if not capture.isOpened():
        what = f"camera {source}" if isinstance(source, int) else f"{source}"
        raise ValueError(f"{what} cannot be opened as a video")
    name = f"camera{source}" if isinstance(source, int) else Path(source).name
    frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    tries = 0 if isinstance(source, int) else TRIES
    return Video(name, _fps(capture), frames if frames > 0 else None, capture, tries=tries)


def _open_stream(address: str) -> Video:
    """Address -> Video of unknown length, which ends where no frame comes for PATIENCE seconds."""
    patience = PATIENCE
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(1000 * patience)]
    limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(1000 * patience)]
    capture = _captured(address, cv2.CAP_FFMPEG, limits)
    if not capture.isOpened():
        raise ValueError(f"{without_password(address)} cannot be opened as a video stream within {patience:g} seconds")
    parts = urlsplit(address)
    name = re.sub(r"[^\w.-]", "_", Path(parts.path).name or parts.hostname or "stream")
    return Video(name, _fps(capture), None, capture, patience)


def without_password(address: str) -> str:
    """Address without the name and password that it may hold."""
    return re.sub(r"//[^/@]*@", "//", address)


def _captured(source: Any, *how: Any) -> cv2.VideoCapture:
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # we say it in one line
    try:
        return cv2.VideoCapture(source, *how)
    finally:
        cv2.utils.logging.setLogLevel(level)


def _name(path: str | os.PathLike[str]) -> Any:
    """The path as bytes, which OpenCV takes as well, for a name may be no UTF-8."""
    return os.fsencode(path)


def _fps(capture: cv2.VideoCapture) -> float:
    fps = capture.get(cv2.CAP_PROP_FPS)
    return fps if 0 < fps < 1000 else FPS


def video_writer(path: Path, fps: float, size: tuple[int, int]) -> cv2.VideoWriter:
    """Writer of an mp4 of (width, height) = size, to be released; raises OSError if it cannot be opened."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(_name(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    if not writer.isOpened():
        raise OSError(f"{path} cannot be written as a video of {size[0]}x{size[1]} at {fps:g} frames a second")
    return writer
