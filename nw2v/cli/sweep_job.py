"""One job of a sweep: what it writes into its folder, and what it is called."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any

from hydra.core.hydra_config import HydraConfig

from nw2v.run_folder import last_values, write_history, write_metrics
from nw2v.sweeps.files import (
    FINISHED,
    RUNNING,
    JobRecord,
    SweepRecord,
    identity,
)
from nw2v.tracking.processes import process_tags
from nw2v.tracking.run_content import facts_among_settings
from nw2v.tracking.run_values import IDENTITY_TAG, JOB_TAG, SWEEP_FILE, failure_reason, final_status
from nw2v.training.callbacks import Callback, TrainingStart
from nw2v.training.settings import defaults_taken


class SweepJob(Callback):
    """Keeps a job's record up to date while the block it is the context manager of runs.

    As a callback of the training, it learns what became of settings that were left unset.

    Parameters
    ----------
    settings : mapping
        The job's configuration, by dotted key.
    folder : Path
        Its output folder.
    sweep : SweepRecord
    number : int
    """

    def __init__(
        self, settings: Mapping[str, Any], folder: Path, sweep: SweepRecord, number: int
    ) -> None:
        self._folder = folder
        self._history: Sequence[Mapping[str, float]] = ()
        self._sweep = sweep
        self.record = JobRecord(
            job=number,
            status=RUNNING,
            identity=identity(settings),
            settings=dict(settings),
            process=process_tags(),
        )

    @classmethod
    def current(cls, settings: Mapping[str, Any], folder: Path) -> SweepJob | None:
        """Return the job that Hydra is running here, None where its sweep has no record."""
        sweep = Path(HydraConfig.get().sweep.dir)
        if not (sweep / SWEEP_FILE).is_file():
            return None  # another program's sweep, over the job of nw2v
        number = int(folder.name) if folder.name.isdecimal() else int(HydraConfig.get().job.num)
        return cls(settings, folder, SweepRecord.read(sweep), number)

    @property
    def parent_run(self) -> str | None:
        """The MLflow run of the sweep."""
        return self._sweep.parent_run

    @property
    def label(self) -> str:
        """What the job has of its own, in short: "window=5 dim=100 seed=1"."""
        return label(self.record.settings, self._sweep.swept) or f"job {self.record.job}"

    @property
    def tags(self) -> dict[str, str]:
        """Return the tags by which a sweep knows the MLflow run of this job again."""
        return {JOB_TAG: str(self.record.job), IDENTITY_TAG: self.record.identity}

    def started(self, start: TrainingStart) -> None:
        """Record what an MLflow run has among its parameters beside the configuration."""
        taken = defaults_taken(self.record.settings, start.settings)
        self.record.settled = taken | facts_among_settings(start)
        self.record.corpus_fingerprint = start.facts["corpus_fingerprint"]
        self.record.write(self._folder)
        self._history = start.history

    def failed(self, error: BaseException) -> None:
        """Write what was measured: of a training that failed there is no model."""
        write_history(self._folder, self._history)
        if self._history:
            write_metrics(self._folder, last_values(self._history))

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Add the time that a block takes to the seconds of `what`."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.record.seconds[what] = (
                self.record.seconds.get(what, 0.0) + time.perf_counter() - begun
            )

    def trained(self, seconds: float) -> None:
        """Separate the seconds of training from all that `timed("evaluation")` has counted."""
        self.record.seconds["training"] = seconds
        self.record.seconds["evaluation"] = max(
            0.0, self.record.seconds.get("evaluation", 0.0) - seconds
        )

    def __enter__(self) -> SweepJob:
        self._begun = time.perf_counter()
        self.record.write(self._folder)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.record.seconds["total"] = time.perf_counter() - self._begun
        if error is None:
            if self.record.status == RUNNING:
                self.record.status = FINISHED
        else:
            self.record.status = final_status(error)
            self.record.failure = " ".join(failure_reason(error).split())
        self.record.write(self._folder)


def timed(job: SweepJob | None, what: str) -> AbstractContextManager[None]:
    """Add the time that a block takes to a job's seconds, if it is a job of a sweep."""
    return nullcontext() if job is None else job.timed(what)


def label(settings: Mapping[str, Any], keys: list[str]) -> str:
    """Name a job by its values of some keys, in short."""
    parts = []
    for key in keys:
        group, _, leaf = key.rpartition(".")
        value = settings.get(key)
        if value is None and group == "loss":
            continue  # what its loss does not have
        parts.append(str(value) if leaf == "name" else f"{leaf}={value}")
    return " ".join(parts)
