"""Predict what a path or a camera's number stands for; write drawings or a video, and one json of all objects."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from cornernet import outputs, pictures
from cornernet.predictor import Predictor
from cornernet.result import Result

log = logging.getLogger("cornernet")


class Written:
    """What has been predicted so far; leaving it writes predictions.json, also after Ctrl-C and errors."""

    def __init__(self, folder: Path, least: float, unit: str):
        self.folder, self.least, self.unit = folder, least, unit
        self.rows: list[dict[str, Any]] = []
        self.count, self.boxes, self.skipped = 0, 0, 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.count:
            self.folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(self.rows, ensure_ascii=False)
            (self.folder / "predictions.json").write_text(text + "\n", encoding="utf-8")

    def add(self, found: Result, image_id: str) -> None:
        """Note the objects of a picture."""
        names = found.names
        self.rows += [row | {"category_name": name} for row, name in zip(found.to_coco(image_id), names, strict=True)]
        self.count, self.boxes = self.count + 1, self.boxes + int((found.scores >= self.least).sum())

    def skip(self, error: Exception) -> None:
        """Name a file that could not be read, and count it."""
        log.warning("skipped: %s", error)
        self.skipped += 1

    def __str__(self) -> str:
        unit = self.unit if self.count == 1 else f"{self.unit}s"
        text = f"{self.count} {unit} with {self.boxes} boxes of score >= {self.least:g} written to {self.folder}"
        return text + (f"; {self.skipped} unreadable pictures skipped" if self.skipped else "")


def annotate(checkpoint: str, source: str, overrides: Sequence[str] = ()) -> str:
    """Predict a picture, a folder, a video or a camera, and write what was found -> what was done.

    Unreadable pictures are named, skipped and counted. predictions.json has the rows of COCO's results format, with
    the file (and "#" and the frame's number) as image_id and the class's name beside its id. Raises FileNotFoundError
    without pictures, ValueError if none could be read or a drawing would overwrite its picture.
    """
    chosen, overrides = outputs.split(overrides)
    predictor = Predictor.load(checkpoint, overrides=overrides)
    folder = outputs.folder(checkpoint, chosen, "predictions")
    what = int(source) if source.isdigit() and not Path(source).exists() else source
    moving = pictures.is_video(what)
    with Written(folder, predictor.settings.test.draw_score, "frame" if moving else "picture") as written:
        (_video if moving else _pictures)(predictor, what, written)
    if not written.count:
        number = f"the {written.skipped} pictures in {source}" if written.skipped else f"the frames of {source}"
        raise ValueError(f"none of {number} could be read")
    return str(written)


def _pictures(predictor: Predictor, source: str, written: Written) -> None:
    files, path = pictures.find_pictures(source, written.folder), Path(source)
    root = path if path.is_dir() else path.parent
    places = {str(file): pictures.drawing(written.folder, file.relative_to(root)) for file in files}
    if taken := [file for file, place in places.items() if place.resolve() == Path(file).resolve()]:
        raise ValueError(f"{taken[0]} would be overwritten by its drawing; give another folder with out=")
    with tqdm(total=len(files), desc="predict", unit="image") as bar:
        for found in predictor.stream(files, unreadable=written.skip):
            pictures.write_picture(places[found.source], found.draw())
            written.add(found, str(Path(found.source).relative_to(root)))
            bar.update(written.count + written.skipped - bar.n)
        bar.update(len(files) - bar.n)


def _video(predictor: Predictor, source: str | int, written: Written) -> None:
    """Write the video with its boxes; a camera goes on until Ctrl-C."""
    video = pictures.open_video(source)
    path = written.folder / f"{Path(video.name).stem}.mp4"
    if not isinstance(source, int) and path.resolve() == Path(source).resolve():
        raise ValueError(f"{source} would be overwritten by its drawing; give another folder with out=")
    writer = None
    try:
        for found in tqdm(predictor.stream(video), total=video.frames, desc="predict", unit="frame"):
            drawn = found.draw()
            writer = writer or pictures.video_writer(path, video.fps, drawn.shape[1::-1])
            writer.write(drawn)
            written.add(found, found.source)
    finally:
        if writer is not None:
            writer.release()
