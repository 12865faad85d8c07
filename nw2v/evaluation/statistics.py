"""The statistics behind the scores: rank correlation, and the standard error of a ratio."""

from __future__ import annotations

import numpy as np


def average_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, smallest first; equal values share the mean of their ranks.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)

    Returns
    -------
    numpy.ndarray, shape (n,), float64
    """
    _, inverse, sizes = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(sizes) - (sizes - 1) / 2)[inverse]


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation: Pearson's, of average ranks.

    Parameters
    ----------
    x, y : numpy.ndarray, shape (n,)

    Returns
    -------
    float
        In [-1, 1]; NaN if n < 2 or all values of x or of y are equal.
    """
    if len(x) < 2:
        return float("nan")
    a = average_ranks(x) - (len(x) + 1) / 2
    b = average_ranks(y) - (len(y) + 1) / 2
    spread = np.sqrt((a @ a) * (b @ b))
    return float(np.clip((a @ b) / spread, -1, 1)) if spread > 0 else float("nan")


def ratio_and_standard_error(
    totals: np.ndarray, sizes: np.ndarray, clusters: np.ndarray
) -> tuple[float, float]:
    r"""Estimate a mean that is a ratio of two sums, and its standard error, from clusters.

    Unit i (a center word) contributes the total y_i of m_i numbers (its pairs). The estimate is
    ``R = sum y_i / sum m_i``; with the residuals ``e_i = y_i - R m_i``, summed within each of G
    clusters to ``z_g``, its variance is estimated by

    ``var R = G / (G - 1) * sum_g z_g^2 / (sum_i m_i)^2``

    which is the linearised variance of a ratio for clusters of unequal size (Cochran 1977,
    "Sampling Techniques", chapters 6 and 9A), without a correction for a finite population.
    Units of different clusters count as independent; within a cluster they need not be.

    Parameters
    ----------
    totals, sizes : numpy.ndarray, shape (n,)
        y_i and m_i; not all m_i are 0.
    clusters : numpy.ndarray, shape (n,), integer
        The cluster of each unit.

    Returns
    -------
    ratio, standard_error : float
        The standard error is NaN if there is only one cluster.
    """
    totals = np.asarray(totals, dtype=np.float64)
    sizes = np.asarray(sizes, dtype=np.float64)
    ratio = totals.sum() / sizes.sum()
    _, group = np.unique(clusters, return_inverse=True)
    residuals = np.bincount(group, weights=totals - ratio * sizes)
    count = len(residuals)
    if count < 2:
        return float(ratio), float("nan")
    variance = count / (count - 1) * (residuals @ residuals) / sizes.sum() ** 2
    return float(ratio), float(np.sqrt(variance))


def calibration_error(
    confidence: np.ndarray, hits: np.ndarray, sizes: np.ndarray, *, bins: int = 10
) -> float:
    r"""Expected calibration error: how far stated probabilities are from observed frequencies.

    Unit i (a center word) states the probability p_i for each of m_i events (that an outside word
    is the one it holds most probable), of which h_i come true. Units are put in the order of p and
    cut into bins B of nearly equal numbers of events, units of the same p always together:

    ``sum_B m_B / m * |h_B / m_B - p_B|``, where p_B is the mean of p over the bin's events

    (Naeini, Cooper and Hauskrecht 2015; equal masses as in Nguyen and O'Connor 2015). Chance alone
    makes it about ``0.8 sqrt(p (1 - p) bins / m)`` for a perfect model and independent events.

    Parameters
    ----------
    confidence : numpy.ndarray, shape (n,)
        p_i, in [0, 1].
    hits, sizes : numpy.ndarray, shape (n,)
        h_i and m_i; every m_i is above 0, n at least 1.
    bins : int

    Returns
    -------
    float
        In [0, 1].
    """
    levels, level = np.unique(confidence, return_inverse=True)
    events = np.bincount(level, weights=sizes)
    before = np.cumsum(events) - events
    # The bin in which the middle one of a level's events lies.
    place = ((before + events / 2) * bins / events.sum()).astype(np.int64)
    observed = np.bincount(place, weights=np.bincount(level, weights=hits))
    expected = np.bincount(place, weights=levels * events)
    return float(np.abs(observed - expected).sum() / events.sum())
