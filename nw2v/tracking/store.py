"""A store that opens safely and quietly, and says in one line why it does not."""

from __future__ import annotations

import logging
import os
import sqlite3
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from nw2v.errors import InputError
from nw2v.files import exclusive
from nw2v.tracking.descriptions import EXPERIMENT_TAGS
from nw2v.tracking.empty_store import copy_empty_store, keep_empty_store
from nw2v.tracking.sqlite_client import SqliteClient, is_known, is_local
from nw2v.tracking.store_address import (
    ARTIFACT_FOLDER,
    DEFAULT_EXPERIMENT,
    artifact_folder,
    check_driver,
    is_server,
    readable,
    sqlite_file,
    without_login,
)

# As long as MLflow itself waits for another writer of the same SQLite file.
_BUSY_SECONDS = 20.0
_LOCK_SECONDS = 120.0

# The environment is one for all threads.
_environment = threading.RLock()


@dataclass(frozen=True)
class Store:
    """An open store and the experiment that runs go to.

    Attributes
    ----------
    uri : str
        Absolute address of the store.
    client : mlflow.MlflowClient or SqliteClient
        Talks to this store alone; the calling program's own MLflow settings are left as they are.
        A SqliteClient does what an MlflowClient does, and imports MLflow only if it must.
    experiment_id, experiment : str
        The experiment, by id and by name.
    """

    uri: str
    client: Any
    experiment_id: str
    experiment: str


def check_server(uri: str) -> None:
    """Find out in a few seconds whether a server answers; other stores are not looked at.

    Raises
    ------
    InputError
        If nobody answers, or the answer is that the server is not working.
    """
    if problem := server_problem(uri):
        raise InputError(
            f"the MLflow server {readable(uri)} does not work ({problem}): start it, correct "
            "tracking.uri or MLFLOW_TRACKING_URI, or use tracking=none"
        )


def server_problem(uri: str, seconds: float = 5.0) -> str | None:
    """Return why a server cannot be used, None if it answers or the store is not a server.

    MLflow itself tries for minutes before it gives up.
    """
    if not is_server(uri):
        return None
    try:
        with urllib.request.urlopen(f"{without_login(uri)}/health", timeout=seconds):
            return None
    except urllib.error.HTTPError as error:
        # Any other answer is an answer: a gateway in front may ask for a login.
        is_away = error.code in (500, 502, 503, 504)
        return f"it answers {error.code} {error.reason}" if is_away else None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLError):
            return None  # Which certificates to trust is a matter of MLflow's own settings.
        return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__


def import_mlflow() -> Any:
    """Import MLflow (seconds) with its telemetry off, unless the user has decided otherwise."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    return mlflow


@contextmanager
def quiet_mlflow(**variables: str) -> Iterator[None]:
    """Keep MLflow's own lines and progress bars off the terminal for the length of a call.

    Other variables of the environment that decide what MLflow does can be set for as long.
    """
    quiet = {
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        **variables,
    }
    with _environment:
        before = {name: os.environ.get(name) for name in quiet}
        os.environ |= quiet
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def check_store(uri: str) -> None:
    """Find out what can be known of a store without MLflow; nothing is made but its folder.

    Raises
    ------
    InputError
        A server that does not answer, an SQLite file that cannot be used, or a database whose
        driver is not installed.
    """
    check_server(uri)
    check_driver(uri)
    file = sqlite_file(uri)
    if file is not None:
        _make_folder(file)
        if file.is_file():
            _check_sqlite(file)


def open_client(uri: str) -> Any:
    """Return an MlflowClient of the store, which is created if it is a new SQLite file.

    Raises
    ------
    InputError
        If the store cannot be opened: one line that says why.
    """
    check_server(uri)
    file = sqlite_file(uri)
    if file is None:
        mlflow = import_mlflow()
        with _one_line_errors(uri):
            return mlflow.MlflowClient(tracking_uri=uri)
    _make_folder(file)
    # Two processes that open a new SQLite file at once both run MLflow's migrations, and one
    # of them crashes ("duplicate column name"): the first creates, the others wait.
    with _exclusive(file):
        _copy_if_new(file)
        is_new = _check_sqlite(file)
        mlflow = import_mlflow()
        with _one_line_errors(uri), _without_migration_log():
            if is_new:
                _create(uri, file)
                keep_empty_store(file)
            return mlflow.MlflowClient(tracking_uri=uri)


def _make_folder(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the folder of the MLflow store {file}: {error.strerror or error}"
        ) from None


def open_store(
    uri: str,
    experiment: str | None = None,
    experiment_id: str | None = None,
    directory: Path | None = None,
) -> Store:
    """Open the store and its experiment, each created if it is not there yet.

    Parameters
    ----------
    uri : str
        Address as `resolve_uri` gives it.
    experiment, experiment_id : str, optional
        The experiment by name (created if missing) or by id (which must exist).
    directory : Path, optional
        Where artifacts go if neither a server nor an SQLite file says so.

    Raises
    ------
    InputError
        If the store cannot be opened, or the experiment does not exist or was deleted.
    """
    client = _light_client(uri) or open_client(uri)
    with _one_line_errors(uri):
        if experiment_id is not None:
            found = _experiment_by_id(client, experiment_id, uri)
        else:
            found = _experiment_by_name(
                client, experiment or DEFAULT_EXPERIMENT, artifact_folder(uri, directory)
            )
        if isinstance(client, SqliteClient) and not is_local(found.artifact_location):
            client = open_client(uri)
        if found.lifecycle_stage == "deleted":
            raise InputError(
                f"the MLflow experiment {found.name!r} in {readable(uri)} was deleted: give "
                "another tracking.experiment, or restore it with "
                f"'mlflow experiments restore --experiment-id {found.experiment_id}'"
            )
    return Store(uri, client, found.experiment_id, found.name)


def _light_client(uri: str) -> SqliteClient | None:
    """Return a client that needs no MLflow, if the store is an SQLite file that it knows."""
    file = sqlite_file(uri)
    if file is None:
        return None
    _make_folder(file)
    # Whoever creates the store just now is waited for.
    with _exclusive(file):
        _copy_if_new(file)
        return SqliteClient(uri, file) if is_known(uri, file) else None


def _copy_if_new(file: Path) -> None:
    """Make a store that is not there yet without MLflow, if there is one to copy."""
    if not file.exists():
        copy_empty_store(file, file.parent / ARTIFACT_FOLDER)


def _check_sqlite(file: Path) -> bool:
    """Return whether the SQLite store is still to be created; raise if it cannot be used.

    MLflow would try for 105 seconds to open a file that cannot be opened.
    """
    try:
        with closing(
            sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None)
        ) as database:
            database.execute("BEGIN IMMEDIATE")  # Asks for the right to write.
            rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {name for (name,) in rows}
            database.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise InputError(
            f"cannot use {file} as the MLflow store ({error}): give another file with "
            "tracking.uri, or use tracking=none"
        ) from None
    if tables and "experiments" not in tables:
        raise InputError(
            f"{file} is an SQLite database, but not MLflow's: give another file with tracking.uri"
        )
    return not tables


def _create(uri: str, file: Path) -> None:
    """Make a new SQLite store.

    MLflow's dozens of migrations wait for the disk after each step: 4 to 10 seconds. A file
    that is not there yet has nothing to lose, so they need not: 2 seconds.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from sqlalchemy import Engine, event

    def do_not_wait_for_the_disk(connection: Any, record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            opened = connection.execute("PRAGMA database_list").fetchone()[2]
            if opened and file.samefile(opened):
                connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", do_not_wait_for_the_disk)
    try:
        # Only here can the artifacts of MLflow's own experiment "Default" be given a place;
        # MLflow's choice is a folder mlruns/ in whatever working directory.
        store = SqlAlchemyStore(uri, (file.parent / ARTIFACT_FOLDER).as_uri())
    finally:
        event.remove(Engine, "connect", do_not_wait_for_the_disk)
    store.engine.dispose()  # What is written from now on does wait.


def _experiment_by_name(client: Any, name: str, artifacts: Path | None) -> Any:
    if found := client.get_experiment_by_name(name):
        return found
    try:
        location = None if artifacts is None else artifacts.as_uri()
        identifier = client.create_experiment(
            name, artifact_location=location, tags=EXPERIMENT_TAGS
        )
        return client.get_experiment(identifier)
    except Exception as error:
        # Another process was faster.
        if error_code(error) == "RESOURCE_ALREADY_EXISTS" and (
            found := client.get_experiment_by_name(name)
        ):
            return found
        raise


def _experiment_by_id(client: Any, identifier: str, uri: str) -> Any:
    try:
        return client.get_experiment(identifier)
    except Exception as error:
        if error_code(error) not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
    raise InputError(
        f"there is no MLflow experiment with the id {identifier!r} in {readable(uri)}: correct "
        "MLFLOW_EXPERIMENT_ID, or give tracking.experiment=NAME"
    )


@contextmanager
def _one_line_errors(uri: str) -> Iterator[None]:
    """Turn what MLflow raises about a store into one line in the user's words."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        message = first_line(error)
        advice = "correct tracking.uri or MLFLOW_TRACKING_URI, or use tracking=none"
        if "out-of-date database schema" in str(error):
            message = "it was made by another version of MLflow"
            address = uri if sqlite_file(uri) else readable(uri)
            advice = f"make a copy of it, then run 'mlflow db upgrade {address}'"
        raise InputError(
            f"cannot use the MLflow store {readable(uri)} ({message}): {advice}"
        ) from error


def error_code(error: BaseException) -> str | None:
    """Return the code by which MLflow tells what went wrong, None for other errors."""
    return getattr(error, "error_code", None)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type if it has none."""
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__


@contextmanager
def _without_migration_log() -> Iterator[None]:
    """Keep the lines with which MLflow and Alembic report a new store off the terminal."""
    loggers = [logging.getLogger(name) for name in ("mlflow.store.db.utils", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _exclusive(file: Path) -> Iterator[None]:
    """Let one process at a time open a store."""
    with ExitStack() as stack:
        try:
            stack.enter_context(exclusive(file.with_name(f".{file.name}.lock"), _LOCK_SECONDS))
        except TimeoutError:
            raise InputError(
                f"another process has been opening the MLflow store {file} for "
                f"{_LOCK_SECONDS:.0f} seconds: end it, or give another tracking.uri"
            ) from None
        except OSError as error:
            raise InputError(
                f"cannot write beside the MLflow store {file} ({error.strerror or error}): give "
                "another place with tracking.uri, or use tracking=none"
            ) from None
        yield
