"""A run that others belong to: made before them, given their table and pictures, ended after."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from nw2v.errors import InputError
from nw2v.tracking.processes import process_tags
from nw2v.tracking.provenance import source_tags
from nw2v.tracking.run_names import made_up_name
from nw2v.tracking.run_values import (
    FAILURE_TAG,
    MODEL_FOLDER,
    OUTPUT_FOLDER_TAG,
    PARENT_TAG,
    TAG_CHARACTERS,
    VECTORS_ENDING,
    failure_reason,
    final_status,
    flatten,
    legal_key,
    log_parameters,
)
from nw2v.tracking.runs import search_runs
from nw2v.tracking.store import (
    Store,
    check_store,
    first_line,
    open_client,
    open_store,
    quiet_mlflow,
)
from nw2v.tracking.store_address import (
    readable,
    resolve_experiment,
    resolve_uri,
    sqlite_file,
    without_password,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_log = logging.getLogger(__name__)


class ParentRun:
    """An MLflow run that is open as long as the block it is the context manager of.

    Its status is how the block was left: FINISHED, KILLED (KeyboardInterrupt) or FAILED.

    Parameters
    ----------
    uri, experiment, run_name : str, optional
        As for `MlflowCallback`.
    configuration : mapping
        Its parameters, nested or by dotted key.
    tags : mapping
    output_folder : path-like
    run_id : str, optional
        A run of that store to go on with. One that is not there any more is made anew.

    Attributes
    ----------
    uri : str
        The store's address, with absolute paths.
    store : Store
    run_id, run_name : str
        Once entered.

    Raises
    ------
    InputError
        If the store cannot be used, on entering.
    """

    def __init__(
        self,
        *,
        uri: str | None,
        experiment: str | None,
        run_name: str | None,
        configuration: Mapping[str, Any],
        tags: Mapping[str, str],
        output_folder: str | os.PathLike[str],
        run_id: str | None = None,
    ) -> None:
        self.uri = resolve_uri(uri)
        self._experiment, self._run_name = experiment, run_name
        self._configuration, self._tags = flatten(configuration), dict(tags)
        self._folder = Path(output_folder).absolute()
        self._earlier_run = run_id
        self._earlier_status: str | None = None
        self._opening: Future[Store] | None = None

    def start_opening(self) -> None:
        """Begin to open the store in the background; a new one takes seconds."""
        executor = ThreadPoolExecutor(1)
        self._opening = executor.submit(self._open)
        executor.shutdown(wait=False)

    def _open(self) -> Store:
        check_store(self.uri)
        name, identifier = resolve_experiment(self._experiment)
        return open_store(self.uri, name, identifier, Path.cwd())

    def __enter__(self) -> ParentRun:
        self.store = self._open() if self._opening is None else self._opening.result()
        self.experiment = self.store.experiment
        tags = {
            **source_tags(Path.cwd()),
            **process_tags(),
            OUTPUT_FOLDER_TAG: str(self._folder),
            **self._tags,
        }
        tags = {key: value[:TAG_CHARACTERS] for key, value in tags.items()}
        if (earlier := self._opened_again(tags)) is not None:
            self.run_id, self.run_name = earlier.info.run_id, earlier.info.run_name
            return self
        with self._readable_errors():
            run = self.store.client.create_run(
                self.store.experiment_id,
                start_time=int(time.time() * 1000),
                tags=tags,
                run_name=self._run_name or made_up_name(),
            )
        self.run_id, self.run_name = run.info.run_id, run.info.run_name
        try:
            with self._readable_errors():
                log_parameters(
                    self.store.client,
                    self.run_id,
                    {key: without_password(str(v)) for key, v in self._configuration.items()},
                )
        except BaseException as error:
            self._end(error)
            raise
        return self

    def _opened_again(self, tags: Mapping[str, str]) -> Any:
        """Return the run to go on with, None if there is none."""
        from mlflow.exceptions import MlflowException

        if self._earlier_run is None:
            return None
        client = self.store.client
        try:
            run = client.get_run(self._earlier_run)
        except MlflowException:
            return None
        if run.info.lifecycle_stage == "deleted":
            return None
        self._earlier_status = run.info.status
        with self._readable_errors():
            client.update_run(run.info.run_id, status="RUNNING")
            for key, value in tags.items():
                client.set_tag(run.info.run_id, key, value)
            if FAILURE_TAG in run.data.tags:
                client.delete_tag(run.info.run_id, FAILURE_TAG)
        return run

    def children(self, tag: str) -> dict[str, list[Any]]:
        """Return the runs that belong to this one, by the value of one of their tags."""
        found: dict[str, list[Any]] = {}
        condition = f"tags.`{PARENT_TAG}` = '{self.run_id}'"
        with self._readable_errors():
            for run in search_runs(self.store.client, [self.store.experiment_id], condition):
                found.setdefault(run.data.tags.get(tag, ""), []).append(run)
        return found

    def remove(self, run_ids: Iterable[str]) -> None:
        """Delete runs whose work is done anew; MLflow can restore them."""
        with self._readable_errors():
            for run_id in run_ids:
                self.store.client.delete_run(run_id)

    def log_vectors_of(self, run_id: str, folder: Path) -> None:
        """Log the vectors in a folder to a run below this one, beside the rest of its model."""
        with self._readable_errors(), quiet_mlflow():
            for file in sorted(folder.glob(f"*{VECTORS_ENDING}")):
                self.store.client.log_artifact(run_id, str(file), MODEL_FOLDER)

    def log_figures_of(self, run_id: str, figures: Mapping[str, Figure]) -> None:
        """Log pictures, by file name without its ending, to a run below this one."""
        from nw2v.plots.figure import png

        with (
            self._readable_errors(),
            quiet_mlflow(),
            tempfile.TemporaryDirectory(prefix="nw2v-") as folder,
        ):
            for name, figure in figures.items():
                path = Path(folder) / f"{name}.png"
                path.write_bytes(png(figure))
                self.store.client.log_artifact(run_id, str(path))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags of the run."""
        with self._readable_errors():
            for key, value in tags.items():
                self.store.client.set_tag(self.run_id, key, value[:TAG_CHARACTERS])

    def log(self, files: Iterable[Path], metrics: Mapping[str, float]) -> None:
        """Log files and metrics.

        Raises
        ------
        InputError
            If the store does not take them.
        """
        client = self.store.client
        with self._readable_errors(), quiet_mlflow():
            for file in files:
                client.log_artifact(self.run_id, str(file))
            for name, value in metrics.items():
                client.log_metric(self.run_id, legal_key(name), value)

    @contextmanager
    def _readable_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise InputError(
                f"cannot log to the MLflow store {readable(self.uri)} ({first_line(error)})"
            ) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        """Set the final status; that it cannot be set must not hide the error before it."""
        status = final_status(error)
        if isinstance(error, InputError) and self._earlier_status is not None:
            # What was asked of the run is refused: it is what it was before.
            error, status = None, self._earlier_status
            status = "KILLED" if status == "RUNNING" else status
        try:
            with quiet_mlflow():
                if error is not None:
                    reason = failure_reason(error)
                    self.store.client.set_tag(self.run_id, FAILURE_TAG, reason)
                self.store.client.set_terminated(self.run_id, status)
        except Exception as problem:
            _log.warning(
                "MLflow run %s lacks its status %s (%s)", self.run_id, status, first_line(problem)
            )


def log_files(uri: str, run_id: str, files: Iterable[Path], folder: Path | None = None) -> None:
    """Log files to a run that exists already, whatever its status.

    Parameters
    ----------
    uri : str
        The store, as `resolve_uri` gives it.
    run_id : str
    files : iterable of Path
    folder : Path, optional
        What the files tell of: has to be the folder that the run wrote to, not a copy of it.

    Raises
    ------
    InputError
        If there is no such store or run, or it does not take the files; if it wrote elsewhere.
    """
    file = sqlite_file(uri)
    if file is not None and not file.is_file():
        raise InputError(f"there is no MLflow store {file}")
    client = open_client(uri)
    try:
        with quiet_mlflow():
            written = client.get_run(run_id).data.tags.get(OUTPUT_FOLDER_TAG)
            if folder is not None and written not in (None, str(folder.absolute())):
                raise InputError(f"run {run_id} is that of {written}, not of {folder}")
            for path in files:
                client.log_artifact(run_id, str(path))
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"cannot log to run {run_id} of the MLflow store {readable(uri)} ({first_line(error)})"
        ) from error
