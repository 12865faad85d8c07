"""From a run's id to its model."""

from __future__ import annotations

import atexit
import math
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from nw2v.errors import InputError
from nw2v.run_folder import read_metrics
from nw2v.tracking.run_values import MODEL_FOLDER, OUTPUT_FOLDER_TAG
from nw2v.tracking.store import first_line, open_client, quiet_mlflow
from nw2v.tracking.store_address import artifact_folder, readable, resolve_uri, sqlite_file
from nw2v.vectors.model_file import MODEL_FILE

IN_ENVIRONMENT = "in MLFLOW_TRACKING_URI"
_TELLING_METRICS = ("train/seconds", "train/loss")


_RUN_ID = re.compile(r"[0-9a-f]{32}")


def is_run_id(text: str) -> bool:
    """Whether a text has the form of an MLflow run id."""
    return _RUN_ID.fullmatch(text) is not None


def find_model_folder(run_id: str, uri: str | None = None) -> Path:
    """Return a local folder with the model that a run logged.

    Parameters
    ----------
    run_id : str
        The MLflow run's id.
    uri : str, optional
        The store, as in `nw2v.tracking.store_address.resolve_uri`.

    Returns
    -------
    Path
        The folder in which the store keeps the artifacts, or the run's output folder, if they
        are on this machine; else a copy, which is removed when the program ends.

    Raises
    ------
    InputError
        If there is no such run, or its vectors are not to be had.
    """
    uri = resolve_uri(uri)
    client, run = get_run(run_id, uri)
    for place in _artifact_places(run, artifact_folder(uri)):
        if (place / MODEL_FILE).is_file():
            return place
    if not run.info.artifact_uri.startswith("file:"):
        with readable_errors(run_id, uri):
            logged = {item.path for item in client.list_artifacts(run_id, MODEL_FOLDER)}
            if f"{MODEL_FOLDER}/{MODEL_FILE}" in logged:
                return _download(client, run_id)
    written = run.data.tags.get(OUTPUT_FOLDER_TAG)
    if written and still_holds(Path(written), run):
        return Path(written)
    wanted = run.data.params.get("tracking.vectors")
    raise InputError(
        f"MLflow run {run_id} has no vectors in {readable(uri)} (status {run.info.status}"
        + (f", tracking.vectors={wanted}" if wanted else "")
        + (f"), nor are they in its output folder {written}" if written else ")")
    )


def get_run(run_id: str, uri: str, how: str = IN_ENVIRONMENT) -> tuple[Any, Any]:
    """Return a client of the store and one of its runs.

    Parameters
    ----------
    run_id : str
    uri : str
        The store's address as `nw2v.tracking.store_address.resolve_uri` gives it. No store is made.
    how : str
        In what another store is named.

    Returns
    -------
    client : mlflow.MlflowClient
    run : mlflow.entities.Run

    Raises
    ------
    InputError
        If there is no such store or no such run, or the store cannot be read.
    """
    check_is_there(uri, f"no MLflow run {run_id}", how)
    client = open_client(uri)
    with readable_errors(run_id, uri, how):
        return client, client.get_run(run_id)


def check_is_there(uri: str, consequence: str, how: str = IN_ENVIRONMENT) -> None:
    """Raise InputError if the store is an SQLite file that does not exist."""
    file = sqlite_file(uri)
    if file is not None and not file.is_file():
        raise InputError(
            f"{consequence}: there is no store {file}; go to the folder in which you "
            f"trained, or name the store {how}"
        )


def search_runs(
    client: Any, experiments: Sequence[str], condition: str, order: Sequence[str] | None = None
) -> Iterator[Any]:
    """Yield the runs of some experiments for which a condition holds, page by page."""
    token = None
    while True:
        page = client.search_runs(list(experiments), condition, order_by=order, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


@contextmanager
def readable_errors(run_id: str, uri: str, how: str = IN_ENVIRONMENT) -> Iterator[None]:
    """Turn what MLflow raises about a run into one line."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise InputError(
                f"no MLflow run {run_id!r} in {readable(uri)}: give the id of one of its runs, or "
                f"name its store {how}"
            ) from None
        raise InputError(
            f"cannot read MLflow run {run_id} from {readable(uri)} ({first_line(error)})"
        ) from error


def find_output_folder(run_id: str, uri: str | None = None) -> Path:
    """Return the folder into which a run wrote, as far as the store knows.

    Raises
    ------
    InputError
        If there is no such run, or its folder is not on this machine.
    """
    _, run = get_run(run_id, resolve_uri(uri))
    written = run.data.tags.get(OUTPUT_FOLDER_TAG)
    if written is None or not Path(written).is_dir():
        raise InputError(f"MLflow run {run_id} wrote to {written}, which is not on this machine")
    return Path(written)


def _artifact_places(run: Any, artifacts: Path | None) -> list[Path]:
    """Return where on this machine the store may keep the run's model."""
    places = []
    if run.info.artifact_uri.startswith("file:"):
        path = url2pathname(urlsplit(run.info.artifact_uri).path)
        places.append(Path(path) / MODEL_FOLDER)
    if artifacts is not None:
        # A store that was moved still says where its artifacts were.
        places.append(artifacts / run.info.run_id / "artifacts" / MODEL_FOLDER)
    return places


def still_holds(folder: Path, run: Any) -> bool:
    """Return whether an output folder still has this run's model, and no other run's.

    Its metrics tell: no two runs take the same number of seconds.
    """
    if not (folder / MODEL_FILE).is_file():
        return False
    try:
        metrics = read_metrics(folder)
        pairs = [(metrics[name], run.data.metrics[name]) for name in _TELLING_METRICS]
    except (InputError, KeyError):
        return False
    return all(math.isclose(there, here, rel_tol=1e-9) for there, here in pairs)


def _download(client: Any, run_id: str) -> Path:
    folder = tempfile.mkdtemp(prefix="nw2v-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with quiet_mlflow():
        return Path(client.download_artifacts(run_id, MODEL_FOLDER, folder))
