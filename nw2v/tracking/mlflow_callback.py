"""A training run as an MLflow run: what is logged, when, and how the run ends."""

from __future__ import annotations

import atexit
import json
import logging
import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import yaml

from nw2v.errors import InputError
from nw2v.tracking.descriptions import DESCRIPTION_TAG
from nw2v.tracking.processes import process_tags
from nw2v.tracking.provenance import source_tags
from nw2v.tracking.run_names import made_up_name
from nw2v.tracking.run_values import (
    DATASET_NAME_CHARACTERS,
    DIGEST_CHARACTERS,
    FAILURE_TAG,
    MODEL_FOLDER,
    OUTPUT_FOLDER_TAG,
    PARENT_TAG,
    PRUNED_TAG,
    TAG_CHARACTERS,
    VECTORS_ENDING,
    entities,
    failure_reason,
    final_status,
    flatten,
    legal_key,
    log_parameters,
    nested,
)
from nw2v.tracking.server_pages import run_url
from nw2v.tracking.sqlite_client import SqliteClient
from nw2v.tracking.store import (
    Store,
    check_server,
    check_store,
    error_code,
    first_line,
    open_store,
    quiet_mlflow,
    server_problem,
)
from nw2v.tracking.store_address import (
    MLFLOWS_OWN,
    is_server,
    readable,
    resolve_experiment,
    resolve_uri,
    without_password,
)
from nw2v.tracking.vanished_runs import end_vanished_runs
from nw2v.training.callbacks import Callback, Pruned, Report, TrainingStart
from nw2v.vectors.model_file import MODEL_FILE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Metrics that MLflow takes at once (mlflow.utils.validation).
METRICS_A_BATCH = 1000
# Metrics that a store which does not answer leaves waiting: beyond this the oldest go.
_WAITING_METRICS = 100_000
# What an unanswering store may hold up the end of a run.
_PATIENCE_SECONDS = 15.0
# How long a thread that imports MLflow may keep the interpreter from others.
_TURN_SECONDS = 1e-3

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Described:
    """What is known of a training that failed before it began, as of a `TrainingStart`."""

    settings: Mapping[str, Any]
    facts: Mapping[str, Any]


class MlflowCallback(Callback):
    """Logs one training run to MLflow.

    The run ends with `finished` or `failed`. Where more is to be logged after the training (the
    vectors, pictures, scores), use the callback as a context manager around all of it: then the
    run stays open until the block is left, and its status is how the block was left:
    FINISHED, KILLED (KeyboardInterrupt) or FAILED (any other exception). A training that was
    pruned is FINISHED, with its last pass in the tag `nw2v.pruned`.

    Nothing of the calling program's own MLflow state (active run, experiment, tracking URI) is
    changed. A run that is active when the connection begins becomes the parent of this one.

    A local store is written without MLflow, whose import takes longer than many a training
    (`nw2v.tracking.sqlite_client`). Where MLflow is needed nothing waits for it: it is imported,
    and the run made, while the training goes on. What can be seen of the store without MLflow
    (the server answers, the SQLite file can be written) is found out before; what else is wrong
    with it stops the training at its next report. A store that stops answering later does not
    stop the training: metrics wait in memory and are sent again, and what could not be logged in
    the end is said in one warning.

    Parameters
    ----------
    uri : str, optional
        The store, as in `nw2v.tracking.store_address.resolve_uri`.
    experiment : str, optional
        The experiment's name, as in `nw2v.tracking.store_address.resolve_experiment`. A parent
        run's experiment comes first.
    run_name : str, optional
        The run's name; one is made up if it is not given, which ends with `-batch-16` where 16
        windows of the naive softmax share a step.
    default_name : str, optional
        What to use in place of the name that is made up.
    vectors : {"all", "best", "none"}
        Whether the vectors are among the artifacts. "best" leaves all but the best of a sweep
        out, so a run of its own is treated as with "all".
    configuration : mapping, optional
        The resolved configuration, by dotted key or nested: the run's parameters and its
        config.yaml. If it is not given, the settings of `nw2v.train` are the parameters.
    output_folder : path-like, optional
        Where the run's model is saved: if the training fails, what is there is logged.
    parent_run_id : str, optional
        The run that this one belongs to. If it is not given: the active run of the calling
        program (if it is in the same store), else the one that MLFLOW_RUN_ID names.
    tags : mapping, optional
        More tags.
    flush_seconds : float
        How often metrics are sent to the store.
    left_out : collection of str
        Names of files in the output folder that are not logged.

    Attributes
    ----------
    run_id, run_name : str or None
        The run's id and name, once training has started.
    store : Store or None
        The store and experiment, once connected. After the start of training, asking for any of
        these waits until they are known.
    """

    def __init__(
        self,
        *,
        uri: str | os.PathLike[str] | None = None,
        experiment: str | None = None,
        run_name: str | None = None,
        default_name: str | None = None,
        vectors: str = "all",
        configuration: Mapping[str, Any] | None = None,
        output_folder: str | os.PathLike[str] | None = None,
        parent_run_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        flush_seconds: float = 5.0,
        left_out: Collection[str] = (),
    ) -> None:
        if vectors not in ("all", "best", "none"):
            raise InputError(f"tracking.vectors={vectors!r}: expected all, best or none")
        self.uri = uri
        self.experiment = experiment
        self._run_name = self._given_name = run_name
        self._default_name = default_name
        self.vectors = vectors
        self.configuration = None if configuration is None else flatten(configuration)
        self.output_folder = None if output_folder is None else Path(output_folder).absolute()
        self.parent_run_id = parent_run_id
        self.tags = dict(tags or {})
        self.flush_seconds = flush_seconds
        self.left_out = frozenset(left_out)

        self._store: Store | None = None
        self._run_id: str | None = None

        self._directory = Path.cwd()
        self._process = os.getpid()
        self._connecting: threading.Thread | None = None
        self._checked = threading.Event()
        self._is_wanted = threading.Event()
        self._beginning: threading.Thread | None = None
        self._connection_error: BaseException | None = None
        self._source_tags: dict[str, str] = {}

        self._waiting: list[tuple[str, float, int, int]] = []  # key, value, time (ms), step
        self._waiting_lock = threading.Lock()
        self._sending: threading.Thread | None = None
        self._sending_lock = threading.Lock()
        self._last_flush = 0.0
        self._lost_metrics = 0
        self._problems: dict[str, list[str]] = {}  # what is missing, by reason

        self._is_block = False
        self._is_open = False
        self._failure: BaseException | None = None
        self._has_outputs = False

    # Connecting

    def start_connecting(self) -> None:
        """Look at the store in the background, and open it there when training begins.

        Where the run goes is settled now, in the caller's thread: MLflow's active run is known
        only there. Errors are raised by `wait`, and by the moments of the training.

        Raises
        ------
        InputError
            If the store's address makes no sense.
        """
        if self._connecting is not None:
            return
        uri, experiment, experiment_id = self._destination()
        self._connecting = threading.Thread(
            target=self._connect, args=(uri, experiment, experiment_id), daemon=True
        )
        self._connecting.start()

    def wait(self) -> None:
        """Wait until the store is open.

        Raises
        ------
        InputError
            If it cannot be opened: one line that says why.
        """
        self.start_connecting()
        self._is_wanted.set()
        assert self._connecting is not None
        self._connecting.join()
        self._raise_error()

    def connect(self) -> None:
        """Open the store and wait for it; the errors are those of `wait`."""
        self.wait()

    def _destination(self) -> tuple[str, str | None, str | None]:
        """Return the store's address and the experiment by name or id; find the parent run."""
        uri = resolve_uri(self.uri, self._directory)
        active = _active_run()
        if self.parent_run_id is None and active is not None:
            active_uri = sys.modules["mlflow"].get_tracking_uri()
            if self.uri is None:
                uri = active_uri = resolve_uri(active_uri, self._directory, MLFLOWS_OWN)
            if uri == active_uri:
                self.parent_run_id = active.info.run_id
                return uri, None, active.info.experiment_id
        name, identifier = resolve_experiment(self.experiment)
        return uri, name, identifier

    def _connect(self, uri: str, experiment: str | None, experiment_id: str | None) -> None:
        try:
            check_store(uri)
            self._checked.set()
            self._source_tags = source_tags(self._directory)
            # Until training begins the main thread needs the interpreter for itself; compiled
            # training hardly needs it.
            self._is_wanted.wait()
            with _short_turns():
                store = open_store(uri, experiment, experiment_id, self._directory)
                store = self._beside_parent(store)
                end_vanished_runs(store)
            self._store = store
        except BaseException as error:
            self._connection_error = error
        finally:
            self._checked.set()

    def _raise_error(self) -> None:
        """Raise what went wrong in the background."""
        if self._connection_error is not None:
            raise self._connection_error

    def _beside_parent(self, store: Store) -> Store:
        """Return the store with the parent run's experiment, if there is a parent."""
        from_environment = os.environ.get("MLFLOW_RUN_ID")
        parent = self.parent_run_id or from_environment
        if not parent:
            return store
        try:
            identifier, reason = _experiment_of(store.client, parent), "it has no such run"
            experiment = None if identifier is None else store.client.get_experiment(identifier)
        except Exception as error:
            if error_code(error) is None:
                raise
            experiment, reason = None, first_line(error)
        if experiment is None:
            origin = "" if self.parent_run_id else ", which MLFLOW_RUN_ID names,"
            advice = "" if self.parent_run_id else ": unset MLFLOW_RUN_ID, or correct tracking.uri"
            raise InputError(
                f"the parent run {parent}{origin} is not in the MLflow store "
                f"{readable(store.uri)} ({reason}){advice}"
            )
        self.parent_run_id = parent
        return Store(store.uri, store.client, experiment.experiment_id, experiment.name)

    # The five moments

    def started(self, start: TrainingStart) -> None:
        """Begin to create the run with its tags, parameters and dataset.

        Raises
        ------
        InputError
            If the store cannot be used, as far as that is seen without MLflow.
        """
        self._wait_for_run()
        self.start_connecting()
        self._checked.wait()
        self._raise_error()
        self._failure, self._has_outputs = None, False
        self._run_id, self._run_name = None, self._given_name
        self._last_flush = time.monotonic()
        moment = int(time.time() * 1000)
        atexit.register(self._at_exit)
        self._beginning = threading.Thread(target=self._begin, args=(start, moment), daemon=True)
        self._beginning.start()

    def _begin(self, start: TrainingStart, moment: int) -> None:
        """Create the run, when the store is open; `moment` is its start in milliseconds."""
        try:
            self.wait()
            self._create_run(start, moment)
        except BaseException as error:
            self._connection_error = error

    def _create_run(self, start: TrainingStart | _Described, moment: int) -> None:
        assert self.store is not None
        check_server(self.store.uri)
        try:
            run = self._client.create_run(
                self.store.experiment_id,
                start_time=moment,
                tags=self._run_tags(start),
                run_name=self._given_name or _made_up_name(self._default_name, start),
            )
            self._run_id, self._run_name = run.info.run_id, run.info.run_name
            self._is_open = True
            self._log_configuration(start)
            self._log_dataset(start)
        except Exception as error:
            self._end("FAILED")
            raise InputError(
                f"cannot log to the MLflow store {readable(self.store.uri)} ({first_line(error)}):"
                " correct tracking.uri, or use tracking=none"
            ) from error

    def _wait_for_run(self) -> None:
        """Wait until the run is made, if it is being made."""
        if self._beginning is not None and self._beginning is not threading.current_thread():
            self._beginning.join()

    @property
    def store(self) -> Store | None:
        """The store and experiment once connected; waits if training has started."""
        self._wait_for_run()
        return self._store

    @store.setter
    def store(self, store: Store) -> None:
        self._store = store

    @property
    def run_id(self) -> str | None:
        """The run's id once training has started; waits until it is known."""
        self._wait_for_run()
        return self._run_id

    @property
    def run_name(self) -> str | None:
        """The run's name once training has started, before that the one that was given."""
        self._wait_for_run()
        return self._run_name

    def step(self, report: Report) -> None:
        """Take the metrics; they are sent every few seconds, in the background."""
        self._raise_error()
        self.log_metrics(report.metrics, report.step)
        if time.monotonic() - self._last_flush >= self.flush_seconds:
            self._flush_in_background()

    def epoch(self, report: Report) -> None:
        """Take the metrics of a pass and send all that wait."""
        self._raise_error()
        self.log_metrics(report.metrics, report.step)
        self._flush_in_background()

    def finished(self, report: Report) -> None:
        """Take the last metrics; end the run as FINISHED unless a `with` block does so."""
        self._raise_error()
        self.log_metrics(report.metrics, report.step)
        if self._is_block:
            self._flush_in_background()
        else:
            self._wait_for_run()
            self._raise_error()
            self._end("FINISHED")

    def failed(self, error: BaseException) -> None:
        """Note why the training stopped; end the run unless a `with` block does so."""
        self._failure = error
        if not self._is_block:
            self._end_failed()

    def __enter__(self) -> MlflowCallback:
        self._is_block = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, SystemExit) and error.code in (None, 0):
            error = None
        self._failure = error or self._failure
        if self._failure is None:
            self._end("FINISHED")
            self._raise_error()
        else:
            if self.parent_run_id is not None and self._beginning is None:
                self._create_failed_run()
            self._end_failed()

    def _create_failed_run(self) -> None:
        """Let a parent run have a run also for a training that failed before it began."""
        configuration = self.configuration or {}
        start = _Described(
            {name: configuration.get(f"{name}.name") for name in ("loss", "trainer")},
            {"corpus": configuration.get("corpus.name")},
        )
        try:
            self.wait()
            self._create_run(start, int(time.time() * 1000))
        except Exception as error:  # The training's own error is the one to be told.
            _log.warning("the failed training has no MLflow run (%s)", first_line(error))

    # What else an application logs

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Take metrics by name; they are sent with the next ones, or when the run ends.

        An infinite value is logged as NaN, since MLflow would store the largest number there is.
        """
        now = int(time.time() * 1000)
        entries = []
        for name, value in metrics.items():
            number = float(value)
            if math.isinf(number):
                number = math.nan
            entries.append((legal_key(name), number, now, int(step)))
        with self._waiting_lock:
            self._waiting += entries
            excess = len(self._waiting) - _WAITING_METRICS
            if excess > 0:
                del self._waiting[:excess]
                self._lost_metrics += excess

    def log_outputs(
        self,
        folder: str | os.PathLike[str] | None = None,
        figures: Mapping[str, Figure] | None = None,
    ) -> None:
        """Log what a run leaves: the model's files, the configuration, pictures.

        Parameters
        ----------
        folder : path-like, optional
            The run's output folder: its files (not its subfolders, logs or hidden files) become
            the artifacts `model/...`, the vectors among them according to `vectors`.
        figures : mapping of str to matplotlib.figure.Figure, optional
            By file name; ".png" is added where there is no ending.

        Notes
        -----
        May be called before or after `finished`. What fails is told when the run ends; only that
        the run could not be made at all is raised.
        """
        run_id = self.run_id
        self._raise_error()
        if run_id is None:
            return
        client = self._client
        if folder is not None:
            directory = Path(folder).absolute()
            self._has_outputs = True
            if directory != self.output_folder:  # which the run was made with
                self.output_folder = directory
                place = str(directory)
                self._try("the output folder", client.set_tag, run_id, OUTPUT_FOLDER_TAG, place)
            for file in self._model_files(directory):
                self._try(file.name, client.log_artifact, run_id, str(file), MODEL_FOLDER)
        with tempfile.TemporaryDirectory(prefix="nw2v-") as temporary:
            for name, figure in (figures or {}).items():
                path = Path(temporary) / (name if Path(name).suffix else f"{name}.png")
                self._try(path.name, _draw, figure, path)
                if path.exists():
                    self._try(path.name, client.log_artifact, run_id, str(path))
        if not self._is_open:
            self._tell_problems()

    def describe(self, text: str) -> None:
        """Set the run's description, in Markdown, once training has started.

        That it cannot be set is told when the run ends, as with `log_outputs`.
        """
        run_id = self.run_id
        self._raise_error()
        if run_id is not None:
            text = text[:TAG_CHARACTERS]
            self._try("the description", self._client.set_tag, run_id, DESCRIPTION_TAG, text)

    @property
    def run_url(self) -> str | None:
        """Address of the run's page on a remote server, None for a local store."""
        if self.run_id is None or self.store is None or not is_server(self.store.uri):
            return None
        return run_url(self.store.uri, self.store.experiment_id, self.run_id)

    # Inside

    @property
    def _client(self) -> Any:
        assert self.store is not None
        return self.store.client

    def _run_tags(self, start: TrainingStart | _Described) -> dict[str, str]:
        tags = {
            "loss": _name(start.settings.get("loss")),
            "trainer": _name(start.settings.get("trainer")),
            "corpus": _name(start.facts.get("corpus")),
            "corpus_fingerprint": _name(start.facts.get("corpus_fingerprint")),
            **self._source_tags,
            **process_tags(),
        }
        if self.parent_run_id:
            tags[PARENT_TAG] = self.parent_run_id
        if self.output_folder is not None:
            tags[OUTPUT_FOLDER_TAG] = str(self.output_folder)
        tags |= self.tags
        return {key: str(value)[:TAG_CHARACTERS] for key, value in tags.items()}

    def _log_configuration(self, start: TrainingStart | _Described) -> None:
        """Log every setting as a parameter, and all of them as config.yaml."""
        settings = flatten(start.settings)
        leaves = settings if self.configuration is None else dict(self.configuration)
        for key, value in leaves.items():
            # What is unset in the configuration takes the studied default when training begins.
            group, _, keyword = key.rpartition(".")
            if value is None and group == "trainer":
                leaves[key] = settings.get(keyword)
            elif isinstance(value, str):
                leaves[key] = without_password(value)
        facts = {key: start.facts[key] for key in _PARAMETER_FACTS if key in start.facts}
        log_parameters(self._client, self._run_id, leaves | facts)
        text = yaml.safe_dump(nested(leaves), allow_unicode=True, sort_keys=False)
        self._client.log_text(self._run_id, text, "config.yaml")

    def _log_dataset(self, start: TrainingStart | _Described) -> None:
        """Log the corpus as MLflow's MetaDataset does: described, not copied."""
        kinds = entities(self._client)
        name = _name(start.facts.get("corpus")) or "corpus"
        path = (self.configuration or {}).get("corpus.path")
        source: dict[str, Any]
        if path:
            kind, source = "local", {"uri": (self._directory / str(path)).as_uri()}
        else:
            kind, source = "code", {"tags": {"nw2v.corpus": name}}
        facts = {key: start.facts[key] for key in _DATASET_FACTS if key in start.facts}
        dataset = kinds.Dataset(
            name=name[:DATASET_NAME_CHARACTERS],
            digest=_name(start.facts.get("corpus_fingerprint"))[:DIGEST_CHARACTERS] or "unknown",
            source_type=kind,
            source=json.dumps(source),
            profile=json.dumps(facts),
        )
        tags = [kinds.InputTag("mlflow.data.context", "training")]
        self._client.log_inputs(self._run_id, [kinds.DatasetInput(dataset, tags)])

    def _model_files(self, folder: Path) -> list[Path]:
        if not folder.is_dir():
            return []
        return [
            file
            for file in sorted(folder.iterdir())
            if file.is_file()
            and not file.name.startswith(".")
            and file.suffix != ".log"
            and file.name not in self.left_out
            and not (self.vectors == "none" and file.suffix == VECTORS_ENDING)
        ]

    def _flush_in_background(self) -> None:
        self._last_flush = time.monotonic()
        if not self._is_open or (self._sending is not None and self._sending.is_alive()):
            return
        self._sending = threading.Thread(target=self._flush, daemon=True)
        self._sending.start()

    def _flush(self) -> str | None:
        """Send all that wait; what fails goes on waiting, and the reason is returned."""
        metric = entities(self._client).Metric
        with self._sending_lock:
            while True:
                with self._waiting_lock:
                    batch = self._waiting[:METRICS_A_BATCH]
                    del self._waiting[: len(batch)]
                if not batch:
                    return None
                try:
                    self._check_store()
                    self._client.log_batch(self._run_id, metrics=[metric(*item) for item in batch])
                except Exception as error:
                    with self._waiting_lock:
                        self._waiting[:0] = batch
                    return first_line(error)

    def _check_store(self) -> None:
        """Raise if a server is away: MLflow itself would try for minutes."""
        if self.store is not None and (reason := server_problem(self.store.uri, seconds=3)):
            raise ConnectionError(f"{readable(self.store.uri)}: {reason}")

    def _try(self, what: str, action: Callable[..., Any], *arguments: Any) -> None:
        """Do something that must not end the run if it fails; the failure is told at its end."""
        try:
            self._check_store()
            with quiet_mlflow():
                action(*arguments)
        except Exception as error:
            self._problems.setdefault(first_line(error), []).append(what)

    def _end_failed(self) -> None:
        self._wait_for_run()
        error = self._failure
        if not self._is_open or error is None:
            return
        folder = self.output_folder
        if folder is not None and not self._has_outputs and (folder / MODEL_FILE).exists():
            self.log_outputs(folder)
        if isinstance(error, Pruned):
            what = "how far it was trained"
            self._try(what, self._client.set_tag, self._run_id, PRUNED_TAG, str(error.epoch))
            self._end("FINISHED")
            return
        reason = failure_reason(error)
        self._try("the reason", self._client.set_tag, self._run_id, FAILURE_TAG, reason)
        self._end(final_status(error))

    def _end(self, status: str) -> None:
        """Send what waits and set the final status, once; tell what could not be logged."""
        self._wait_for_run()
        if not self._is_open:
            return
        self._is_open = False
        atexit.unregister(self._at_exit)
        if self._sending is not None:
            self._sending.join(_PATIENCE_SECONDS)
        if self._sending is None or not self._sending.is_alive():
            reason = self._flush()
        else:
            reason = "the store does not answer"
        if missing := len(self._waiting) + self._lost_metrics:
            reason = reason or "the store was away for too long"
            self._problems.setdefault(reason, []).append(f"{missing} metrics")
        self._try(f"the status {status}", self._client.set_terminated, self._run_id, status)
        self._tell_problems()

    def _tell_problems(self) -> None:
        for reason, what in self._problems.items():
            _log.warning("MLflow run %s lacks %s (%s)", self._run_id, ", ".join(what), reason)
        self._problems.clear()

    def _at_exit(self) -> None:
        """End a run that the program left open: it was stopped before it was done."""
        # A forked child inherits this registration, but not the run.
        if os.getpid() == self._process and self.run_id is not None and self._is_open:
            if self._failure is None:
                self._failure = KeyboardInterrupt("the program ended before the run did")
            self._end_failed()


_PARAMETER_FACTS = ("vocabulary_size", "corpus_tokens", "heldout_tokens")
_DATASET_FACTS = ("corpus_tokens", "heldout_tokens", "vocabulary_size")


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


def _name(value: Any) -> str:
    """Return a setting that may be a name or an object with a name as its name."""
    return "" if value is None else str(getattr(value, "name", value))


def _draw(figure: Figure, path: Path) -> None:
    # Pillow's own level takes a third longer, and its files are no smaller.
    options: dict[str, Any] = {"pil_kwargs": {"compress_level": 3}} if path.suffix == ".png" else {}
    figure.savefig(path, **options)


def _made_up_name(default: str | None, start: TrainingStart | _Described) -> str:
    """Return a name for a run that was given none; it tells that several windows share a step."""
    windows = start.settings.get("batch_windows")
    return (default or made_up_name()) + ("" if windows in (None, 1) else f"-batch-{windows}")


def _experiment_of(client: Any, run_id: str) -> str | None:
    """Return the id of a run's experiment; what there is not is None or an error of MLflow's."""
    if isinstance(client, SqliteClient):
        return client.experiment_of_run(run_id)
    identifier: str = client.get_run(run_id).info.experiment_id
    return identifier


def _active_run() -> Any:
    """Return the run that the calling program has active in this thread, None if there is none."""
    mlflow = sys.modules.get("mlflow")
    return None if mlflow is None else getattr(mlflow, "active_run", lambda: None)()
