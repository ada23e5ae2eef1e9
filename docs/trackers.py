"""Trackers that are told of a run: train.callbacks=[trackers.Wandb,trackers.Mlflow], with this file on the Python path.

Each imports its service when a run begins, so that the other need not be installed.
"""


class Wandb:
    """A run of Weights & Biases: settings, loss terms below train/, figures of evaluations below val/."""

    def run_started(self, config, folder):
        """Begin one; a run that goes on is another one there."""
        import wandb

        self.run = wandb.init(project="detectors", name=folder.name, config=config, dir=str(folder))

    def step_logged(self, step, figures):
        """Log the loss terms, the learning rate and the speed."""
        self.run.log({f"train/{name}": value for name, value in figures.items()}, step=step)

    def evaluation_done(self, step, metrics, folder):
        """Log the figures; -1, nothing to measure, is none."""
        self.run.log({f"val/{name}": value for name, value in metrics.items() if value >= 0}, step=step)

    def run_ended(self, state):
        """End it."""
        self.run.finish(exit_code=0 if state == "finished" else 1)


class Mlflow:
    """A run of MLflow, with the settings as the artifact config.yaml."""

    def run_started(self, config, folder):
        """Begin one."""
        import mlflow

        self.mlflow = mlflow
        mlflow.start_run(run_name=folder.name)
        mlflow.log_dict(config, "config.yaml")

    def step_logged(self, step, figures):
        """Log the loss terms, the learning rate and the speed."""
        self._log("train", figures, step)

    def evaluation_done(self, step, metrics, folder):
        """Log the figures."""
        self._log("val", {name: value for name, value in metrics.items() if value >= 0}, step)

    def run_ended(self, state):
        """End it."""
        self.mlflow.end_run({"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}[state])

    def _log(self, part, figures, step):
        self.mlflow.log_metrics({f"{part}/{name}": value for name, value in figures.items()}, step=step)
