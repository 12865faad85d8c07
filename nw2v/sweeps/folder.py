"""A sweep's folder: sweep.json, and one folder a job with its job.json, metrics and history.

A folder may come from a stranger: files are JSON and CSV only, and are refused where they are
larger than any that nw2v writes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nw2v.errors import InputError
from nw2v.sweeps.files import (
    KILLED,
    LARGEST_FILE,
    METRICS_FILE,
    RUNNING,
    VERSION,
    job_folders,
)
from nw2v.sweeps.records import STATUSES, Job, Sweep, goals
from nw2v.tracking.processes import HOST_TAG, has_vanished
from nw2v.tracking.run_values import JOB_FILE, SWEEP_FILE, VANISHED

if TYPE_CHECKING:
    import pandas as pd


HISTORY_FILE = "history.csv"
LARGEST_HISTORY = 64_000_000  # bytes, as `nw2v.load` takes it


def read_folder(folder: Path) -> Sweep:
    """Read what a sweep's folder holds of it.

    Parameters
    ----------
    folder : Path
        `hydra.sweep.dir` of a multirun, which may still be going on.

    Raises
    ------
    InputError
        If it is no sweep's folder, or a file in it is damaged: says which.
    """
    file = folder / SWEEP_FILE
    if not file.is_file():
        raise InputError(_why_not(folder))
    data = _Reader(file)
    metric, direction = data.needed("metric"), data.needed("direction")
    try:
        metrics, directions = goals(metric, direction)
    except ValueError:
        raise data.error(
            "metric and direction are not names of metrics with a direction each"
        ) from None
    swept = data.needed("swept")
    if not isinstance(swept, list) or not all(isinstance(key, str) for key in swept):
        raise data.error("swept is not a list of keys")
    jobs = sorted(map(_read_job, job_folders(folder)), key=lambda job: job.number)
    return Sweep(
        name=folder.resolve().name,
        metrics=metrics,
        directions=directions,
        swept=tuple(swept),
        jobs=tuple(jobs),
        command=data.text("command"),
        parent_run=data.text("parent_run"),
        uri=data.text("uri"),
        folder=str(folder),
        started=data.number("started"),
    )


def read_history(folder: Path) -> pd.DataFrame | None:
    """Read a job's history.csv: a column step and one a metric; None if it never trained.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    import pandas as pd

    file = folder / HISTORY_FILE
    if not file.is_file():
        return None
    if file.stat().st_size > LARGEST_HISTORY:
        raise InputError(f"{file} is larger than any history: {LARGEST_HISTORY:,} bytes at most")
    try:
        history = pd.read_csv(file)
        if "step" not in history.columns:
            raise ValueError("it has no column step")
        return history.astype({"step": "int64"}).astype(
            {name: "float64" for name in history.columns if name != "step"}
        )
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{file} is damaged, no history of a job ({reason})") from None


def _why_not(folder: Path) -> str:
    if not folder.exists():
        return f"no sweep {folder}: give a sweep's folder or the MLflow run id of its parent run"
    if not folder.is_dir():
        return f"{folder} is a file, not a sweep's folder"
    if (folder / JOB_FILE).is_file() and (folder.absolute().parent / SWEEP_FILE).is_file():
        return (
            f"{folder} is one job of a sweep: give the sweep's folder, {folder.absolute().parent}"
        )
    if (folder / METRICS_FILE).is_file():
        return f"{folder} is the folder of one run, not of a sweep (nw2v train -m)"
    return f"{folder} is not a sweep's folder: it has no {SWEEP_FILE}"


def _read_job(folder: Path) -> Job:
    data = _Reader(folder / JOB_FILE)
    status = data.needed("status")
    if status not in STATUSES:
        raise data.error(f"status is not one of {', '.join(STATUSES)}")
    process = data.mapping("process", str)
    failure = data.text("failure")
    if status == RUNNING and has_vanished(process):
        status, failure = KILLED, failure or VANISHED
    number = data.needed("job")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**31:
        raise data.error("job is not a number of a job")
    metrics = folder / METRICS_FILE
    return Job(
        number=number,
        status=status,
        settings=data.mapping("settings", _plain, keep_null=True),
        metrics=_Reader(metrics).numbers() if metrics.is_file() else {},
        seconds=data.mapping("seconds", float),
        run_id=data.text("run_id"),
        folder=str(folder),
        failure=failure,
        host=process.get(HOST_TAG),
        fingerprint=data.text("corpus_fingerprint"),
    )


class _Reader:
    """A JSON file that holds a mapping: its values, checked."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            if file.stat().st_size > LARGEST_FILE:
                raise ValueError(f"larger than {LARGEST_FILE:,} bytes")
            self._data = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
            raise self.error(reason) from None
        if not isinstance(self._data, dict):
            raise self.error("it holds no mapping")
        version = self._data.get("version", VERSION)
        if version != VERSION:
            raise InputError(
                f"{file} has version {version!r}, this nw2v reads version {VERSION}: take the "
                "nw2v that wrote it"
            )

    def error(self, reason: str) -> InputError:
        """Return the error that says that this file is damaged, and how."""
        return InputError(f"{self._file} is damaged ({reason}): mend or remove it")

    def needed(self, key: str) -> Any:
        """Return a value that must be there."""
        if key not in self._data:
            raise self.error(f"it has no {key}")
        return self._data[key]

    def text(self, key: str) -> str | None:
        """Return a text, or None where there is none."""
        value = self._data.get(key)
        if value is not None and not isinstance(value, str):
            raise self.error(f"{key} is not a text")
        return value

    def number(self, key: str) -> float:
        """Return a number, NaN where there is none."""
        value = self._data.get(key)
        if value is None:
            return math.nan
        if not _is_number(value):
            raise self.error(f"{key} is not a number")
        return float(value)

    def mapping(
        self, key: str, read: Callable[[Any], Any], *, keep_null: bool = False
    ) -> dict[str, Any]:
        """Return a mapping, empty where there is none, each of whose values `read` understands."""
        try:
            given = (self._data.get(key) or {}).items()
            return {name: read(item) for name, item in given if keep_null or item is not None}
        except (AttributeError, TypeError, ValueError):
            raise self.error(f"{key} is not what nw2v writes there") from None

    def numbers(self) -> dict[str, float]:
        """Return the whole file as numbers by name; null is NaN."""
        found = {}
        for name, value in self._data.items():
            if name == "version":
                continue
            if value is not None and not _is_number(value):
                raise self.error(f"{name} is not a number")
            found[name] = math.nan if value is None else float(value)
        return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    """Return a setting as it is: a text, a number, true or false, null, or a list of these."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError
