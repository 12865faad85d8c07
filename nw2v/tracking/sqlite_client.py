"""Writes runs straight into the SQLite file of a local MLflow store, without importing MLflow.

The import takes 4 seconds of a core, more than many a training; what a training writes is a few
dozen rows. They are written here as MLflow writes them, into schemas that this was tested against
(`KNOWN_SCHEMAS`; tests/tracking/test_sqlite_client.py compares all rows of all tables). Stores of
any other schema, servers, other databases and artifacts that are not in local files are left to
MLflow's own client.
"""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

# The last migration of each schema (Alembic's revision) whose tables are known to be written right.
KNOWN_SCHEMAS = frozenset({"dc11669786a5"})  # MLflow 3.17

_LONGEST_NAME = 256  # of an experiment, as the column is declared
_BUSY_SECONDS = 20.0  # as long as MLflow waits for another writer


class Metric(NamedTuple):
    """A measured value: `timestamp` in milliseconds since 1970."""

    key: str
    value: float
    timestamp: int
    step: int


class Param(NamedTuple):
    """A parameter."""

    key: str
    value: str


class InputTag(NamedTuple):
    """A tag of a run's input."""

    key: str
    value: str


class Dataset(NamedTuple):
    """A data set's description; what is not text in it is JSON."""

    name: str
    digest: str
    source_type: str
    source: str
    profile: str | None = None


class DatasetInput(NamedTuple):
    """A data set as the input of a run."""

    dataset: Dataset
    tags: Sequence[InputTag]


class Experiment(NamedTuple):
    """An experiment of the store."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str


class RunInfo(NamedTuple):
    """What a run is known by."""

    run_id: str
    run_name: str
    experiment_id: str
    artifact_uri: str


class CreatedRun(NamedTuple):
    """A run that was just made."""

    info: RunInfo


class ExistsError(Exception):
    """There is an experiment of that name already."""

    error_code = "RESOURCE_ALREADY_EXISTS"  # as MLflow's own errors tell it


def is_known(uri: str, file: Path) -> bool:
    """Return whether the store at `uri`, the SQLite file `file`, may be written without MLflow."""
    if "?" in uri or not file.is_file():
        return False
    if os.environ.get("MLFLOW_ENABLE_WORKSPACES", "").strip().lower() in ("true", "1"):
        return False
    try:
        with closing(_connect(file)) as database:
            found = database.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.Error:
        return False
    return len(found) == 1 and found[0][0] in KNOWN_SCHEMAS


def is_local(location: str) -> bool:
    """Return whether artifacts at this address are plain files of this machine."""
    return location.startswith("file:///") and not set(location) & set("?#;")


class SqliteClient:
    """Does for a local store what nw2v asks of `mlflow.MlflowClient`.

    The methods take what the client's methods of the same name take, with the entities of this
    module or MLflow's own. All others are those of an MlflowClient, which is made, and MLflow
    imported, when the first of them is asked for.

    Each method is one transaction on a connection of its own, so that threads may share a client.

    Parameters
    ----------
    uri : str
        The store's address.
    file : Path
        The store's file, for which `is_known` holds.
    """

    # Where callers find the entities that fit the client.
    entities = SimpleNamespace(
        Metric=Metric, Param=Param, InputTag=InputTag, Dataset=Dataset, DatasetInput=DatasetInput
    )

    def __init__(self, uri: str, file: Path) -> None:
        self._uri, self._file = uri, file
        self._mlflow: Any = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if self._mlflow is None:
            from nw2v.tracking.store import open_client

            self._mlflow = open_client(self._uri)
        return getattr(self._mlflow, name)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Return the experiment of that name, deleted ones too, or None."""
        return self._experiment("name = ?", name)

    def get_experiment(self, experiment_id: str) -> Any:
        """Return the experiment; if there is none, MLflow says so."""
        found = self._experiment("experiment_id = ?", experiment_id)
        return found or self.__getattr__("get_experiment")(experiment_id)

    def _experiment(self, condition: str, value: str) -> Experiment | None:
        columns = "experiment_id, name, artifact_location, lifecycle_stage"
        with closing(_connect(self._file)) as database:
            row = database.execute(
                f"SELECT {columns} FROM experiments WHERE {condition}", (value,)
            ).fetchone()
        return None if row is None else Experiment(str(row[0]), *row[1:])

    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Make an experiment, and return its id."""
        if not (0 < len(name) <= _LONGEST_NAME and is_local(artifact_location or "")):
            # MLflow says what is wrong, and knows other places.
            created = self.__getattr__("create_experiment")(name, artifact_location, tags)
            return str(created)
        now = _now()
        try:
            with self._writing() as database:
                identifier = database.execute(
                    "INSERT INTO experiments (name, artifact_location, lifecycle_stage,"
                    " creation_time, last_update_time) VALUES (?, ?, 'active', ?, ?)",
                    (name, artifact_location, now, now),
                ).lastrowid
                database.executemany(
                    "INSERT INTO experiment_tags (experiment_id, key, value) VALUES (?, ?, ?)",
                    [(identifier, key, value) for key, value in (tags or {}).items()],
                )
        except sqlite3.IntegrityError:
            raise ExistsError(f"Experiment(name={name}) already exists") from None
        return str(identifier)

    def experiment_of_run(self, run_id: str) -> str | None:
        """Return the id of the experiment that a run belongs to, None if there is no such run."""
        with closing(_connect(self._file)) as database:
            row = database.execute(
                "SELECT experiment_id FROM runs WHERE run_uuid = ?", (run_id,)
            ).fetchone()
        return None if row is None else str(row[0])

    def running(self, experiment_id: str, tag: str, value: str) -> dict[str, dict[str, str]]:
        """Return the tags of the experiment's runs that are RUNNING and have a tag, by run id."""
        query = """
            SELECT tags.run_uuid, tags.key, tags.value FROM tags JOIN (
                SELECT runs.run_uuid FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid
                WHERE runs.experiment_id = ? AND runs.status = 'RUNNING'
                    AND runs.lifecycle_stage = 'active' AND tags.key = ? AND tags.value = ?
            ) AS chosen ON chosen.run_uuid = tags.run_uuid"""
        found: dict[str, dict[str, str]] = {}
        with closing(_connect(self._file)) as database:
            for run_id, key, text in database.execute(query, (int(experiment_id), tag, value)):
                found.setdefault(run_id, {})[key] = text
        return found

    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: Mapping[str, str] | None = None,
        run_name: str | None = None,
    ) -> Any:
        """Make a run that is RUNNING. `start_time` is in milliseconds since 1970."""
        experiment = self.get_experiment(experiment_id)
        is_ordinary = experiment.lifecycle_stage == "active" and is_local(
            experiment.artifact_location
        )
        if run_name is None or not is_ordinary:
            # MLflow makes names up, knows other places, and says what is wrong.
            return self.__getattr__("create_run")(experiment_id, start_time, tags, run_name)
        tags = {**(tags or {}), "mlflow.runName": run_name}
        run_id = uuid.uuid4().hex
        artifacts = f"{experiment.artifact_location.rstrip('/')}/{run_id}/artifacts"
        row = {
            "run_uuid": run_id,
            "name": run_name,
            "source_type": "UNKNOWN",
            "source_name": "",
            "entry_point_name": "",
            "user_id": tags.get("mlflow.user", "unknown"),
            "status": "RUNNING",
            "start_time": start_time or _now(),
            "source_version": "",
            "lifecycle_stage": "active",
            "artifact_uri": artifacts,
            "experiment_id": int(experiment_id),
        }
        with self._writing() as database:
            database.execute(
                f"INSERT INTO runs ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                tuple(row.values()),
            )
            _set_tags(database, run_id, tags)
        return CreatedRun(RunInfo(run_id, run_name, str(experiment_id), artifacts))

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[Param] = (),
    ) -> None:
        """Log metrics, parameters and tags in one transaction."""
        with self._writing(run_id) as database:
            database.executemany(
                "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
                [(param.key, param.value, run_id) for param in params],
            )
            _log_metrics(database, run_id, metrics)
            _set_tags(database, run_id, {tag.key: tag.value for tag in tags})

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: float,
        timestamp: int | None = None,
        step: int | None = None,
    ) -> None:
        """Log one value."""
        self.log_batch(run_id, metrics=[Metric(key, value, timestamp or _now(), step or 0)])

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Set a tag."""
        with self._writing(run_id) as database:
            _set_tags(database, run_id, {key: str(value)})

    def log_inputs(self, run_id: str, datasets: Sequence[DatasetInput]) -> None:
        """Log data sets as the run's inputs; one of that name and digest is entered once."""
        with self._writing(run_id) as database:
            (experiment,) = database.execute(
                "SELECT experiment_id FROM runs WHERE run_uuid = ?", (run_id,)
            ).fetchone()
            for dataset, tags in ((given.dataset, given.tags) for given in datasets):
                identity = (experiment, dataset.name, dataset.digest)
                database.execute(
                    "INSERT INTO datasets (dataset_uuid, experiment_id, name, digest,"
                    " dataset_source_type, dataset_source, dataset_profile)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (
                        *(uuid.uuid4().hex, *identity),
                        *(dataset.source_type, dataset.source, dataset.profile),
                    ),
                )
                (source,) = database.execute(
                    "SELECT dataset_uuid FROM datasets"
                    " WHERE experiment_id = ? AND name = ? AND digest = ?",
                    identity,
                ).fetchone()
                edge = uuid.uuid4().hex
                entered = database.execute(
                    "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type,"
                    " destination_id) VALUES (?, 'DATASET', ?, 'RUN', ?) ON CONFLICT DO NOTHING",
                    (edge, source, run_id),
                ).rowcount
                database.executemany(
                    "INSERT INTO input_tags (input_uuid, name, value) VALUES (?, ?, ?)",
                    [(edge, tag.key, tag.value) for tag in tags if entered],
                )

    def set_terminated(
        self, run_id: str, status: str = "FINISHED", end_time: int | None = None
    ) -> None:
        """End the run. `end_time` is in milliseconds since 1970."""
        with self._writing(run_id) as database:
            database.execute(
                "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?",
                (status, end_time or _now(), run_id),
            )

    def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
        """Copy a file to the run's artifacts, below the folder `artifact_path` in them."""
        with closing(_connect(self._file)) as database:
            (uri,) = database.execute(
                "SELECT artifact_uri FROM runs WHERE run_uuid = ?", (run_id,)
            ).fetchone()
        if not is_local(uri):
            self.__getattr__("log_artifact")(run_id, local_path, artifact_path)
            return
        folder = Path(url2pathname(urlsplit(uri).path)) / (artifact_path or "")
        folder.mkdir(parents=True, exist_ok=True)
        source = Path(local_path)
        descriptor, aside = tempfile.mkstemp(prefix=f".{source.name}.", dir=folder)
        os.close(descriptor)
        try:
            shutil.copyfile(source, aside)
            shutil.copystat(source, aside)
            Path(aside).replace(folder / source.name)
        finally:
            Path(aside).unlink(missing_ok=True)

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Write a text as one of the run's artifacts."""
        with tempfile.TemporaryDirectory(prefix="nw2v-") as temporary:
            place = Path(artifact_file)
            path = Path(temporary) / place.name
            path.write_text(text, encoding="utf-8")
            folder = place.parent.as_posix()
            self.log_artifact(run_id, str(path), None if folder == "." else folder)

    @contextmanager
    def _writing(self, run_id: str | None = None) -> Iterator[sqlite3.Connection]:
        """Give a connection for one transaction on an active run, or on the whole store."""
        with closing(_connect(self._file)) as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                if run_id is not None:
                    _check_active(database, run_id)
                yield database
            except BaseException:
                if database.in_transaction:  # SQLite has taken it back itself if the disk is full
                    database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")


def _connect(file: Path) -> sqlite3.Connection:
    """Open a file that is there; transactions are begun by who wants one."""
    address = f"{file.absolute().as_uri()}?mode=rw"
    database = sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
    database.execute("PRAGMA foreign_keys = ON")
    return database


def _check_active(database: sqlite3.Connection, run_id: str) -> None:
    row = database.execute(
        "SELECT lifecycle_stage FROM runs WHERE run_uuid = ?", (run_id,)
    ).fetchone()
    if row is None:
        raise LookupError(f"Run with id={run_id} not found")
    if row[0] != "active":
        raise LookupError(f"the run {run_id} was deleted")


def _log_metrics(database: sqlite3.Connection, run_id: str, metrics: Sequence[Metric]) -> None:
    """Add to the history of each metric, and to its latest value: highest step, then time."""
    rows = []
    latest: dict[str, tuple[int, int, float, bool]] = {}
    for metric in metrics:
        value, is_nan = float(metric.value), math.isnan(metric.value)
        # As MLflow keeps what SQL has no number for.
        value = 0.0 if is_nan else min(max(value, -sys.float_info.max), sys.float_info.max)
        rows.append((metric.key, value, metric.timestamp, run_id, metric.step, is_nan))
        entry = (metric.step, metric.timestamp, value, is_nan)
        if metric.key not in latest or entry[:3] > latest[metric.key][:3]:
            latest[metric.key] = entry
    # Sent twice, after the first answer was lost, is sent once.
    database.executemany(
        "INSERT OR IGNORE INTO metrics (key, value, timestamp, run_uuid, step, is_nan)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )
    database.executemany(
        "INSERT INTO latest_metrics (key, step, timestamp, value, is_nan, run_uuid)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key, run_uuid) DO UPDATE SET"
        " step = excluded.step, timestamp = excluded.timestamp, value = excluded.value,"
        " is_nan = excluded.is_nan WHERE (excluded.step, excluded.timestamp, excluded.value)"
        " > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)",
        [(key, *entry, run_id) for key, entry in latest.items()],
    )


def _set_tags(database: sqlite3.Connection, run_id: str, tags: Mapping[str, str]) -> None:
    database.executemany(
        "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)"
        " ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value",
        [(key, value, run_id) for key, value in tags.items()],
    )


def _now() -> int:
    return time.time_ns() // 1_000_000
