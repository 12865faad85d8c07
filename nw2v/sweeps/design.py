"""What a sweep varied: its parameters, and the levels that each of them has."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from nw2v.errors import InputError
from nw2v.sweeps.files import without_effect
from nw2v.sweeps.objectives import CROSS_ENTROPY, DIRECTIONS, usual_direction
from nw2v.sweeps.records import DEFAULT_METRIC, JOB_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

SEED, THREADS = "seed", "trainer.threads"
BINS = 4
"""Into how many parts of about as many jobs a searched number is cut."""
_MANY_LEVELS = 8
# Where a run is kept and how its sweep goes on does not change what it learns.
_BESIDES = ("tracking.", "sweep.", "hydra.")
_FACTS = ("vocabulary_size", "corpus_tokens", "heldout_tokens")


@dataclass(frozen=True, eq=False)
class Factor:
    """A parameter as a sweep varied it.

    Attributes
    ----------
    key : str
        Its dotted key.
    labels : tuple of str
        Its levels in words, in order.
    places : tuple of float
        Where they lie on an axis: the numbers themselves, or 0, 1, 2 and so on.
    is_number : bool
    is_binned : bool
        A level is a part of the range of a searched number.
    codes : numpy.ndarray, shape (jobs,), integer
        The level of each job; -1 where the parameter has no value, as K of the naive softmax.
    """

    key: str
    labels: tuple[str, ...]
    places: tuple[float, ...]
    is_number: bool
    is_binned: bool
    codes: np.ndarray


def goal(
    frame: pd.DataFrame, metric: str | None = None, direction: str | None = None
) -> tuple[str, str]:
    """Return the metric that ranks and its direction: those given, else those of the sweep.

    Raises
    ------
    InputError
        If the direction is none, or no job has the metric that is given.
    """
    measured = [name for name in frame.columns if "/" in name]
    asked = (DEFAULT_METRIC, CROSS_ENTROPY, *frame.attrs.get("metrics", ()))
    if metric is not None and measured and metric not in (*measured, *asked):
        near = difflib.get_close_matches(metric, measured, 3, 0.5)
        raise InputError(
            f"no job has a metric {metric!r}: "
            + (f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(measured)}")
        )
    chosen = metric or frame.attrs.get("metric") or DEFAULT_METRIC
    if direction is None:
        direction = direction_of(frame, chosen)
    if direction not in DIRECTIONS:
        raise InputError(f"direction={direction!r}: expected {' or '.join(DIRECTIONS)}")
    return chosen, direction


def direction_of(frame: pd.DataFrame, metric: str) -> str:
    """Return which way a metric is better: as the sweep says, else by what it is."""
    names = frame.attrs.get("metrics") or [frame.attrs.get("metric")]
    ways = frame.attrs.get("directions") or [frame.attrs.get("direction")]
    known = dict(zip(names, ways, strict=False))
    if known.get(metric):
        return str(known[metric])
    return usual_direction(metric)


def finished(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the jobs that came to their end and have a finite value of a metric."""
    if metric not in frame.columns:
        return frame.iloc[:0]
    is_finite = np.isfinite(frame[metric].to_numpy(dtype=float, na_value=np.nan))
    return frame[(frame["status"] == "FINISHED").to_numpy(dtype=bool) & is_finite]


def swept_keys(frame: pd.DataFrame) -> list[str]:
    """Return the settings that the sweep varied, in its order; without its word, all that vary."""
    given = [key for key in frame.attrs.get("swept", ()) if key in frame.columns]
    return given or varying_settings(frame)


def varying_settings(frame: pd.DataFrame) -> list[str]:
    """Return the settings that differ between jobs and can change what is learnt.

    The number of threads that a machine has is none of them, unless it was swept.
    """
    left_out = {*JOB_COLUMNS, *_FACTS, THREADS} - {*frame.attrs.get("swept", ())}
    keys = [
        key
        for key in frame.columns
        if "/" not in key and key not in left_out and not key.startswith(_BESIDES)
    ]
    return [key for key in keys if len(set(map(text_of, effective(frame, key)))) > 1]


def effective(frame: pd.DataFrame, key: str) -> list[Any]:
    """Return the values of a setting that had an effect: None for K of the naive softmax."""
    import pandas as pd

    values = [
        None if pd.api.types.is_scalar(value) and pd.isna(value) else value for value in frame[key]
    ]
    if "loss.name" not in frame.columns:
        return values
    losses = [str(loss) for loss in frame["loss.name"]]
    idle = {loss: key in without_effect({"loss.name": loss}) for loss in set(losses)}
    return [None if idle[loss] else value for value, loss in zip(values, losses, strict=True)]


def text_of(value: Any, digits: int = 6) -> str:
    """Return a setting's value in words, as it is written on a command line."""
    if value is None:
        return "null"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        return f"{value:.{digits}g}"
    if isinstance(value, list):
        return "[" + ",".join(text_of(item, digits) for item in value) + "]"
    return str(value)


def factors(frame: pd.DataFrame) -> list[Factor]:
    """Return the parameters that a sweep varied, without the seed and without shadows of others.

    A parameter that another one determines, as the learning rate whose studied default follows
    the loss, has no effect of its own that could be told: see `shadows`.
    """
    made = _factors(frame)
    hidden = _shadows(made)
    return [factor for key, factor in made.items() if key not in hidden]


def shadows(frame: pd.DataFrame) -> dict[str, str]:
    """Return the varied parameters that another one determines, and which one that is."""
    return _shadows(_factors(frame))


def _factors(frame: pd.DataFrame) -> dict[str, Factor]:
    keys = [key for key in swept_keys(frame) if key != SEED]
    made = {key: _factor(frame, key, len(keys) == 1) for key in keys}
    return {key: factor for key, factor in made.items() if len(factor.labels) > 1}


def _shadows(made: dict[str, Factor]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, factor in made.items():
        for other_key, other in made.items():
            if other_key != key and other_key not in found and _determines(other, factor):
                # Of two that go together, a choice by name is what was meant, then the first.
                together = _determines(factor, other)
                keys = list(made)
                if not together or (other.is_number, keys.index(other_key)) < (
                    factor.is_number,
                    keys.index(key),
                ):
                    found[key] = other_key
                    break
    return found


def _determines(first: Factor, second: Factor) -> bool:
    if (first.codes < 0).any():
        return False
    pairs = len(set(zip(first.codes.tolist(), second.codes.tolist(), strict=True)))
    levels = len(first.labels)
    # A searched number has each value once, which would seem to determine everything.
    says_something = not first.is_number or 2 * levels <= len(first.codes)
    return pairs == levels and says_something


def _factor(frame: pd.DataFrame, key: str, is_alone: bool) -> Factor:
    values = effective(frame, key)
    present = [value for value in values if value is not None]
    is_number = bool(present) and all(
        isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
        for value in present
    )
    if not is_number:
        # False before true, else in the order of the jobs.
        labels = list(dict.fromkeys(map(text_of, present)))
        if set(labels) == {"true", "false"}:
            labels = ["false", "true"]
        codes = [-1 if value is None else labels.index(text_of(value)) for value in values]
        places = tuple(map(float, range(len(labels))))
        return Factor(key, tuple(labels), places, False, False, np.array(codes, dtype=np.int64))
    numbers = np.array([np.nan if value is None else float(value) for value in values])
    distinct = np.unique(numbers[~np.isnan(numbers)])
    if len(distinct) > _MANY_LEVELS and not is_alone and not _is_grid(numbers):
        return _binned(key, numbers)
    found = np.where(np.isnan(numbers), -1, np.searchsorted(distinct, numbers)).astype(np.int64)
    labels = [f"{number:.6g}" for number in distinct]
    return Factor(key, tuple(labels), tuple(distinct.tolist()), True, False, found)


def _is_grid(numbers: np.ndarray) -> bool:
    """Return whether values come equally often, and several times, as in a grid with few gaps."""
    _, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
    usual = np.median(counts)
    return bool(usual >= 2 and (counts == usual).mean() >= 0.7)


def _binned(key: str, numbers: np.ndarray) -> Factor:
    """Cut the values of a searched number into parts of about as many jobs each."""
    present = numbers[~np.isnan(numbers)]
    edges = np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1)))
    codes = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
    codes = np.where(np.isnan(numbers), -1, codes).astype(np.int64)
    labels = [f"{_rounded(low)} to {_rounded(high)}" for low, high in pairwise(edges)]
    places = [float(np.median(numbers[codes == code])) for code in range(len(labels))]
    return Factor(key, tuple(labels), tuple(places), True, True, codes)


def _rounded(number: float) -> str:
    return f"{number:.0f}" if 100 <= abs(number) < 1e6 else f"{number:.2g}"


def named(keys: Sequence[str], values: Sequence[Any]) -> str:
    """Name a configuration by its settings; what has no value there is left out."""
    pairs = zip(keys, values, strict=True)
    parts = [f"{key}={text_of(value, 4)}" for key, value in pairs if value is not None]
    return " ".join(parts) or "all settings alike"
