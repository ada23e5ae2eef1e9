"""Predict what a path or a camera's number stands for; write drawings or a video, and one json of all objects."""

import json
import logging
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from cornernet.prediction import media, outputs
from cornernet.prediction.predictor import Predictor
from cornernet.prediction.result import Result
from cornernet.system import writing

log = logging.getLogger("cornernet")


NAME = "predictions"  # of the folder, unless another is chosen
OTHERS = re.compile(r"[\ud800-\udfff]|\\ud[89a-f]")  # half characters, by which Python knows names that are no UTF-8


class Written:
    """What has been predicted so far; leaving it writes predictions.json, also after Ctrl-C and errors."""

    def __init__(self, folder: Path, new: bool, least: float, unit: str):
        """Folder that is written to, whether it was made for this, score from which boxes are counted, of what."""
        self.folder, self.new, self.least, self.unit = folder, new, least, unit
        self.rows: list[dict[str, Any]] = []
        self.count, self.boxes, self.skipped = 0, 0, 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if not self.count:
            if self.new:
                self.folder.rmdir()
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with writing.replacing(self.folder / "predictions.json") as temporary:
            temporary.write_text(json.dumps(self.rows, ensure_ascii=False) + "\n", encoding="utf-8")

    def add(self, found: Result, image_id: str) -> None:
        """Note the objects of an image."""
        rows, names = found.to_coco(identifier(image_id)), map(identifier, found.names)
        self.rows += [row | {"category_name": name} for row, name in zip(rows, names, strict=True)]
        self.count, self.boxes = self.count + 1, self.boxes + int((found.scores >= self.least).sum())

    def skip(self, error: Exception) -> None:
        """Name a file that could not be read, and count it."""
        log.warning("skipped: %s", error)
        self.skipped += 1


def identifier(name: str) -> str:
    r"""Name of a file -> the same as UTF-8 can write it: the byte 255 of a name that is none becomes \udcff.

    In names for which that could be mistaken \ is doubled, so that no two files get one name.
    """
    return name.replace("\\", "\\\\").encode("utf-8", "backslashreplace").decode() if OTHERS.search(name) else name


def annotate(checkpoint: str, source: str, overrides: Sequence[str] = (), out: Path | None = None) -> Written:
    """Predict an image, a folder, a video or a camera, and write what was found -> what was done.

    Unreadable images are named, skipped and counted. predictions.json has the rows of COCO's results format, with
    the file (and "#" and the frame's number) as image_id and the class's name beside its id. They go to the folder out,
    where those of before are replaced, or to a new one beside the checkpoint. Raises FileNotFoundError without
    images, ValueError if none could be read or a file would be overwritten that is not of an earlier prediction.
    """
    predictor = Predictor.load(checkpoint, overrides=overrides)
    folder = outputs.folder(checkpoint, out, NAME) if out else outputs.claimed(checkpoint, NAME)
    what = int(source) if source.isdigit() and not Path(source).exists() else source
    moving = media.is_video(what)
    least, unit = predictor.settings.test.draw_score, "frame" if moving else "image"
    with Written(folder, not out, least, unit) as written:
        if moving:
            _video(predictor, what, written)
        else:
            _images(predictor, source, written)
    if not written.count:
        number = f"the {written.skipped} images in {source}" if written.skipped else f"the frames of {source}"
        raise ValueError(f"none of {number} could be read")
    return written


def _images(predictor: Predictor, source: str, written: Written) -> None:
    path, folder = Path(source), written.folder
    files = media.find_images(source, *outputs.alike(folder, NAME))
    root = path if path.is_dir() else path.parent
    names = media.drawings(file.relative_to(root) for file in files)
    places = {str(file): folder / names[file.relative_to(root)] for file in files}
    _spare(folder, names.values(), files)
    with tqdm(total=len(files), desc="predict", unit="image") as bar:
        for found in predictor.stream(files, unreadable=written.skip):
            media.write_image(places[found.source], found.draw())
            written.add(found, str(Path(found.source).relative_to(root)))
            bar.update(written.count + written.skipped - bar.n)
        bar.update(len(files) - bar.n)


def _video(predictor: Predictor, source: str | int, written: Written) -> None:
    """Write the video with its boxes; a camera goes on until Ctrl-C."""
    video = media.open_video(source)
    path = written.folder / f"{Path(video.name).stem}.mp4"
    _spare(written.folder, [Path(path.name)], [] if isinstance(source, int) else [Path(source)])
    temporary, writer = path.with_name(f".{path.name}.part.mp4"), None
    temporary.unlink(missing_ok=True)  # a link would be followed
    try:
        for found in tqdm(predictor.stream(video), total=video.frames, desc="predict", unit="frame"):
            drawn = found.draw()
            writer = writer or media.video_writer(temporary, video.fps, drawn.shape[1::-1])
            writer.write(drawn)
            written.add(found, found.source)
    finally:
        if writer is not None:
            writer.release()
            os.replace(temporary, path)


def _spare(folder: Path, names: Iterable[Path], originals: Iterable[Path]) -> None:
    """Raise ValueError where writing files of these names into the folder would change what predicting has not written.

    A link is replaced by a drawing, and what it leads to stays. Says so where earlier predictions will be replaced.
    """
    held = {path.parent.resolve() / path.name for file in originals for path in (file, file.resolve())}
    places, cure = [folder / name for name in names], "give another folder with out="
    for place in places:
        if place.parent.resolve() / place.name in held:
            raise ValueError(f"{place} would be overwritten by its drawing; {cure}")
    inner = {folder / parent for name in names for parent in name.parents if parent.name}
    if links := sorted(path for path in inner if path.is_symlink()):
        raise ValueError(f"{links[0]} leads elsewhere, and nothing is written through links; {cure}")
    if (folder / "predictions.json").exists():
        log.warning("%s holds earlier predictions; predictions.json and drawings of the same name are replaced", folder)
    elif strange := [x for x in places if x.is_file() and not x.is_symlink() and x.stat().st_nlink == 1]:
        raise ValueError(f"{strange[0]} is there already, and of no earlier prediction; {cure}")
