"""A sweep in an MLflow store: its parent run, and one child run a job."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nw2v.errors import InputError
from nw2v.sweeps.files import FINISHED, KILLED, PRUNED, RUNNING
from nw2v.sweeps.objectives import read_objectives
from nw2v.sweeps.records import DEFAULT_DIRECTION, DEFAULT_METRIC, Job, Sweep
from nw2v.sweeps.stored_values import stored_value
from nw2v.tracking.processes import HOST_TAG, has_vanished
from nw2v.tracking.run_values import (
    COMMAND_TAG,
    FAILURE_TAG,
    JOB_TAG,
    KIND_TAG,
    OUTPUT_FOLDER_TAG,
    PARENT_TAG,
    PRUNED_TAG,
    SWEPT_TAG,
    VANISHED,
)
from nw2v.tracking.runs import get_run, readable_errors, search_runs
from nw2v.tracking.store import open_client
from nw2v.tracking.store_address import resolve_uri

if TYPE_CHECKING:
    import pandas as pd

_NAME_THE_STORE = "with --uri or MLFLOW_TRACKING_URI"


def read_stored(run_id: str, uri: str | None = None) -> Sweep:
    """Read a sweep from the MLflow store alone: its folder may be gone, or on another machine.

    Parameters
    ----------
    run_id : str
        The sweep's parent run.
    uri : str, optional
        The store, as in `nw2v.tracking.store_address.resolve_uri`.

    Raises
    ------
    InputError
        If there is no such run, or it is not a sweep's.
    """
    uri = resolve_uri(uri, origin="--uri")
    client, parent = get_run(run_id, uri, _NAME_THE_STORE)
    with readable_errors(run_id, uri, _NAME_THE_STORE):
        tags = parent.data.tags
        if tags.get(KIND_TAG) != "sweep":
            raise InputError(_why_not(client, parent))
        found = search_runs(
            client, [parent.info.experiment_id], f"tags.`{PARENT_TAG}` = '{run_id}'"
        )
        children = [run for run in found if run.data.tags.get(JOB_TAG, "").isdecimal()]
    settings = {key: stored_value(key, text) for key, text in parent.data.params.items()}
    try:
        objectives = read_objectives(
            settings.get("sweep.metric", DEFAULT_METRIC),
            settings.get("sweep.direction", DEFAULT_DIRECTION),
        )
    except InputError as error:
        raise InputError(
            f"MLflow run {run_id} has no usable sweep.metric and sweep.direction ({error})"
        ) from None
    newest: dict[int, Any] = {}
    for child in sorted(children, key=lambda run: run.info.start_time or 0):
        # A job that was done again has an older run under its number.
        newest[int(child.data.tags[JOB_TAG])] = child
    return Sweep(
        name=parent.info.run_name or run_id,
        metrics=tuple(objective.metric for objective in objectives),
        directions=tuple(objective.direction for objective in objectives),
        swept=_swept(tags.get(SWEPT_TAG)),
        jobs=tuple(_job(number, newest[number]) for number in sorted(newest)),
        command=tags.get(COMMAND_TAG),
        parent_run=run_id,
        uri=uri,
        folder=tags.get(OUTPUT_FOLDER_TAG),
        started=(parent.info.start_time or math.nan) / 1000,
    )


def stored_history(run_id: str, uri: str, metrics: Sequence[str]) -> pd.DataFrame:
    """Read the curves of some metrics of a run: a column step and one a metric."""
    import pandas as pd

    client = open_client(uri)
    with readable_errors(run_id, uri, _NAME_THE_STORE):
        columns = {
            name: {point.step: point.value for point in client.get_metric_history(run_id, name)}
            for name in metrics
        }
    frame = pd.DataFrame({name: pd.Series(curve, dtype=float) for name, curve in columns.items()})
    frame.index = frame.index.astype("int64").rename("step")
    return frame.sort_index().dropna(axis=1, how="all").reset_index()


def _why_not(client: Any, run: Any) -> str:
    tags, run_id = run.data.tags, run.info.run_id
    above = tags.get(PARENT_TAG)
    if above and client.get_run(above).data.tags.get(KIND_TAG) == "sweep":
        return f"MLflow run {run_id} is a job of a sweep: give its parent run, {above}"
    kind = tags.get(KIND_TAG)
    what = f"a {kind}" if kind else "a single run"
    return f"MLflow run {run_id} is {what}, not the parent run of a sweep (nw2v train -m)"


def _swept(text: str | None) -> tuple[str, ...]:
    try:
        keys = json.loads(text or "[]")
    except ValueError:
        return ()
    return tuple(key for key in keys if isinstance(key, str)) if isinstance(keys, list) else ()


def _job(number: int, run: Any) -> Job:
    tags, metrics = run.data.tags, dict(run.data.metrics)
    status, failure = run.info.status, tags.get(FAILURE_TAG)
    if status == FINISHED and PRUNED_TAG in tags:
        status = PRUNED
    if status == "SCHEDULED":
        status = RUNNING
    if status == RUNNING and has_vanished(tags):
        status, failure = KILLED, failure or VANISHED
    seconds = {}
    if "train/seconds" in metrics:
        seconds["training"] = metrics["train/seconds"]
    if run.info.end_time and run.info.start_time:
        seconds["total"] = (run.info.end_time - run.info.start_time) / 1000
    return Job(
        number=number,
        status=status,
        settings={key: stored_value(key, text) for key, text in run.data.params.items()},
        metrics=metrics,
        seconds=seconds,
        run_id=run.info.run_id,
        folder=tags.get(OUTPUT_FOLDER_TAG),
        failure=failure,
        host=tags.get(HOST_TAG),
        fingerprint=tags.get("corpus_fingerprint"),
    )
