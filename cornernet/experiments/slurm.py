"""The trainings of a comparison as jobs of SLURM, by submitit: each claims, trains and scores one point."""

import logging
from collections.abc import Callable
from typing import Any

from cornernet.experiments.grid import Plan
from cornernet.experiments.points import Point

log = logging.getLogger("cornernet")
FOLDER = "jobs"  # in the comparison's, of what submitit writes
Work = Callable[[Plan, list[Point]], list[str]]


def submit(found: Plan, wanted: list[Point], work: Work) -> list[str]:
    """Hand every point to a job that does its work, and wait -> names of the trainings that failed.

    found.slurm holds what `submitit.AutoExecutor.update_parameters` takes, and `cluster`: slurm, or local or debug, to
    try it out without. A job that its time limit ends has failed; the same command goes on. Raises ValueError for an
    option that submitit does not know, and where it is not installed.
    """
    if not wanted:
        return []
    executor = _executor(str(found.folder / FOLDER), found.slurm)
    with executor.batch():
        jobs = [(point, executor.submit(work, found, [point])) for point in wanted]
    log.info("%d jobs: %s", len(jobs), ", ".join(job.job_id for _, job in jobs))
    failed: list[str] = []
    for point, job in jobs:
        try:
            failed += job.result()
        except Exception as error:  # whatever ended the job; submitit raises it here
            reason = str(error).strip().rpartition("\n")[2]
            log.warning("%s, job %s: %s: %s", point.name, job.job_id, type(error).__name__, reason)
            failed.append(point.name)
    return failed


def _executor(folder: str, options: dict[str, Any]) -> Any:
    try:
        import submitit
    except ImportError:
        raise ValueError("executor=slurm needs submitit: pip install 'cornernet[slurm]'") from None
    rest = {key: value for key, value in options.items() if key != "cluster"}
    try:
        executor = submitit.AutoExecutor(folder, cluster=options.get("cluster", "slurm"))
        executor.update_parameters(**rest)
    except (NameError, TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise ValueError(f"slurm: {' '.join(str(error).split())}") from None
    return executor
