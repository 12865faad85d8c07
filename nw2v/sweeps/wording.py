"""Numbers of metrics as a reader expects them: accuracies in points of a hundred, and so on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_SCORES = ("analogy/", "similarity/")


def factor_of(metric: str) -> float:
    """Return by what a metric is multiplied to be shown."""
    return 100.0 if metric.startswith(_SCORES) else 1.0


def unit_of(metric: str) -> str:
    """Return the unit in which a metric is shown; empty for what has none."""
    if metric.startswith(_SCORES):
        return "points"
    if "cross_entropy" in metric:
        return "nats"
    return "s" if metric in ("train/seconds",) or metric.startswith("seconds/") else ""


def titled(metric: str) -> str:
    """Name a metric with its unit."""
    return f"{metric} ({unit})" if (unit := unit_of(metric)) else metric


def number(metric: str, value: float, *, signed: bool = False) -> str:
    """Write a value of a metric, or a difference of two."""
    if math.isnan(value):
        return ""
    sign = "+" if signed else ""
    shown = value * factor_of(metric)
    if metric.startswith(_SCORES):
        return f"{shown:{sign}.2f}"
    if "cross_entropy" in metric or metric.endswith("loss"):
        return f"{shown:{sign}.4f}"
    if unit_of(metric) == "s":
        return f"{shown:{sign}.{2 if abs(shown) < 10 else 1}f}"
    return f"{shown:{sign}.4g}"


def amount(metric: str, value: float) -> str:
    """Write a value with its unit."""
    text, unit = number(metric, value), unit_of(metric)
    return f"{text} {unit}" if unit and text else text


def interval(metric: str, low: float, high: float) -> str:
    """Write a 95 % interval; empty where there is none."""
    if math.isnan(low):
        return ""
    return f"{number(metric, low)} to {number(metric, high)}"


def numbers(jobs: Sequence[int] | np.ndarray, most: int = 10) -> str:
    """List the numbers of jobs, not more than so many."""
    shown = ", ".join(map(str, jobs[:most]))
    word = "job" if len(jobs) == 1 else "jobs"
    more = f" and {len(jobs) - most} more" if len(jobs) > most else ""
    return f"{word} {shown}{more}"
