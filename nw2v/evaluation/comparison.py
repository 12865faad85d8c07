"""What differs between two systems, and how certain that is: over seeds, and over held-out text."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nw2v.errors import InputError
from nw2v.evaluation.statistics import ratio_and_standard_error

CONFIDENCE = 0.95
"""Of every interval."""
CLUSTER_SENTENCES = 32
"""Neighbouring held-out sentences that count as one observation."""
LEAST_CLUSTERS = 5
"""Fewer say nothing of how far a difference is from chance."""


class Interval(NamedTuple):
    """A mean and its 95 % confidence interval; the bounds are NaN where there is none."""

    mean: float
    low: float
    high: float


class Difference(NamedTuple):
    """First system minus second, with what is known of its uncertainty.

    All but the difference are NaN where there is too little to tell (one seed, one sentence).
    """

    difference: float
    standard_error: float
    low: float
    """Lower end of the 95 % confidence interval."""
    high: float
    p_value: float
    """Two-sided, of the hypothesis that the true difference is 0."""


def interval_over_seeds(values: npt.ArrayLike) -> Interval:
    r"""Estimate what a score is on average over training seeds.

    ``mean -+ t_{n - 1} s / sqrt(n)`` with Student's t at 97.5 %: exact if scores of different seeds
    are independent and normal.

    Parameters
    ----------
    values : array_like, shape (n,)
        The score of each seed; all finite.

    Returns
    -------
    Interval
        With NaN bounds if n is 1.

    Raises
    ------
    InputError
        If there is no value, or one is not finite.
    """
    scores = _checked_scores("values", values)
    mean, _, margin = _mean_with_margin(scores)
    return Interval(mean, mean - margin, mean + margin)


def paired_difference_over_seeds(a: npt.ArrayLike, b: npt.ArrayLike) -> Difference:
    """Compare two systems that were trained with the same seeds.

    Student's paired t-test and its interval: what the seeds have in common, the initial vectors and
    the order of the text, cancels in the differences.

    Parameters
    ----------
    a, b : array_like, shape (n,)
        The score of each system with each seed, in the same order; all finite.

    Returns
    -------
    Difference
        With NaN for all but the difference if n is 1. Where all n differences are the same, the
        interval has no width, and p is 1 if they are 0 and else 0.

    Raises
    ------
    InputError
        If there is no value, one is not finite, or there are not as many of b as of a.
    """
    first, second = _checked_scores("a", a), _checked_scores("b", b)
    if len(first) != len(second):
        raise InputError(
            f"a and b must have a score for each seed, got {len(first)} and {len(second)} scores"
        )
    mean, error, _ = _mean_with_margin(first - second)
    return _students(mean, error, len(first) - 1)


def unpaired_difference_over_seeds(a: npt.ArrayLike, b: npt.ArrayLike) -> Difference:
    """Compare two systems that have no seeds in common.

    Welch's (1947) t-test and its interval, which do not suppose that both vary as much.

    Parameters
    ----------
    a, b : array_like, shape (n,) and (m,)
        The scores of each system; all finite.

    Returns
    -------
    Difference
        With NaN for all but the difference if n or m is 1. Where all scores of each system are the
        same, the interval has no width, and p is 1 if the difference is 0 and else 0.

    Raises
    ------
    InputError
        If there is no value, or one is not finite.
    """
    first, second = _checked_scores("a", a), _checked_scores("b", b)
    mean = float(first.mean() - second.mean())
    if min(len(first), len(second)) == 1:
        return Difference(mean, math.nan, math.nan, math.nan, math.nan)
    parts = [float(scores.var(ddof=1)) / len(scores) for scores in (first, second)]
    error = math.sqrt(sum(parts))
    if error == 0:
        return _students(mean, 0.0, 1)
    # Divided first: the square of a tiny variance would be 0.
    shares = [part / sum(parts) for part in parts]
    freedom = 1 / (shares[0] ** 2 / (len(first) - 1) + shares[1] ** 2 / (len(second) - 1))
    return _students(mean, error, freedom)


def pooled_difference_over_seeds(
    a: npt.ArrayLike, b: npt.ArrayLike, deviation: float, freedom: int
) -> Difference:
    """Compare two systems by what is known of the deviation between seeds from many systems.

    The t-test of the analysis of variance: all systems are taken to vary alike between seeds.

    Parameters
    ----------
    a, b : array_like, shape (n,) and (m,)
        The scores of each system; all finite.
    deviation : float
        The standard deviation between seeds of one system, pooled over systems.
    freedom : int
        The degrees of freedom that it was estimated with: all seeds less the number of systems.

    Returns
    -------
    Difference

    Raises
    ------
    InputError
        If there is no value, or one is not finite.
    """
    first, second = _checked_scores("a", a), _checked_scores("b", b)
    mean = float(first.mean() - second.mean())
    return _students(mean, deviation * math.sqrt(1 / len(first) + 1 / len(second)), freedom)


def cross_entropy_difference(
    a: npt.ArrayLike, b: npt.ArrayLike, sizes: np.ndarray, sentences: np.ndarray
) -> Difference:
    """Compare two systems on the same held-out pairs, center by center.

    Each system is first averaged over its seeds. The difference of the two cross-entropies is then
    the ratio of the differences a_i - b_i, summed over centers, to the number of pairs; its
    standard error is that of `ratio_and_standard_error`. Neighbouring sentences are about the same
    things, so `CLUSTER_SENTENCES` of them are one cluster; interval and p-value are Student's, with
    as many degrees of freedom as there are clusters, less one. They say what other text of the kind
    would change, for the models at hand; what other seeds would, `paired_difference_over_seeds`
    says.

    Parameters
    ----------
    a, b : array_like, shape (C,) or (seeds, C)
        `HeldoutScores.surprise` of each system, in nats.
    sizes : numpy.ndarray, shape (C,)
        Pairs of each center: ``numpy.diff(pairs.offsets)``.
    sentences : numpy.ndarray, shape (C,), integer
        `HeldoutPairs.sentences`.

    Returns
    -------
    Difference
        In nats a pair; below 0 where a is better. All but the difference is NaN if there are fewer
        than `LEAST_CLUSTERS` clusters; where no center differs, p is 1.

    Raises
    ------
    InputError
        If a or b has not one number for each of `sizes`, or there are none.
    """
    from scipy.special import stdtr, stdtrit

    differences = mean_over_seeds("a", a, len(sizes)) - mean_over_seeds("b", b, len(sizes))
    clusters = np.asarray(sentences) // CLUSTER_SENTENCES
    mean, error = ratio_and_standard_error(differences, sizes, clusters)
    freedom = len(np.unique(clusters)) - 1
    if freedom + 1 < LEAST_CLUSTERS:
        return Difference(mean, math.nan, math.nan, math.nan, math.nan)
    if error == 0:
        p_value = 1.0 if mean == 0 else 0.0
    else:
        p_value = float(2 * stdtr(freedom, -abs(mean / error)))
    margin = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    return Difference(mean, error, mean - margin, mean + margin, p_value)


def holm(p_values: npt.ArrayLike) -> np.ndarray:
    """Adjust p-values for the number of comparisons, by Holm's (1979) step-down method.

    The smallest of m is multiplied by m, the next by m - 1 and so on, none becomes smaller than
    those before it, and none larger than 1. To call the differences real whose adjusted p is below
    0.05 makes any false call at all in at most 5 % of cases, however the comparisons depend on
    each other.

    Parameters
    ----------
    p_values : array_like, shape (m,)
        In [0, 1]; NaN where there is none, which does not count as a comparison and stays NaN.

    Returns
    -------
    numpy.ndarray, shape (m,), float64

    Raises
    ------
    InputError
        If one is outside [0, 1].
    """
    given = np.asarray(p_values, dtype=np.float64)
    outside = given[(given < 0) | (given > 1)]
    if given.ndim != 1 or outside.size:
        what = f"the value {outside[0]}" if outside.size else f"shape {given.shape}"
        raise InputError(f"p_values must be numbers from 0 to 1, of shape (m,); got {what}")
    adjusted = given.copy()
    order = np.argsort(given, kind="stable")[: np.count_nonzero(~np.isnan(given))]
    steps = given[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def mean_over_seeds(name: str, values: npt.ArrayLike, length: int) -> np.ndarray:
    """Average what a system got with each seed, shape (length,) or (seeds, length).

    Returns
    -------
    numpy.ndarray, shape (length,), float64

    Raises
    ------
    InputError
        If the shape is another one, or there is nothing to average.
    """
    return seed_rows(name, values, length).mean(axis=0)


def seed_rows(name: str, values: npt.ArrayLike, length: int) -> np.ndarray:
    """Check and give as (seeds, length), float64, what may be (length,) for a single seed.

    Raises
    ------
    InputError
        If the shape is another one, there is no seed, or `length` is 0.
    """
    array = np.asarray(values, dtype=np.float64)
    rows = array[np.newaxis] if array.ndim == 1 else array
    if rows.ndim != 2 or rows.shape[1] != length or rows.size == 0:
        raise InputError(
            f"{name} must have shape ({length},) or (seeds, {length}), not empty; got {array.shape}"
        )
    return rows


def _checked_scores(name: str, values: npt.ArrayLike) -> np.ndarray:
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or scores.size == 0 or not np.isfinite(scores).all():
        raise InputError(
            f"{name} must be finite numbers, one a seed; got {scores.tolist()} of shape "
            f"{scores.shape}"
        )
    return scores


def _students(mean: float, error: float, freedom: float) -> Difference:
    """Student's interval and test of a difference, by its standard error."""
    from scipy.special import stdtr, stdtrit

    if error == 0:
        return Difference(mean, 0.0, mean, mean, 1.0 if mean == 0 else 0.0)
    margin = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    p_value = float(2 * stdtr(freedom, -abs(mean / error)))
    return Difference(mean, error, mean - margin, mean + margin, p_value)


def _mean_with_margin(values: np.ndarray) -> tuple[float, float, float]:
    """Mean, its standard error, and half the width of Student's interval; NaN for one value."""
    from scipy.special import stdtrit

    mean = float(values.mean())
    if len(values) == 1:
        return mean, math.nan, math.nan
    error = float(values.std(ddof=1) / math.sqrt(len(values)))
    return mean, error, float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2)) * error
