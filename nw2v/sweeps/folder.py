"""A sweep's folder: sweep.json, and one folder a job with its job.json, metrics and history.

A folder may come from a stranger: files are JSON and CSV only, and are refused where they are
larger than any that nw2v writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nw2v.errors import InputError
from nw2v.run_folder import METRICS_FILE, read_history, read_metrics
from nw2v.sweeps.files import FINISHED, KILLED, RUNNING, JobRecord, SweepRecord, job_folders
from nw2v.sweeps.objectives import read_objectives
from nw2v.sweeps.records import Job, Sweep
from nw2v.tracking.processes import HOST_TAG, has_vanished
from nw2v.tracking.run_values import JOB_FILE, SWEEP_FILE, VANISHED

if TYPE_CHECKING:
    import pandas as pd


def read_folder(folder: Path) -> Sweep:
    """Read what a sweep's folder holds of it.

    Parameters
    ----------
    folder : Path
        `hydra.sweep.dir` of a multirun, which may still be going on.

    Raises
    ------
    InputError
        If it is no sweep's folder, or a file in it is damaged: says which.
    """
    file = folder / SWEEP_FILE
    if not file.is_file():
        raise InputError(_why_not(folder))
    record = SweepRecord.read(folder)
    try:
        objectives = read_objectives(record.metric, record.direction)
    except InputError as error:
        raise InputError(f"{file} is damaged ({error}): mend or remove it") from None
    records = {place: JobRecord.read(place) for place in job_folders(folder)}
    keys = _settled_keys(records.values(), record.swept)
    jobs = sorted(
        (_read_job(place, one, keys) for place, one in records.items()), key=lambda job: job.number
    )
    return Sweep(
        name=folder.resolve().name,
        metrics=tuple(objective.metric for objective in objectives),
        directions=tuple(objective.direction for objective in objectives),
        swept=tuple(record.swept),
        jobs=tuple(jobs),
        command=record.command,
        parent_run=record.parent_run,
        uri=record.uri,
        folder=str(folder),
        started=record.started,
    )


def history_of(folder: Path) -> pd.DataFrame | None:
    """Read a job's curves: a column step and one a metric; None if it never trained.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    import pandas as pd

    records = read_history(folder)
    return pd.DataFrame(records) if records else None


def _why_not(folder: Path) -> str:
    if not folder.exists():
        return f"no sweep {folder}: give a sweep's folder or the MLflow run id of its parent run"
    if not folder.is_dir():
        return f"{folder} is a file, not a sweep's folder"
    if (folder / JOB_FILE).is_file() and (folder.absolute().parent / SWEEP_FILE).is_file():
        return (
            f"{folder} is one job of a sweep: give the sweep's folder, {folder.absolute().parent}"
        )
    if (folder / METRICS_FILE).is_file():
        return f"{folder} is the folder of one run, not of a sweep (nw2v train -m)"
    return f"{folder} is not a sweep's folder: it has no {SWEEP_FILE}"


def _settled_keys(records: Iterable[JobRecord], swept: Sequence[str]) -> set[str]:
    """Return the settings whose value is what training took for them, where they were left unset.

    Not those that were swept, of which null is one value, nor those that not all jobs have, as
    where a part of them was run by another version: these would seem to differ in them.
    """
    done = [record for record in records if record.status == FINISHED]
    keys = {key for record in done for key in record.settled} - {*swept}
    return {
        key
        for key in keys
        if all(key in one.settled or one.settings.get(key) is not None for one in done)
    }


def _read_job(folder: Path, record: JobRecord, settled: set[str]) -> Job:
    status, failure = record.status, record.failure
    if status == RUNNING and has_vanished(record.process):
        status, failure = KILLED, failure or VANISHED
    return Job(
        number=record.job,
        status=status,
        settings=record.settings
        | {key: value for key, value in record.settled.items() if key in settled},
        metrics=read_metrics(folder),
        seconds=record.seconds,
        run_id=record.run_id,
        folder=str(folder),
        failure=failure,
        host=record.process.get(HOST_TAG),
        fingerprint=record.corpus_fingerprint,
    )
