"""A training run as an MLflow run: what is logged, when, and how the run ends."""

from __future__ import annotations

import atexit
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from nw2v.errors import InputError
from nw2v.tracking.descriptions import DESCRIPTION_TAG
from nw2v.tracking.destination import Destination, find_destination, open_destination
from nw2v.tracking.metric_queue import MetricQueue, Sender
from nw2v.tracking.provenance import source_tags
from nw2v.tracking.run_content import (
    FailedStart,
    Start,
    default_run_name,
    draw,
    log_configuration,
    log_dataset,
    model_files,
    run_tags,
)
from nw2v.tracking.run_values import (
    FAILURE_TAG,
    MODEL_FOLDER,
    OUTPUT_FOLDER_TAG,
    PRUNED_TAG,
    TAG_CHARACTERS,
    entities,
    failure_reason,
    final_status,
    flatten,
)
from nw2v.tracking.server_pages import run_url
from nw2v.tracking.sqlite_client import Metric
from nw2v.tracking.store import (
    Store,
    check_server,
    check_store,
    first_line,
    quiet_mlflow,
    server_problem,
)
from nw2v.tracking.store_address import is_server, readable
from nw2v.training.callbacks import Callback, Pruned, Report, TrainingStart
from nw2v.vectors.model_file import MODEL_FILE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_log = logging.getLogger(__name__)


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

        self._metrics = MetricQueue(self._sender, lambda: self._is_open)
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
        place, self.parent_run_id = find_destination(
            self.uri, self.experiment, self.parent_run_id, self._directory
        )
        self._connecting = threading.Thread(target=self._connect, args=(place,), daemon=True)
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

    def _connect(self, place: Destination) -> None:
        try:
            check_store(place.uri)
            self._checked.set()
            self._source_tags = source_tags(self._directory)
            # Until training begins the main thread needs the interpreter for itself; compiled
            # training hardly needs it.
            self._is_wanted.wait()
            self._store, self.parent_run_id = open_destination(
                place, self.parent_run_id, self._directory
            )
        except BaseException as error:
            self._connection_error = error
        finally:
            self._checked.set()

    def _raise_error(self) -> None:
        """Raise what went wrong in the background."""
        if self._connection_error is not None:
            raise self._connection_error

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
        self._metrics.start_clock()
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

    def _create_run(self, start: Start, moment: int) -> None:
        assert self.store is not None
        check_server(self.store.uri)
        try:
            run = self._client.create_run(
                self.store.experiment_id,
                start_time=moment,
                tags=run_tags(
                    start,
                    source=self._source_tags,
                    parent_run_id=self.parent_run_id,
                    output_folder=self.output_folder,
                    more=self.tags,
                ),
                run_name=self._given_name or default_run_name(self._default_name, start),
            )
            run_id = run.info.run_id
            self._run_id, self._run_name = run_id, run.info.run_name
            self._is_open = True
            log_configuration(self._client, run_id, start, self.configuration)
            path = (self.configuration or {}).get("corpus.path")
            file = self._directory / str(path) if path else None
            log_dataset(self._client, run_id, start, file)
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
        if self._metrics.is_due(self.flush_seconds):
            self._metrics.send_in_background()

    def epoch(self, report: Report) -> None:
        """Take the metrics of a pass and send all that wait."""
        self._raise_error()
        self.log_metrics(report.metrics, report.step)
        self._metrics.send_in_background()

    def finished(self, report: Report) -> None:
        """Take the last metrics; end the run as FINISHED unless a `with` block does so.

        In a block nothing is raised, so that what was learnt can be saved: `log_outputs` and the
        end of the block raise what is wrong with the store.
        """
        self.log_metrics(report.metrics, report.step)
        if self._is_block:
            self._metrics.send_in_background()
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
        try:
            self.wait()
            self._create_run(FailedStart.of(self.configuration or {}), int(time.time() * 1000))
        except Exception as error:  # The training's own error is the one to be told.
            _log.warning("the failed training has no MLflow run (%s)", first_line(error))

    # What else an application logs

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Take metrics by name; they are sent with the next ones, or when the run ends.

        An infinite value is logged as NaN, since MLflow would store the largest number there is.
        """
        self._metrics.add(metrics, step)

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
            with_vectors = self.vectors != "none"
            for file in model_files(directory, with_vectors=with_vectors, left_out=self.left_out):
                self._try(file.name, client.log_artifact, run_id, str(file), MODEL_FOLDER)
        with tempfile.TemporaryDirectory(prefix="nw2v-") as temporary:
            for name, figure in (figures or {}).items():
                path = Path(temporary) / (name if Path(name).suffix else f"{name}.png")
                self._try(path.name, draw, figure, path)
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

    def _sender(self) -> Sender:
        """Wait for the run; return what sends metrics to it."""
        kind = entities(self._client).Metric

        def send(metrics: list[Metric]) -> None:
            self._check_store()
            self._client.log_batch(self._run_id, metrics=[kind(*metric) for metric in metrics])

        return send

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
        missing, reason = self._metrics.send_rest()
        if missing:
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
