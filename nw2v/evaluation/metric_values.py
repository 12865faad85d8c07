"""Metrics that come from elsewhere: their names and values, checked before they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from nw2v.errors import InputError


def as_floats(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return metrics as Python's own floats, which is all that files and MLflow take.

    Raises
    ------
    InputError
        If a name is not a text, or a value no single real number.
    """
    return {_checked_name(name): _as_float(name, value) for name, value in metrics.items()}


def added_metrics(metrics: Any, measured: Mapping[str, float]) -> dict[str, float]:
    """Return what a user's function has measured, to be kept beside what nw2v measures.

    Parameters
    ----------
    metrics : mapping of str to number
    measured : mapping
        What there is already.

    Raises
    ------
    InputError
        If it is no mapping of names to numbers, or has a name that is nw2v's own.
    """
    if not isinstance(metrics, Mapping):
        raise InputError(
            f"evaluate returned a {type(metrics).__name__}: expected a mapping of names to numbers"
        )
    found = as_floats(metrics)
    for name in found:
        if name == "step" or name in measured or name.startswith(("train/", "valid/")):
            raise InputError(
                f"evaluate returned a metric {name!r}, a name that nw2v uses itself: choose another"
            )
    return found


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise InputError(f"a metric is called {name!r}: expected a text")
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"a metric is called {name!r}, which is no text in UTF-8") from None
    return name


def _as_float(name: str, value: Any) -> float:
    # What packages raise where theirs is no single number is their own affair.
    with suppress(Exception):
        if not isinstance(value, str | bytes | np.ma.core.MaskedConstant) and not _has_parts(value):
            return float(value)
    raise InputError(
        f"the metric {name} is {str(value)[:60]!r}, a {type(value).__name__}: expected a number"
    )


def _has_parts(value: Any) -> bool:
    """Whether a value is an array with axes, or a complex number: which `float` may take, too."""
    return getattr(value, "ndim", 0) != 0 or isinstance(value, complex | np.complexfloating)
