"""The argument RUN: a run's id or output folder, or a sweep's, which stands for its best job."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from nw2v.errors import InputError
from nw2v.json_file import JsonFile
from nw2v.tracking.run_values import (
    BEST_RUN_TAG,
    JOB_FILE,
    JOB_TAG,
    KIND_TAG,
    OUTPUT_FOLDER_TAG,
    PARENT_TAG,
    PRUNED_TAG,
    SWEEP_FILE,
    legal_key,
)
from nw2v.tracking.runs import check_is_there, get_run, is_run_id, search_runs, still_holds
from nw2v.tracking.store import first_line, open_client
from nw2v.tracking.store_address import readable, resolve_uri, sqlite_file
from nw2v.vectors.model_file import MODEL_FILE
from nw2v.vectors.path_kinds import is_folder


class FoundRun(NamedTuple):
    """A training run in a store.

    Attributes
    ----------
    uri : str
        The store's address.
    client : mlflow.MlflowClient
        Of this store.
    run : mlflow.entities.Run
    sweep : str or None
        The id of the sweep's parent run, where the user named a sweep and this is its best job.
    """

    uri: str
    client: Any
    run: Any
    sweep: str | None


def find_run(argument: str, uri: str | None = None) -> FoundRun:
    """Return the training run that a user means.

    Parameters
    ----------
    argument : str
        An MLflow run id, or the output folder of a run, of a sweep or of a sweep's job.
    uri : str, optional
        The store, as in `nw2v.tracking.store_address.resolve_uri`. If it is not given, and a
        sweep's folder says that its runs are in an SQLite file on this machine, that file.

    Raises
    ------
    InputError
        There is no such run or store, or the sweep has no best job.
    """
    folder = Path(argument)
    if is_folder(folder):
        uri = resolve_uri(uri if uri is not None else _recorded_store(folder), origin="--uri")
        run_id = _recorded_run(folder) or _run_that_wrote(folder.absolute(), uri)
    elif is_run_id(argument):
        uri, run_id = resolve_uri(uri, origin="--uri"), argument
    else:
        raise InputError(
            f"no run '{argument}': expected an MLflow run id, or the output folder of a run or a "
            "sweep"
        )
    client, run = get_run(run_id, uri)
    if run.info.lifecycle_stage == "deleted":
        raise InputError(
            f"MLflow run {run_id} in {readable(uri)} was deleted: restore it with "
            f"'mlflow runs restore --run-id {run_id}'"
        )
    kind = run.data.tags.get(KIND_TAG)
    if kind == "sweep":
        return FoundRun(uri, client, _best_job(client, run, uri), run_id)
    if kind is not None:
        raise InputError(
            f"MLflow run {run_id} is a {kind}, not a training run: give one of the runs below it"
        )
    return FoundRun(uri, client, run, None)


def _recorded_store(folder: Path) -> str | None:
    """Return the SQLite store that a sweep's folder, or a job's, says its runs are in.

    No other address is taken from a file: one that a stranger wrote would have MLflow send the
    user's login to a server of his choice.
    """
    for place in (folder, folder.absolute().parent):
        if (place / SWEEP_FILE).is_file():
            recorded = JsonFile(place / SWEEP_FILE).text("uri")
            file = None if recorded is None else sqlite_file(recorded)
            return recorded if file is not None and file.is_file() else None
    return None


def _recorded_run(folder: Path) -> str | None:
    for name, key in ((SWEEP_FILE, "parent_run"), (JOB_FILE, "run_id")):
        if not (folder / name).is_file():
            continue
        run_id = JsonFile(folder / name).text(key)
        if run_id is None or not is_run_id(run_id):
            raise InputError(
                f"{folder / name}: {key} is {json.dumps(run_id)[:80]}, no MLflow run id: only "
                "what was tracked (tracking=mlflow) can be registered"
            )
        return run_id
    return None


def _run_that_wrote(folder: Path, uri: str) -> str:
    """Return the id of the newest run that wrote to a folder and whose model is still in it."""
    check_is_there(uri, f"no MLflow run wrote {folder}")
    client = open_client(uri)
    quote = '"' if "'" in str(folder) else "'"
    condition = f"tags.`{OUTPUT_FOLDER_TAG}` = {quote}{folder}{quote}"
    for run in _search(client, condition, uri, ["attributes.start_time DESC"]):
        # A parent's folder holds no model, and one that has been deleted may be in the store.
        if not (folder / MODEL_FILE).is_file() or still_holds(folder, run):
            return str(run.info.run_id)
    raise InputError(
        f"no run in the MLflow store {readable(uri)} wrote what is in {folder}: give the store "
        "with --uri, or the run's id; a model trained with tracking=none has no run"
    )


def _best_job(client: Any, parent: Any, uri: str) -> Any:
    """Return the best job of a sweep: the one it chose, else the best of those that finished."""
    parent_id = parent.info.run_id
    if chosen := parent.data.tags.get(BEST_RUN_TAG):
        return get_run(chosen, uri)[1]
    metric = legal_key(_first(parent.data.params.get("sweep.metric"), "analogy/accuracy"))
    direction = _first(parent.data.params.get("sweep.direction"), "maximize")
    condition = f"tags.`{PARENT_TAG}` = '{parent_id}' AND attributes.status = 'FINISHED'"
    experiment = [parent.info.experiment_id]
    jobs = [
        (run.data.metrics[metric], run)
        for run in _search(client, condition, uri, experiments=experiment)
        if PRUNED_TAG not in run.data.tags and math.isfinite(run.data.metrics.get(metric, math.nan))
    ]
    if not jobs:
        raise InputError(
            f"the sweep {parent_id} has no finished job with the metric {metric}, so no best one: "
            "give the id of one of its jobs"
        )
    sign = 1 if direction == "minimize" else -1
    return min(jobs, key=lambda job: (sign * job[0], _number(job[1]), job[1].info.start_time))[1]


def _first(parameter: str | None, default: str) -> str:
    """Return a parameter's value, or the first one of a list."""
    try:
        value = yaml.safe_load(parameter or default)
    except yaml.YAMLError:
        value = parameter
    return str(value[0] if isinstance(value, list) and value else value)


def _number(run: Any) -> float:
    tag = run.data.tags.get(JOB_TAG, "")
    return int(tag) if tag.isdecimal() else math.inf


def _search(
    client: Any,
    condition: str,
    uri: str,
    order: list[str] | None = None,
    experiments: list[str] | None = None,
) -> Iterator[Any]:
    """Yield the runs for which a condition holds; None: of all experiments."""
    from mlflow.exceptions import MlflowException

    try:
        if experiments is None:
            experiments = [found.experiment_id for found in client.search_experiments()]
        yield from search_runs(client, experiments, condition, order)
    except MlflowException as error:
        raise InputError(
            f"cannot search the MLflow store {readable(uri)} ({first_line(error)})"
        ) from error
