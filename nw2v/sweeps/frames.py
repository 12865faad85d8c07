"""A sweep as a table: one row a job, typed; and the curves of its jobs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nw2v.sweeps.folder import history_of, read_folder
from nw2v.sweeps.records import JOB_COLUMNS, Job, Sweep
from nw2v.sweeps.stored import read_stored, stored_history
from nw2v.tracking.runs import is_run_id

if TYPE_CHECKING:
    import pandas as pd

SECONDS = ("corpus", "training", "evaluation", "total")
CURVES = (
    *("train/loss", "train/seconds", "valid/loss"),
    *("valid/cross_entropy", "valid/cross_entropy_unigram"),
)


def load(sweep: str | os.PathLike[str], *, uri: str | None = None) -> pd.DataFrame:
    """Read a sweep: one row a job.

    Parameters
    ----------
    sweep : str or path-like
        The sweep's folder; or the MLflow run id of its parent run: then everything is read from
        the store, also on another machine and after the folder is gone.
    uri : str, optional
        The store of the run, as in `nw2v.tracking.store_address.resolve_uri`.

    Returns
    -------
    pandas.DataFrame
        In the order of job numbers. Columns ``job`` (int64), ``status`` ("FINISHED", "PRUNED",
        "RUNNING", "KILLED", "FAILED"), ``run_id``, ``folder``, ``failure``, ``fingerprint`` (of
        the text); every setting by its dotted key (int64 or Int64, float64, bool, text, or
        lists); every metric by its MLflow name (float64, NaN where not measured);
        ``seconds/corpus``, ``seconds/training``, ``seconds/evaluation``, ``seconds/total``
        (float64). ``frame.attrs`` has "swept" (the keys
        that vary), "metric" and "direction" (what ranks), "metrics" and "directions" (all of
        them), "source" ("folder" or "store"), "parent_run", "name", "command", "uri", "folder",
        "hosts", "fingerprints" and "started" (seconds since 1970).

    Raises
    ------
    InputError
        There is no such sweep, it is something else, or a file of it is damaged: says which.

    Examples
    --------
    >>> frame = nw2v.sweeps.load("multirun/2026-11-20/10-30-00")  # doctest: +SKIP
    >>> frame.groupby("model.window")["analogy/accuracy"].mean()  # doctest: +SKIP
    """
    frame = to_frame(read_sweep(sweep, uri))
    frame.attrs["source"] = "store" if _is_run_id(sweep) else "folder"
    return frame


def histories(
    sweep: str | os.PathLike[str],
    *,
    uri: str | None = None,
    metrics: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read how the metrics of all jobs went.

    Parameters
    ----------
    sweep, uri
        As for `load`.
    metrics : str or sequence of str, optional
        Only these; by default all that a folder has, and the losses, the held-out cross-entropies
        and the seconds of training from a store, which gives out each curve for itself.

    Returns
    -------
    pandas.DataFrame
        One row a report: ``job`` (int64), ``step`` (int64, tokens processed), one column a metric
        (float64, NaN where not measured), ordered by job and step.

    Raises
    ------
    InputError
        As `load`.
    """
    found = read_sweep(sweep, uri)
    if isinstance(metrics, str):
        metrics = [metrics]
    return histories_of(found.jobs, found.uri if _is_run_id(sweep) else None, metrics)


def histories_of(
    jobs: Iterable[Job], uri: str | None, metrics: Sequence[str] | None = None
) -> pd.DataFrame:
    """Read the curves of jobs: from their folders, or from the store at `uri`."""
    import pandas as pd

    parts = []
    for job in jobs:
        if uri is None:
            one = history_of(Path(job.folder)) if job.folder else None
        else:
            wanted = CURVES if metrics is None else metrics
            there = [name for name in wanted if name in job.metrics]
            one = stored_history(job.run_id, uri, there) if job.run_id and there else None
        if one is None or not len(one):
            continue
        if metrics is not None:
            one = one[["step", *(name for name in metrics if name in one.columns)]]
        parts.append(one.assign(job=job.number))
    if not parts:
        return pd.DataFrame({"job": pd.Series(dtype="int64"), "step": pd.Series(dtype="int64")})
    frame = pd.concat(parts, ignore_index=True)
    names = [name for name in frame.columns if name not in ("job", "step")]
    return frame[["job", "step", *names]].sort_values(
        ["job", "step"], kind="stable", ignore_index=True
    )


def read_sweep(sweep: str | os.PathLike[str], uri: str | None = None) -> Sweep:
    """Read a sweep from its folder, or from the store if it is given as a run id."""
    if _is_run_id(sweep):
        return read_stored(os.fspath(sweep), uri)
    return read_folder(Path(sweep))


def _is_run_id(sweep: str | os.PathLike[str]) -> bool:
    text = os.fspath(sweep)
    return is_run_id(text) and not Path(text).exists()


def to_frame(sweep: Sweep) -> pd.DataFrame:
    """Lay a sweep out as the table that `load` returns."""
    import pandas as pd

    jobs = sweep.jobs
    columns: dict[str, pd.Series] = {
        "job": pd.Series([job.number for job in jobs], dtype="int64"),
        **{
            name: _typed([getattr(job, name) for job in jobs])
            for name in JOB_COLUMNS
            if name != "job"
        },
    }
    for key in sorted({key for job in jobs for key in job.settings} - {*columns}):
        columns[key] = _typed([job.settings.get(key) for job in jobs])
    for name in sorted({name for job in jobs for name in job.metrics} - {*columns}):
        columns[name] = pd.Series([job.metrics.get(name) for job in jobs], dtype="float64")
    for part in SECONDS:
        columns.setdefault(
            f"seconds/{part}", pd.Series([job.seconds.get(part) for job in jobs], dtype="float64")
        )
    frame = pd.DataFrame(columns)
    frame.attrs |= {
        "name": sweep.name,
        "swept": list(sweep.swept),
        "metric": sweep.metrics[0],
        "direction": sweep.directions[0],
        "metrics": list(sweep.metrics),
        "directions": list(sweep.directions),
        "parent_run": sweep.parent_run,
        "command": sweep.command,
        "uri": sweep.uri,
        "folder": sweep.folder,
        "hosts": sorted({job.host for job in jobs if job.host}),
        "fingerprints": sorted({job.fingerprint for job in jobs if job.fingerprint}),
        "started": sweep.started,
    }
    return frame


def _typed(values: list[Any]) -> pd.Series:
    """Make a column of the narrowest type that holds the values; None is a missing one."""
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean" if None in values else "bool")
    if kinds == {int} and all(abs(value) < 2**63 for value in values if value is not None):
        return pd.Series(values, dtype="Int64" if None in values else "int64")
    if kinds and kinds <= {int, float}:
        return pd.Series(values, dtype="float64")
    if kinds == {str}:
        return pd.Series(values)
    return pd.Series(values, dtype="object")
