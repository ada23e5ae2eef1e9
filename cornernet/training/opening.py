"""The way into a run's folder: chosen, claimed for this run alone, and nothing of the user's in it overwritten."""

import dataclasses
import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path

from cornernet import config
from cornernet.config import Config
from cornernet.prediction import outputs
from cornernet.system import locking, writing
from cornernet.system.locking import Lock
from cornernet.system.reading import present
from cornernet.training import run_folder
from cornernet.version import PLUGINS

log = logging.getLogger("cornernet")
DRAWN = ("curves.png", "predictions.png")
WRITTEN = (  # what a run writes over without asking
    run_folder.LAST, run_folder.PREVIOUS, run_folder.DAMAGED, run_folder.BEST, run_folder.BAD_BATCH,
    "log.csv", "eval.csv", "classes.csv", "gradients.csv", "metrics.json",
    "predictions.json", "split.json", *DRAWN,
)  # fmt: skip
FILLED = ("report", "tensorboard")  # folders in it, as a whole
SIGNS = (
    run_folder.LAST,
    run_folder.PREVIOUS,
    "log.csv",
    "tensorboard",
    locking.FILE,
)  # that a config.yaml lies in a run's folder
HEAD = "# the settings of the run in this folder; a file that is changed is left as it is, sha256 "
AGAIN = 60.0  # seconds in which the process that torchrun replaces must be gone


def at_home(settings: Config, path: str | Path, overrides: Sequence[str]) -> Config:
    """The settings that were read from `path`; a run's own config.yaml resumes the run in the folder it lies in.

    That holds for train.resume=auto where no override names a work_dir, also after the folder was copied or moved.
    """
    folder = Path(path).parent
    if settings.train.resume != "auto" or any(text.startswith("work_dir=") for text in overrides):
        return settings
    if Path(path).name not in ("config.yaml", "resolved.yaml") or not any((folder / sign).exists() for sign in SIGNS):
        return settings
    if settings.work_dir and not _of_a_run(Path(path)):
        return settings
    return dataclasses.replace(settings, work_dir=str(folder))


@contextmanager
def claimed(settings: Config, name: str) -> Iterator[tuple[Path, str]]:
    """The run's folder, made and locked as long as the block lasts, and what to resume from (see train.resume).

    A launch of torchrun that starts again goes on in its own folder, from its last checkpoint if there is one. What
    was made is removed again if the block fails before it has written anything. Raises ValueError as
    `run_folder.folder` does, locking.InUse where another run has the folder, and ValueError where one of the inputs
    would be overwritten.
    """
    again = run_folder.again(settings.work_dir, name)
    resume_from = "auto" if again is not None and _holds_last(again) else settings.train.resume
    folder, made = _made(settings.work_dir, name, resume_from, again)
    with Lock(folder, AGAIN if run_folder.restarted() else locking.PATIENCE) as lock:
        try:
            if again is None and settings.work_dir:  # now that no one else can put a run into it
                run_folder.folder(settings.work_dir, name, resume_from)
            _spare_inputs(folder, settings)
            if again is None:
                _spare_best(folder, resume_from)
            writing.sweep(folder, elsewhere=lock.number is not None)
            with run_folder.outliving_the_disk(str(folder / run_folder.LAUNCH)):
                run_folder.mark(folder)
            yield folder, resume_from
        except BaseException:
            if made:
                _unmake(folder, lock)
            raise


def _made(work_dir: str, name: str, resume_from: str, again: Path | None) -> tuple[Path, bool]:
    """The run's folder, and whether it was made here; of two that want the same new number one takes the next."""
    if again is not None:
        return again, False
    while True:
        folder = outputs.checked(Path(work_dir) if work_dir else run_folder.folder("", name, resume_from))
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir()
            return folder, True
        except FileExistsError:
            if work_dir or resume_from == "auto":
                folder.mkdir(exist_ok=True)  # raises for a file of that name
                return folder, False


def _unmake(folder: Path, lock: Lock) -> None:
    """Remove a folder that holds nothing but what opening it has put there."""
    with run_folder.outliving_the_disk(f"the removal of {folder}"):
        if {path.name for path in folder.iterdir()} <= {run_folder.LAUNCH, locking.FILE}:
            (folder / run_folder.LAUNCH).unlink(missing_ok=True)
            lock.release()
            folder.rmdir()


def _holds_last(folder: Path) -> bool:
    return any(present(folder / name) for name in (run_folder.LAST, run_folder.PREVIOUS))


def _inputs(settings: Config) -> Iterator[tuple[str, Path]]:
    """Key and path of every file that the settings name, and of images that are named like what a run draws."""
    files = {"train.init": settings.train.init, "model.backbone.weights": settings.model.backbone.weights}
    if settings.train.resume != "auto":
        files["train.resume"] = settings.train.resume
    yield from ((key, Path(text)) for key, text in files.items() if text)
    root = Path(settings.data.root).expanduser()
    for name in ("train", "val") if settings.data.name == "coco" else ():
        part = getattr(settings.data, name)
        if part.annotations:
            yield f"data.{name}.annotations", root / Path(part.annotations).expanduser()
        images = root / Path(part.images).expanduser()
        yield from ((f"an image of data.{name}.images", images / drawn) for drawn in DRAWN)


def _spare_inputs(folder: Path, settings: Config) -> None:
    """Raise ValueError where the run would write over a file that it is given."""
    for key, given in _inputs(settings):
        inside = any(_under(folder / name, given) for name in FILLED)
        own = given.name in DRAWN and (folder / "log.csv").exists()  # where images and a run share a folder
        if not own and (inside or any(_same(folder / name, given) for name in WRITTEN)):
            raise ValueError(
                f"{key} is {given}, which a run in work_dir {folder} would write over; "
                "name another work_dir, or give the file another name"
            )


def _same(first: Path, second: Path) -> bool:
    return first.exists() and second.exists() and os.path.samefile(first, second)


def _under(folder: Path, path: Path) -> bool:
    """Whether the path lies in the folder, by the names of both or where links lead."""
    return path.exists() and folder.resolve() in path.resolve().parents


def _spare_best(folder: Path, resume_from: str) -> None:
    """Raise ValueError where train.resume=auto would start anew over a best.pt."""
    best = folder / run_folder.BEST
    if resume_from == "auto" and best.exists() and not _holds_last(folder):
        raise ValueError(
            f"work_dir {folder} holds {run_folder.BEST} and no {run_folder.LAST} to go on from, so that the run would "
            f"start anew and write over it; train.init={best} in another work_dir starts from its weights"
        )


def record(settings: Config, folder: Path) -> None:
    """Write the settings to config.yaml, or to resolved.yaml where someone else's or a changed config.yaml stands."""
    text = f"# plug-ins of contract {PLUGINS}, docs/plugins.md\n{config.text(settings)}"
    text = f"{HEAD}{_digest(text)}\n{text}"
    names = chain(("config.yaml", "resolved.yaml"), (f"resolved-{number}.yaml" for number in count(2)))
    path = next(path for name in names if not os.path.lexists(path := folder / name) or _untouched(path))
    writing.write(path, text)
    if path.name != "config.yaml":
        log.info("%s is not the run's own and stays; the run's settings are in %s", folder / "config.yaml", path)


def recorded(folder: Path) -> Path:
    """File with the settings of the run in a folder."""
    resolved = folder / "resolved.yaml"
    return resolved if resolved.exists() and _untouched(resolved) else folder / "config.yaml"


def _of_a_run(path: Path) -> bool:
    """Whether a run wrote the file, changed since or not."""
    return path.read_text(encoding="utf-8", errors="replace").startswith(HEAD)


def _untouched(path: Path) -> bool:
    """Whether the file is as a run wrote it, so that nothing of anyone's is lost with it."""
    if not path.is_file() or path.is_symlink():
        return False
    head, _, text = path.read_text(encoding="utf-8", errors="replace").partition("\n")
    return head == HEAD + _digest(text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
