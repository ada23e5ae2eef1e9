"""What a run writes for people: progress bar, tables (CSV), TensorBoard, curves and images."""

import logging
import math
import time
from pathlib import Path

import cv2
import torch
from accelerate import Accelerator
from torch import Tensor
from tqdm import tqdm

from cornernet import drawing
from cornernet.detectors import Detector
from cornernet.evaluation import Metrics, table
from cornernet.hardware import peak_bytes
from cornernet.prediction import drawn
from cornernet.system import writing
from cornernet.system.printing import printable, say
from cornernet.system.progress import Progress
from cornernet.system.wording import counted
from cornernet.training import run_folder
from cornernet.training.sheet import predictions
from cornernet.training.state import State
from cornernet.training.telling import Callbacks

log = logging.getLogger("cornernet")


class RunLogger:
    """Collects the loss terms of the steps and writes their means over steps and processes, in the main process."""

    def __init__(
        self, folder: Path, step: int, steps: int, accelerator: Accelerator, callbacks: Callbacks | None = None
    ):
        self.callbacks = callbacks or Callbacks()
        self.title, self.note = "", ""  # of curves.png
        self.folder, self.accelerator, self.writes = folder, accelerator, accelerator.is_main_process
        self.sums: dict[str, Tensor] = {}
        self.count, self.images, self.since, self.told = 0, 0, time.perf_counter(), False
        self.bad: Tensor | int = 0
        self.cut: Tensor | int = 0
        self.bar = Progress(steps, "step", begun=step, shown=self.writes)
        if self.writes:
            from torch.utils.tensorboard import SummaryWriter  # slow to import, needed only here

            names = "log.csv", "eval.csv", "classes.csv", "gradients.csv"
            self.losses, self.scores, self.classes, self.pulls = (run_folder.Table(folder / x, step) for x in names)
            self.board = None
            with run_folder.outliving_the_disk(str(folder / "tensorboard")):
                self.board = SummaryWriter(folder / "tensorboard", purge_step=step or None)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.bar.close()
        self._tell_cut(last=True)
        if self.writes and self.board is not None:
            with run_folder.outliving_the_disk(str(self.folder / "tensorboard")):
                self.board.close()

    def tick(self, terms: dict[str, Tensor], images: int, cut: Tensor | int = 0, bad: Tensor | int = 0) -> None:
        """Note one step's terms, its number of images and of objects cut; the means leave it out where `bad` is 1.

        All tensors are 0-dim, on the device, and not read here.
        """
        self.cut, bad = self.cut + cut, torch.as_tensor(bad)
        good = {name: torch.where(bad > 0, 0, value.detach()) for name, value in terms.items()}
        self.sums = {name: self.sums.get(name, 0) + value for name, value in good.items()}
        self.count, self.images, self.bad = self.count + 1, self.images + images, self.bad + bad
        self.bar.update()

    def flush(self, step: int, rate: float) -> None:
        """Write the means since the last row, and how many steps are left out of them; every process calls this."""
        if not self.count:
            return
        left_out = torch.as_tensor(self.bad, dtype=torch.float32, device=self.accelerator.device)
        figures = torch.stack([left_out, *self.sums.values()])
        bad, *sums = self.accelerator.reduce(figures, "mean").tolist()
        good = self.count - round(bad)
        means = {name: value / good for name, value in zip(self.sums, sums, strict=True)} if good else {}
        self._tell_cut()
        speed = self.images / (time.perf_counter() - self.since)
        self.sums, self.count, self.bad, self.images, self.since = {}, 0, 0, 0, time.perf_counter()
        if self.writes and means:
            self.bar.note(" ".join(f"{k}={v:.3g}" for k, v in means.items()) + f" lr={rate:.2g} {speed:.1f} img/s")
            skipped = {"skipped": round(bad)} if bad else {}
            used = {"images_per_s": speed, "memory_mib": peak_bytes(self.accelerator.device) / 2**20}
            row = {"lr": rate, **used, **means, **skipped}
            with run_folder.outliving_the_disk(str(self.folder / "log.csv")):
                self.losses.add({"step": step, **row})
            self._show("train", row, step)
            self.callbacks.tell("step_logged", step, row)

    def _show(self, group: str, figures: dict[str, float], step: int) -> None:
        """Hand figures to TensorBoard."""
        if self.board is not None:
            with run_folder.outliving_the_disk(str(self.folder / "tensorboard")):
                for name, value in figures.items():
                    self.board.add_scalar(f"{group}/{name}", value, step)

    def gradients(self, step: int, norms: dict[str, float]) -> None:
        """Write the norm of every term's gradient at the shared features, where it is finite."""
        row = {name: value for name, value in norms.items() if math.isfinite(value)}
        if self.writes and row:
            with run_folder.outliving_the_disk(str(self.folder / "gradients.csv")):
                self.pulls.add({"step": step, **row})
            self._show("gradient", row, step)

    def _tell_cut(self, last: bool = False) -> None:
        """Say once, and at the end how often, that images had more objects than there are slots."""
        if self.writes and int(self.cut) and (last or not self.told):
            self.told = True
            cut = counted(int(self.cut), "object")
            log.warning("%s so far cut; a larger data.max_objects trains on all of them", cut)

    def curves(self) -> None:
        """Draw curves.png anew from the rows written so far; neither this nor the save before counts as training."""
        if self.writes:
            drawing.curves(self.folder, self.title, self.note)
        self.since = time.perf_counter()

    def evaluation(
        self, state: State, metrics: Metrics, detector: Detector, source, losses: dict[str, float] | None = None
    ) -> None:
        """Print the table, note the figures, refresh the curves and the image of six predictions.

        losses: terms of the validation loss, whose columns are `val_<term>`.
        """
        if not self.writes:
            return
        with tqdm.external_write_mode():
            say(table(metrics))
        losses = losses or {}
        columns = {f"val_{name}": value for name, value in losses.items()}
        self.scores.add({"step": state.step, **metrics.figures(), **columns})
        per_class = [
            {"step": state.step, "class": printable(c.name), "AP": c.AP, "AP50": c.AP50} for c in metrics.per_class
        ]
        self.classes.add(*per_class)
        self._show("val", metrics.figures() | losses, state.step)
        self.curves()
        least = drawn(state.config.test.draw_score, state.best_f1)
        image = predictions(detector, source, state.config, least, metrics.image_f1)
        if image is not None:
            writing.write(self.folder / "predictions.png", cv2.imencode(".png", image)[1].tobytes())
            if self.board is not None:
                self.board.add_image("val/predictions", image[:, :, ::-1].copy(), state.step, dataformats="HWC")
        self.since = time.perf_counter()
