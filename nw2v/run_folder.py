"""What a run leaves in its folder beside the model: metrics.json and history.csv."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from nw2v.errors import InputError
from nw2v.files import write_atomically
from nw2v.json_file import JsonFile

METRICS_FILE = "metrics.json"
HISTORY_FILE = "history.csv"
LARGEST_HISTORY = 64_000_000  # bytes

Records = list[dict[str, float]]


def last_values(records: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the last value of every metric of a history."""
    return {name: one[name] for one in records for name in one if name != "step"}


def write_metrics(folder: Path, metrics: Mapping[str, float]) -> None:
    """Write the last value of every metric, by its MLflow name."""
    with write_atomically(folder / METRICS_FILE, "w") as file:
        json.dump(dict(metrics), file, indent=1, sort_keys=True)
        file.write("\n")


def read_metrics(folder: Path) -> dict[str, float]:
    """Read the last value of every metric; empty where there is no such file.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    file = folder / METRICS_FILE
    return JsonFile(file).numbers() if file.is_file() else {}


def write_history(folder: Path, records: Sequence[Mapping[str, float]]) -> None:
    """Write every metric by step, one row a report; no file where there are none."""
    if not records:
        (folder / HISTORY_FILE).unlink(missing_ok=True)
        return
    names = list(dict.fromkeys(name for record in records for name in record))
    with write_atomically(folder / HISTORY_FILE, "w") as file:
        rows = csv.DictWriter(file, names, lineterminator="\n")
        rows.writeheader()
        rows.writerows(dict(record) for record in records)


def read_history(folder: Path) -> Records:
    """Read what `write_history` wrote; empty where there is no such file.

    Raises
    ------
    InputError
        If the file is damaged: says in which line.
    """
    path = folder / HISTORY_FILE
    if not path.is_file():
        return []
    if path.stat().st_size > LARGEST_HISTORY:
        raise InputError(f"{path}: larger than {LARGEST_HISTORY:,} bytes: no history of a run")
    try:
        return _read_rows(path)
    except (OSError, ValueError, csv.Error) as error:
        if isinstance(error, InputError):
            raise
        raise _damaged(path, str(error)) from None


def _read_rows(path: Path) -> Records:
    records: Records = []
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if "step" not in (rows.fieldnames or ()):
            raise _damaged(path, "it has no column step")
        for number, row in enumerate(rows, start=2):
            try:
                record = {name: float(value) for name, value in row.items() if value}
                records.append(record | {"step": int(record["step"])})
            except (KeyError, OverflowError, TypeError, ValueError):
                raise _damaged(path, f"line {number} is not a step and numbers") from None
    return records


def _damaged(path: Path, reason: str) -> InputError:
    reason = " ".join(reason.split())[:200]
    return InputError(f"{path} is damaged ({reason}): mend it, or remove it to do without")
