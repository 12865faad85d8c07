"""The table that ends a sweep: its jobs in the order of `sweep.metric`."""

from __future__ import annotations

import csv
import io
import json
import math
from contextlib import suppress
from pathlib import Path

import yaml

from nw2v.files import write_atomically

TABLE_FILE = "sweep.csv"
_BESIDE = ("valid/cross_entropy", "train/seconds")


def rank_sweep(folder: Path, metric: str, direction: str) -> None:
    """Print the ranked table of a sweep, and write it into its folder."""
    rows = ranked_jobs(folder, metric, direction)
    if not rows:
        return
    with write_atomically(folder / TABLE_FILE, "w") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    with suppress(OSError):  # What cannot be printed is told at the end.
        print(f"\n{aligned(rows)}\n\ntable  {folder / TABLE_FILE}", flush=True)


def ranked_jobs(folder: Path, metric: str, direction: str) -> list[list[str]]:
    """Read the jobs below a sweep's folder and rank them.

    Parameters
    ----------
    folder : Path
        Holds one folder a job, with its overrides and, where it came to an end, metrics.json.
    metric : str
    direction : {"maximize", "minimize"}

    Returns
    -------
    list of list of str
        A header and one row a job: job, swept keys, the metric, held-out cross-entropy, seconds.
        Jobs without the metric come last; empty if there are no jobs.
    """
    jobs: list[tuple[str, dict[str, str], dict[str, float]]] = []
    for overrides in sorted(folder.glob("**/.hydra/overrides.yaml")):
        job = overrides.parents[1]
        listed = yaml.safe_load(overrides.read_text(encoding="utf-8")) or []
        pairs = (str(item).lstrip("+").split("=", 1) for item in listed)
        measured = job / "metrics.json"
        metrics = json.loads(measured.read_text(encoding="utf-8")) if measured.is_file() else {}
        jobs.append((str(job.relative_to(folder)), {p[0]: p[-1] for p in pairs}, metrics))
    if not jobs:
        return []
    keys = sorted({key for _, given, _ in jobs for key in given if key != "sweep.trial"})
    swept = [key for key in keys if len({given.get(key) for _, given, _ in jobs}) > 1]
    sign = -1.0 if direction == "maximize" else 1.0

    def place(job: tuple[str, dict[str, str], dict[str, float]]) -> tuple[bool, float]:
        value = job[2].get(metric, math.nan)
        return math.isnan(value), sign * value

    measures = [metric, *(name for name in _BESIDE if name != metric)]
    rows = [["job", *swept, *measures]]
    for name, given, metrics in sorted(jobs, key=place):
        values = [f"{metrics[m]:.6g}" if m in metrics else "" for m in measures]
        rows.append([name, *(given.get(key, "") for key in swept), *values])
    return rows


def aligned(rows: list[list[str]]) -> str:
    """Lay rows out in columns for a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = io.StringIO()
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.write("  ".join(cells).rstrip() + "\n")
    return lines.getvalue().rstrip()
