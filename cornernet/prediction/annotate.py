"""Predict what paths, patterns, addresses or cameras' numbers stand for; write drawings and what was found."""

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from cornernet.prediction import given, media, outputs, thresholds, video
from cornernet.prediction.predictor import Predictor
from cornernet.prediction.thresholds import Least
from cornernet.prediction.written import ALL, Format, Written
from cornernet.system.progress import Progress, following

log = logging.getLogger("cornernet")
NAME = "predictions"  # of the folder, unless another is chosen
CURE = "give another folder with out="


class Job(NamedTuple):
    """What predicts, from which scores on objects are kept and drawn, and what is written."""

    predictor: Predictor
    kept: Least
    drawn: Least
    written: Written


def annotate(
    checkpoint: str,
    sources: str | Sequence[str],
    overrides: Sequence[str] = (),
    out: Path | None = None,
    score: float | str | None = None,
    form: Format = "coco",
    crops: bool = False,
) -> Written:
    """Predict images, folders, videos, streams or cameras, and write what was found -> what was done.

    sources: see `given`. score: from which objects are written into all files and drawn, a number or best_f1; None:
    those that are drawn, see test.draw_score, which if typed says by itself what is drawn. form: format of label files
    beside predictions.json, which is a COCO data set with the score of each annotation. crops: whether each object is
    written as an image too. Unreadable images are named, skipped and counted. All go to the folder out, where those of
    before are replaced, or to a new one beside the checkpoint. Raises FileNotFoundError without images, ValueError if
    none could be read or a file would be overwritten that is not of an earlier prediction.
    """
    predictor = Predictor.load(checkpoint, overrides=overrides)
    asked = predictor.draw_score if score is None else score
    kept = thresholds.chosen(asked, predictor.best_f1, len(predictor.class_names), checkpoint)
    drawn = predictor.draw_score if any(text.startswith("test.draw_score=") for text in overrides) else kept
    folder = outputs.folder(checkpoint, out, NAME) if out else outputs.claimed(checkpoint, NAME)
    sources = [sources] if isinstance(sources, str) else sources
    with Written(folder, not out, kept, form, crops) as written:
        job = Job(predictor, kept, drawn, written)
        found = given.given(sources, *outputs.alike(folder, NAME))
        videos = [video.open_video(source) for source in found.videos]
        _annotate(job, found, videos)
    if not written.count:
        what = ", ".join(video.without_password(source) for source in sources)
        tried = (
            f"image in {what} could be read, {written.skipped} tried"
            if written.skipped
            else f"frame of {what} could be read"
        )
        raise ValueError(f"no {tried}")
    return written


def _annotate(job: Job, found: given.Given, videos: list[video.Video]) -> None:
    folder, own = job.written.folder, job.written.names
    images = {file: given.name(file, found.root) for file in found.images}
    if clash := sorted(str(name) for name in images.values() if name.parts[0] in own - {ALL}):
        raise ValueError(f"{clash[0]} would be drawn among what else is written; predict that folder by itself")
    names = media.drawings(images.values(), [*own, *(f"{Path(one.name).stem}.mp4" for one in videos)])
    moving = [_drawn_video(k, videos) for k in range(len(videos))]
    originals = [*found.images, *(Path(x) for x in found.videos if not isinstance(x, int) and not video.is_stream(x))]
    _spare(folder, [*names.values(), *moving, *map(Path, own - {ALL})], originals)
    if images:
        _images(job, images, {str(file): folder / names[name] for file, name in images.items()})
    for one, name in zip(videos, moving, strict=True):
        job.written.unit = "image" if images else "frame"
        _video(job, one, folder / name)


def _drawn_video(k: int, videos: list[video.Video]) -> Path:
    """Name of the k-th video's drawing: a.mp4, or a-2.mp4 where another before it is called so."""
    stems = [Path(one.name).stem for one in videos[: k + 1]]
    again = stems.count(stems[k])
    return Path(f"{stems[k]}.mp4" if again == 1 else f"{stems[k]}-{again}.mp4")


def _images(job: Job, images: dict[Path, Path], places: dict[str, Path]) -> None:
    """Predict images, named as they are from their root, and write their drawings to the places."""
    written = job.written
    with Progress(len(images), "image", "predict") as bar:
        for found in job.predictor.stream(list(images), score_threshold=job.kept, unreadable=written.skip):
            media.write_image(places[found.source], found.draw(job.drawn))
            written.add(found, str(images[Path(found.source)]))
            bar.update(written.count + written.skipped - bar.done)
        bar.update(len(images) - bar.done)


def _video(job: Job, frames: video.Video, path: Path) -> None:
    """Write the video with its boxes; a camera goes on until Ctrl-C.

    For a frame that could not be read the one before is written again, so that the others keep their time.
    """
    temporary, writer = path.with_name(f".{path.name}.part.mp4"), None
    temporary.unlink(missing_ok=True)  # a link would be followed
    stream = job.predictor.stream(frames, score_threshold=job.kept)
    try:
        place, before = 0, None
        for found in following(stream, frames.frames, "frame", "predict"):
            drawn = found.draw(job.drawn)
            writer = writer or video.video_writer(temporary, frames.fps, drawn.shape[1::-1])
            number = int(found.source.rpartition("#")[2])
            for _ in range(place, number):
                writer.write(drawn if before is None else before)
            writer.write(drawn)
            place, before = number + 1, drawn
            job.written.add(found, found.source)
    finally:
        job.written.lost += len(frames.lost)
        if writer is not None:
            writer.release()
            os.replace(temporary, path)


def _spare(folder: Path, names: Iterable[Path], originals: Iterable[Path]) -> None:
    """Raise ValueError where writing files of these names into the folder would change what predicting has not written.

    A link is replaced by a drawing, and what it leads to stays. Says so where earlier predictions will be replaced.
    """
    held = {path.parent.resolve() / path.name for file in originals for path in (file, file.resolve())}
    places = [folder / name for name in names]
    for place in places:
        if place.parent.resolve() / place.name in held:
            raise ValueError(f"{place} would be overwritten by its drawing; {CURE}")
    inner = {folder / parent for place in places for parent in place.relative_to(folder).parents if parent.name}
    inner |= {path for place in places for path in (place, *place.rglob("*")) if place.is_dir() and path.is_dir()}
    if links := sorted(path for path in inner if path.is_symlink()):
        raise ValueError(f"{links[0]} leads elsewhere, and nothing is written through links; {CURE}")
    if (folder / ALL).exists():
        log.warning("%s holds earlier predictions; predictions.json and drawings of the same name are replaced", folder)
    elif strange := [x for x in places if x.exists() and not x.is_symlink() and (x.is_dir() or x.stat().st_nlink == 1)]:
        raise ValueError(f"{strange[0]} is there already, and of no earlier prediction; {CURE}")
