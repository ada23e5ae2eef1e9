"""Writes what happens in a run to events.jsonl in its folder, a line of JSON each, for programs that follow a run."""

import json
import time


class json_lines:
    """A line each: {"event": "step", "time": seconds since 1970, "step": 20, "total": 3.2, ...}."""

    def run_started(self, config, folder):
        """Open the file; a run that goes on adds to it."""
        self.path = folder / "events.jsonl"
        self._add("started", folder=str(folder), seed=config["seed"])

    def step_logged(self, step, figures):
        """Add the loss terms."""
        self._add("step", step=step, **figures)

    def evaluation_done(self, step, metrics, folder):
        """Add the figures."""
        self._add("evaluation", step=step, **metrics)

    def run_ended(self, state):
        """Add how it ended."""
        self._add("ended", state=state)

    def _add(self, event, **values):
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": event, "time": time.time(), **values}) + "\n")
