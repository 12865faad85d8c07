"""What the jobs of a search that was killed have left in its folder."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from nw2v.errors import InputError
from nw2v.run_folder import read_metrics
from nw2v.sweeps.files import FINISHED, PRUNED, JobRecord, job_folders
from nw2v.sweeps.objectives import Objective
from nw2v.sweeps.study import Outcome


def ended_jobs(folder: Path, objectives: Sequence[Objective]) -> dict[int, Outcome]:
    """Read how the jobs of a sweep ended, as far as their records say so.

    Parameters
    ----------
    folder : Path
        The sweep's: one folder a job, with its record and metrics.json.
    objectives : sequence of Objective

    Returns
    -------
    dict of int to Outcome
        By number, the jobs that finished with all metrics or were pruned. A job that failed or
        was interrupted, or whose files cannot be read, is not among them: it is worth another try.
    """
    ended = {}
    for place in job_folders(folder):
        with suppress(InputError):
            record = JobRecord.read(place)
            if record.status == PRUNED:
                ended[record.job] = Outcome(pruned=True)
            elif record.status == FINISHED:
                metrics = read_metrics(place)
                values = [metrics.get(objective.metric) for objective in objectives]
                outcome = Outcome.of(values, len(objectives))
                if outcome.values is not None:
                    ended[record.job] = outcome
    return ended
