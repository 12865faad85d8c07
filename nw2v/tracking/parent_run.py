"""A run that others belong to: made before them, given their table and pictures, ended after."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from nw2v.errors import InputError
from nw2v.tracking.mlflow_callback import (
    FAILURE_TAG,
    OUTPUT_FOLDER_TAG,
    TAG_CHARACTERS,
    failure_reason,
    final_status,
    flatten,
    legal_key,
    log_parameters,
)
from nw2v.tracking.processes import process_tags
from nw2v.tracking.provenance import source_tags
from nw2v.tracking.store import (
    check_store,
    first_line,
    open_store,
    quiet_mlflow,
    readable,
    resolve_experiment,
    resolve_uri,
    without_password,
)

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
    ) -> None:
        self.uri = resolve_uri(uri)
        self._experiment, self._run_name = experiment, run_name
        self._configuration, self._tags = flatten(configuration), dict(tags)
        self._folder = Path(output_folder).absolute()

    def __enter__(self) -> ParentRun:
        check_store(self.uri)
        name, identifier = resolve_experiment(self._experiment)
        self.store = open_store(self.uri, name, identifier, Path.cwd())
        self.experiment = self.store.experiment
        tags = {
            **source_tags(Path.cwd()),
            **process_tags(),
            OUTPUT_FOLDER_TAG: str(self._folder),
            **self._tags,
        }
        with self._readable_errors():
            run = self.store.client.create_run(
                self.store.experiment_id,
                start_time=int(time.time() * 1000),
                tags={key: value[:TAG_CHARACTERS] for key, value in tags.items()},
                run_name=self._run_name,
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
