"""Where the run of a training goes: the store, the experiment, the run that it belongs to."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from nw2v.errors import InputError
from nw2v.tracking.sqlite_client import SqliteClient
from nw2v.tracking.store import Store, error_code, first_line, open_store
from nw2v.tracking.store_address import MLFLOWS_OWN, readable, resolve_experiment, resolve_uri
from nw2v.tracking.vanished_runs import end_vanished_runs

# How long a thread that imports MLflow may keep the interpreter from others.
_TURN_SECONDS = 1e-3


class Destination(NamedTuple):
    """The store's address, and the experiment by name or by id."""

    uri: str
    experiment: str | None
    experiment_id: str | None


def find_destination(
    uri: str | os.PathLike[str] | None,
    experiment: str | None,
    parent_run_id: str | None,
    directory: Path,
) -> tuple[Destination, str | None]:
    """Settle where a run goes, in the thread of the calling program.

    Its active run becomes the parent if no other was given and it is in the same store.

    Parameters
    ----------
    uri, experiment, parent_run_id : optional
        As for `MlflowCallback`.
    directory : Path
        What relative paths are relative to.

    Returns
    -------
    Destination
    str or None
        The parent run.

    Raises
    ------
    InputError
        If the store's address makes no sense.
    """
    address = resolve_uri(uri, directory)
    active = _active_run()
    if parent_run_id is None and active is not None:
        active_uri = sys.modules["mlflow"].get_tracking_uri()
        if uri is None:
            address = active_uri = resolve_uri(active_uri, directory, MLFLOWS_OWN)
        if address == active_uri:
            return Destination(address, None, active.info.experiment_id), active.info.run_id
    name, identifier = resolve_experiment(experiment)
    return Destination(address, name, identifier), parent_run_id


def open_destination(
    place: Destination, parent_run_id: str | None, directory: Path
) -> tuple[Store, str | None]:
    """Open the store, in the background of a training, and end the runs that vanished from it.

    Parameters
    ----------
    place : Destination
    parent_run_id : str or None
        If there is none, it is the run that MLFLOW_RUN_ID names.
    directory : Path
        Where artifacts go if neither a server nor an SQLite file says so.

    Returns
    -------
    Store
        With the experiment of the parent run, if there is one.
    str or None
        The parent run.

    Raises
    ------
    InputError
        If the store cannot be opened, or has no such experiment or parent run.
    """
    with _short_turns():
        store = open_store(place.uri, place.experiment, place.experiment_id, directory)
        store, parent = _beside_parent(store, parent_run_id)
        end_vanished_runs(store)
    return store, parent


def _beside_parent(store: Store, parent_run_id: str | None) -> tuple[Store, str | None]:
    """Return the store with the parent run's experiment, and the parent run, if there is one."""
    parent = parent_run_id or os.environ.get("MLFLOW_RUN_ID")
    if not parent:
        return store, parent_run_id
    try:
        identifier, reason = _experiment_of(store.client, parent), "it has no such run"
        experiment = None if identifier is None else store.client.get_experiment(identifier)
    except Exception as error:
        if error_code(error) is None:
            raise
        experiment, reason = None, first_line(error)
    if experiment is None:
        origin = "" if parent_run_id else ", which MLFLOW_RUN_ID names,"
        advice = "" if parent_run_id else ": unset MLFLOW_RUN_ID, or correct tracking.uri"
        raise InputError(
            f"the parent run {parent}{origin} is not in the MLflow store "
            f"{readable(store.uri)} ({reason}){advice}"
        )
    return Store(store.uri, store.client, experiment.experiment_id, experiment.name), parent


def _active_run() -> Any:
    """Return the run that the calling program has active in this thread, None if there is none."""
    mlflow = sys.modules.get("mlflow")
    return None if mlflow is None else getattr(mlflow, "active_run", lambda: None)()


def _experiment_of(client: Any, run_id: str) -> str | None:
    """Return the id of a run's experiment; what there is not is None or an error of MLflow's."""
    if isinstance(client, SqliteClient):
        return client.experiment_of_run(run_id)
    identifier: str = client.get_run(run_id).info.experiment_id
    return identifier


@contextmanager
def _short_turns() -> Iterator[None]:
    """Let threads that wait for the interpreter have it at once.

    A thread that imports would keep it for 5 ms at a time. Training needs it for microseconds
    every few milliseconds, to take the next piece of text.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, _TURN_SECONDS))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
