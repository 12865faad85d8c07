"""What each parameter of a sweep does by itself, and what two of them do together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nw2v.sweeps.design import SEED, Factor, factors, finished, goal

if TYPE_CHECKING:
    import pandas as pd


class Means(NamedTuple):
    """Means of cells; `is_adjusted` where they are least-squares means, not plain ones."""

    means: np.ndarray
    counts: np.ndarray
    is_adjusted: bool
    share: float
    """Of the variance of the jobs, what the cells explain beyond the others."""


def main_effects(
    frame: pd.DataFrame, metric: str | None = None, chosen: Sequence[Factor] | None = None
) -> pd.DataFrame:
    r"""Return the mean of a metric at each level of each parameter.

    The additive model ``y = mean + sum of the parameters' effects`` is fitted to the finished jobs
    by least squares, seeds being one of its parameters where they vary. A level's mean is what the
    model says of it with all levels of the others in equal parts (a least-squares mean, Searle,
    Speed and Milliken 1980). In a full grid this is the plain mean over the level's jobs; where
    jobs failed, it does not blame a level for the company it is in. Where the jobs do not determine
    the model (some combinations of levels never meet), the means are plain ones.

    A parameter that some jobs do not have (K of the naive softmax) is looked at in the jobs that
    have it, and averaged over in the effects of others.

    Parameters
    ----------
    frame : DataFrame
        As `nw2v.sweeps.load` returns it.
    metric : str, optional
        By default sweep.metric.
    chosen : sequence of Factor, optional
        Parameters of the finished jobs; by default all.

    Returns
    -------
    DataFrame
        One row a level: ``parameter``, ``level`` (text), ``place`` (on an axis), ``is_number``,
        ``is_binned`` (a part of a searched range), ``jobs``, ``mean`` (NaN where no job has the
        level), ``is_adjusted``, ``share`` (of the jobs' variance, what the parameter explains
        beyond all others).
    """
    import pandas as pd

    name, _ = goal(frame, metric)
    done = finished(frame, name)
    there = list(factors(done)) if chosen is None else list(chosen)
    values = done[name].to_numpy(dtype=float) if len(done) else np.empty(0)
    seeds = _seeds(done)
    rows: list[tuple[Any, ...]] = []
    for factor in there:
        found = _means(
            factor.codes, len(factor.labels), values, _others(there, [factor.key]), seeds
        )
        for number, label in enumerate(factor.labels):
            rows.append(
                (
                    factor.key, label, factor.places[number], factor.is_number, factor.is_binned,
                    int(found.counts[number]), found.means[number], found.is_adjusted, found.share,
                )
            )  # fmt: skip
    columns = [
        *("parameter", "level", "place", "is_number", "is_binned"),
        *("jobs", "mean", "is_adjusted", "share"),
    ]
    return pd.DataFrame(rows, columns=columns)


def interactions(frame: pd.DataFrame, metric: str | None = None) -> pd.DataFrame:
    """Return the mean of a metric at each pair of levels of each two parameters.

    The means are those of `main_effects` with the pair of levels in place of the level.

    Returns
    -------
    DataFrame
        One row a pair of levels: ``first`` and ``second`` (parameters), ``first_level`` and
        ``second_level``, ``first_place`` and ``second_place``, ``jobs``, ``mean`` (NaN where no
        job has both), ``departure``: the largest distance of a pair of levels from the sum of the
        two parameters' effects alone, NaN where that cannot be told.
    """
    import pandas as pd

    name, _ = goal(frame, metric)
    done = finished(frame, name)
    there = factors(done)
    values = done[name].to_numpy(dtype=float) if len(done) else np.empty(0)
    seeds = _seeds(done)
    rows: list[tuple[Any, ...]] = []
    for a, b in itertools.combinations(there, 2):
        has_both = (a.codes >= 0) & (b.codes >= 0)
        if min(len(np.unique(f.codes[has_both])) for f in (a, b)) < 2:
            continue
        shape = len(a.labels), len(b.labels)
        cells = np.where(has_both, a.codes * shape[1] + b.codes, -1)
        found = _means(cells, math.prod(shape), values, _others(there, [a.key, b.key]), seeds)
        means = found.means.reshape(shape)
        departure = _departure(means)
        for i, j in np.ndindex(shape):
            rows.append(
                (
                    a.key, b.key, a.labels[i], b.labels[j], a.places[i], b.places[j],
                    int(found.counts[i * shape[1] + j]), means[i, j], departure,
                )
            )  # fmt: skip
    columns = [
        *("first", "second", "first_level", "second_level", "first_place", "second_place"),
        *("jobs", "mean", "departure"),
    ]
    return pd.DataFrame(rows, columns=columns)


def _others(there: Sequence[Factor], without: list[str]) -> list[np.ndarray]:
    return [factor.codes for factor in there if factor.key not in without]


def _seeds(done: pd.DataFrame) -> np.ndarray:
    if SEED not in done.columns:
        return np.zeros(len(done), dtype=np.int64)
    return np.unique(done[SEED].to_numpy(), return_inverse=True)[1]


def _means(
    cells: np.ndarray,
    number: int,
    values: np.ndarray,
    others: Sequence[np.ndarray],
    seeds: np.ndarray,
) -> Means:
    """Estimate the mean of each cell, the others being equal; jobs of cell -1 do not count."""
    has = cells >= 0
    counts = np.bincount(cells[has], minlength=number)
    used = np.flatnonzero(counts)
    means = np.full(number, np.nan)
    if not len(used):
        return Means(means, counts, False, math.nan)
    y, cell = values[has], np.searchsorted(used, cells[has])
    columns = np.eye(len(used))[cell]
    rest = [_contrasts(codes[has]) for codes in others if (codes[has] >= 0).all()]
    rest = [block for block in rest if block.shape[1]]
    total = float(((y - y.mean()) ** 2).sum())
    # Seeds are left out where they do not come with several cells each.
    for blocks in ([*rest, _contrasts(seeds[has])], rest):
        design = np.hstack([columns, *blocks])
        if np.linalg.matrix_rank(design) == design.shape[1]:
            solution = np.linalg.lstsq(design, y, rcond=None)[0]
            means[used] = solution[: len(used)]
            without = np.hstack([np.ones((len(y), 1)), *blocks])
            gain = _residual(without, y) - _residual(design, y)
            share = max(0.0, gain) / total if total > 0 else math.nan
            return Means(means, counts, True, share)
    means[used] = np.bincount(cell, weights=y) / counts[used]
    between = float((counts[used] * (means[used] - y.mean()) ** 2).sum())
    return Means(means, counts, False, between / total if total > 0 else math.nan)


def _contrasts(codes: np.ndarray) -> np.ndarray:
    """Code levels by columns that sum to 0 over the levels: 0 is the equal mixture of all."""
    _, level = np.unique(codes, return_inverse=True)
    count = int(level.max()) + 1
    basis = np.vstack([np.eye(count - 1), -np.ones((1, count - 1))])
    return basis[level]


def _residual(design: np.ndarray, y: np.ndarray) -> float:
    solution = np.linalg.lstsq(design, y, rcond=None)[0]
    return float(((y - design @ solution) ** 2).sum())


def _departure(means: np.ndarray) -> float:
    """Return how far a table of means is from rows plus columns."""
    i, j = np.nonzero(~np.isnan(means))
    used = [np.unique(i, return_inverse=True)[1], np.unique(j, return_inverse=True)[1]]
    design = np.hstack([np.ones((len(i), 1)), *(_contrasts(codes) for codes in used)])
    if len(i) <= design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        return math.nan
    y = means[i, j]
    return float(np.abs(y - design @ np.linalg.lstsq(design, y, rcond=None)[0]).max())
