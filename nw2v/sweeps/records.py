"""What is known of a sweep and its jobs, wherever it was read from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STATUSES = ("FINISHED", "PRUNED", "RUNNING", "KILLED", "FAILED")
"""What a job can be, in the order in which tables show them."""
JOB_COLUMNS = ("job", "status", "run_id", "folder", "failure", "fingerprint")
"""What a table of jobs says of a job beside its settings, metrics and seconds."""
DEFAULT_METRIC, DEFAULT_DIRECTION = "analogy/accuracy", "maximize"


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    Attributes
    ----------
    number : int
    status : str
        One of `STATUSES`.
    settings : dict
        Its configuration by dotted key.
    metrics : dict of str to float
        The last value of each, by its MLflow name.
    seconds : dict of str to float
        What is known of corpus, training, evaluation, total.
    run_id, folder, failure, host, fingerprint : str or None
        Its MLflow run; its output folder; why it failed, in one line; the machine it ran on; the
        mark of its text.
    """

    number: int
    status: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    run_id: str | None = None
    folder: str | None = None
    failure: str | None = None
    host: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True)
class Sweep:
    """A sweep: what was asked for, and its jobs in the order of their numbers.

    Attributes
    ----------
    name : str
        What to call it: its folder, or its MLflow run's name.
    metrics, directions : tuple of str
        What it ranks by (the first), and which way is better.
    swept : tuple of str
        Dotted keys of the settings that it varied.
    jobs : tuple of Job
    command, parent_run, uri, folder : str or None
        The command line; the MLflow run it is, and in which store; its folder.
    started : float
        Seconds since 1970; NaN if unknown.
    """

    name: str
    metrics: tuple[str, ...]
    directions: tuple[str, ...]
    swept: tuple[str, ...]
    jobs: tuple[Job, ...]
    command: str | None = None
    parent_run: str | None = None
    uri: str | None = None
    folder: str | None = None
    started: float = math.nan
