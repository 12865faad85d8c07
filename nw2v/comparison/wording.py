"""How metrics and numbers of a comparison are written, everywhere the same."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nw2v.comparison.runs import CROSS_ENTROPY

if TYPE_CHECKING:
    import pandas as pd


def records(table: pd.DataFrame) -> Iterator[Any]:
    """The rows of a table, with its columns as attributes."""
    return iter(table.itertuples())


def named(metric: str, vectors: str) -> str:
    """Name a metric with the vectors that it was measured on."""
    return metric if vectors == "model" else f"{metric} ({of_vectors(vectors)})"


def of_vectors(vectors: str) -> str:
    """Name vectors by their letters."""
    return {"center": "V", "sum": "V + U", "outside": "U", "model": "model"}[vectors]


def number(metric: str, value: float, *, signed: bool = False) -> str:
    """Write a value of a metric: nats with four decimals, the others times 100 with two."""
    if math.isnan(value):
        return ""
    sign = "+" if signed else ""
    return f"{value:{sign}.4f}" if metric == CROSS_ENTROPY else f"{100 * value:{sign}.2f}"


def interval(metric: str, low: float, high: float, *, signed: bool = False) -> str:
    """Write an interval, nothing where there is none."""
    if math.isnan(low):
        return ""
    ends = (number(metric, end, signed=signed) for end in (low, high))
    return " to ".join(ends)
