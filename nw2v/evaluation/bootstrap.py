"""How certain a difference of two systems is over the word pairs of a set: bootstrap."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nw2v.errors import InputError
from nw2v.evaluation.analogy_sets import AnalogySet
from nw2v.evaluation.comparison import CONFIDENCE, Difference, seed_rows
from nw2v.evaluation.sampling import resample_multiplicities
from nw2v.evaluation.statistics import rank_correlation

# Resamples of fewer pairs differ in nothing.
_FEWEST_UNITS = 3
_UNKNOWN = (math.nan,) * 4


class QuestionPairs(NamedTuple):
    """The word pairs that the questions a : b :: c : d of an analogy set are built from.

    Pairs of different sections are different pairs, even where their words are the same.
    """

    first: np.ndarray  # (questions,) int64: the pair (a, b) of each question
    second: np.ndarray  # (questions,) int64: its pair (c, d)
    sections: np.ndarray  # (pairs,) int64: the section of each pair


def question_pairs(analogy_set: AnalogySet) -> QuestionPairs:
    """Find the word pairs of an analogy set.

    Parameters
    ----------
    analogy_set : AnalogySet

    Returns
    -------
    QuestionPairs
        Questions in the order of the set, as in `AnalogyScores.right`.
    """
    numbers: dict[tuple[int, str, tuple[str, ...]], int] = {}
    first, second = [], []
    for section, questions in enumerate(analogy_set.sections.values()):
        for a, b, c, answers in questions:
            first.append(numbers.setdefault((section, a, b), len(numbers)))
            second.append(numbers.setdefault((section, c, answers), len(numbers)))
    return QuestionPairs(
        np.array(first, dtype=np.int64),
        np.array(second, dtype=np.int64),
        np.array([section for section, _, _ in numbers], dtype=np.int64),
    )


def analogy_difference(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    pairs: QuestionPairs,
    answerable: np.ndarray | None = None,
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> Difference:
    r"""Compare two systems' accuracies on the same questions.

    Questions that share a word pair are not independent, so pairs are resampled, within each
    section, and a question weighs the product of its two pairs' multiplicities: the pigeonhole
    bootstrap (Owen 2007), here of an array whose rows and columns are the same pairs, for which
    Davezies, D'Haultfœuille and Guyonvarch (2021) prove it. A question of a pair with itself does
    not exist; the accuracies are ratios of what there is,

    ``sum_q w_q (a_q - b_q) / sum_q w_q``, with ``w_q = m_first(q) m_second(q)``

    where a_q is 1 or 0, averaged over the seeds of the system. What is peculiar to single questions
    is counted up to three times by these weights (Owen 2007): the interval errs on the wide side.
    It says what other word pairs of the same relations would change, for the models at hand.

    The interval is the percentile interval, which is right for a mean, whose distribution over
    resamples is nearly symmetric and centered, and stays within what a difference can be. The
    p-value is the one that goes with it: twice the smaller share of resamples on either side of 0,
    in both of which the sample itself counts as one (Davison and Hinkley 1997, section 4.2).

    Parameters
    ----------
    a, b : array_like, shape (questions,) or (seeds, questions)
        `AnalogyScores.right` of each system; seeds need not be as many.
    pairs : QuestionPairs
    answerable : numpy.ndarray of bool, shape (questions,), or None
        Only these questions count, and only their pairs are resampled; None: all. For scores of
        models with one vocabulary, `AnalogyScores.answered`.
    resamples : int
        At least 1. No p-value is below ``2 / (resamples + 1)``.
    seed : int
        Decides the resamples.

    Returns
    -------
    Difference
        Of micro accuracies. All but the difference is NaN if no section has three pairs: whatever
        questions two pairs leave in a resample are the same.

    Raises
    ------
    InputError
        If shapes do not go together, no question is answerable, or `resamples` is below 1.
    """
    (difference,) = analogy_differences([a, b], pairs, answerable, resamples=resamples, seed=seed)
    return difference


def analogy_differences(
    systems: Sequence[npt.ArrayLike],
    pairs: QuestionPairs,
    answerable: np.ndarray | None = None,
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> list[Difference]:
    """Compare each two of several systems, as `analogy_difference` does, at the cost of one each.

    Parameters
    ----------
    systems : sequence of array_like, shape (questions,) or (seeds, questions)
        `AnalogyScores.right` of each system.
    pairs, answerable, resamples, seed
        As for `analogy_difference`.

    Returns
    -------
    list of Difference
        In the order of ``itertools.combinations(systems, 2)``.

    Raises
    ------
    InputError
        As `analogy_difference`.
    """
    from scipy.sparse import coo_array

    length = len(pairs.first)
    rows = _rows_of(systems, length)
    some = np.full(length, True) if answerable is None else np.asarray(answerable, bool)
    if some.shape != (length,) or not some.any():
        raise InputError(
            f"answerable must be one truth value a question, ({length},), some of them "
            f"True; got shape {some.shape} with {np.count_nonzero(some)} True"
        )
    # Sums over seeds are whole numbers: equal systems differ by 0 and not by a rounding error.
    right = [of_system[:, some].sum(axis=0) for of_system in rows]
    observed = [
        float((total / len(of_system)).mean()) for total, of_system in zip(right, rows, strict=True)
    ]
    used, ends = np.unique([pairs.first[some], pairs.second[some]], return_inverse=True)
    first, second = ends.reshape(2, -1)
    strata = pairs.sections[used]
    if np.bincount(strata).max() < _FEWEST_UNITS:
        return [Difference(a - b, *_UNKNOWN) for a, b in itertools.combinations(observed, 2)]
    # Of each two pairs the sum over their questions: sum_q w_q x_q is then m' X m.
    shape = (len(used), len(used))
    matrices = [
        coo_array((values, (first, second)), shape).tocsr()
        for values in (np.ones(len(first)), *right)
    ]
    sums = [
        [np.einsum("pr,pr->r", m, matrix @ m) for matrix in matrices]
        for m in _resamples(strata, resamples, seed, "analogies")
    ]
    weights, *totals = (np.concatenate(parts) for parts in zip(*sums, strict=True))
    there = weights > 0
    accuracies = [
        total[there] / len(of_system) / weights[there]
        for total, of_system in zip(totals, rows, strict=True)
    ]
    return _each_two(observed, accuracies)


def similarity_difference(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    judgements: np.ndarray,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Difference:
    """Compare two systems' rank correlations with the same judgements.

    The rated pairs of words are resampled, and in each resample Spearman's correlations of the two
    systems, averaged over their seeds, are subtracted. Interval and p-value are those of
    `analogy_difference`. Pairs that share a word count as independent.

    Parameters
    ----------
    a, b : array_like, shape (pairs,) or (seeds, pairs)
        `SimilarityScore.cosines` of each system. A pair that is NaN anywhere does not count.
    judgements : numpy.ndarray, shape (pairs,)
    resamples : int
        At least 1.
    seed : int
        Decides the resamples.

    Returns
    -------
    Difference
        NaN where a correlation does not exist (see `SimilarityScore`); all but the difference is
        NaN for two pairs.

    Raises
    ------
    InputError
        If shapes do not go together or `resamples` is below 1.
    """
    (difference,) = similarity_differences([a, b], judgements, resamples=resamples, seed=seed)
    return difference


def similarity_differences(
    systems: Sequence[npt.ArrayLike],
    judgements: np.ndarray,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> list[Difference]:
    """Compare each two of several systems, as `similarity_difference` does, at the cost of one.

    Parameters
    ----------
    systems : sequence of array_like, shape (pairs,) or (seeds, pairs)
        `SimilarityScore.cosines` of each system. A pair that is NaN in any does not count.
    judgements, resamples, seed
        As for `similarity_difference`.

    Returns
    -------
    list of Difference
        In the order of ``itertools.combinations(systems, 2)``.

    Raises
    ------
    InputError
        As `similarity_difference`.
    """
    rows = _rows_of(systems, len(judgements))
    known = ~np.isnan(np.vstack([*rows, judgements])).any(axis=0)
    judged = np.asarray(judgements, dtype=np.float64)[known]
    observed = [
        float(np.mean([rank_correlation(judged, row) for row in of_system[:, known]]))
        for of_system in rows
    ]
    if len(judged) < _FEWEST_UNITS:
        return [Difference(a - b, *_UNKNOWN) for a, b in itertools.combinations(observed, 2)]

    level_judged = _levels(judged)
    levels = [[_levels(row) for row in of_system[:, known]] for of_system in rows]
    resampled = []
    strata = np.zeros(len(judged), dtype=np.int64)
    for multiplicities in _resamples(strata, resamples, seed, "similarity"):
        ranks = _unit_ranks(level_judged, multiplicities)
        ranks *= multiplicities
        resampled.append(
            [
                np.mean(
                    [
                        np.einsum("pr,pr->r", ranks, _unit_ranks(level, multiplicities))
                        for level in of_system
                    ],
                    axis=0,
                )
                for of_system in levels
            ]
        )
    return _each_two(observed, [np.concatenate(parts) for parts in zip(*resampled, strict=True)])


def _rows_of(systems: Sequence[npt.ArrayLike], length: int) -> list[np.ndarray]:
    names = "ab" if len(systems) == 2 else [f"systems[{n}]" for n in range(len(systems))]
    return [seed_rows(name, given, length) for name, given in zip(names, systems, strict=True)]


def _each_two(observed: Sequence[float], resampled: Sequence[np.ndarray]) -> list[Difference]:
    """Subtract each two systems' scores, in the sample itself and in each resample."""
    found = []
    for a, b in itertools.combinations(range(len(observed)), 2):
        difference, differences = observed[a] - observed[b], resampled[a] - resampled[b]
        if math.isnan(difference):
            found.append(Difference(difference, *_UNKNOWN))
        else:
            found.append(_bootstrapped(difference, differences[~np.isnan(differences)]))
    return found


def _resamples(strata: np.ndarray, resamples: int, seed: int, what: str) -> Iterator[np.ndarray]:
    """Yield multiplicities, (n, R) float64, of `resamples` resamples in all."""
    from nw2v.jit.random import stream_key

    if resamples < 1:
        raise InputError(f"resamples must be at least 1, got {resamples}")
    key = stream_key(seed, "bootstrap", what)
    for rows in resample_multiplicities(strata, resamples, key):
        yield np.ascontiguousarray(rows.T, dtype=np.float64)


def _levels(values: np.ndarray) -> np.ndarray:
    """Place of each value among the different values."""
    return np.unique(values, return_inverse=True)[1]


def _unit_ranks(level: np.ndarray, multiplicities: np.ndarray) -> np.ndarray:
    """Average ranks within each resample, less their mean and divided by their length.

    Parameters
    ----------
    level : numpy.ndarray, shape (n,), int
        Of each unit.
    multiplicities : numpy.ndarray, shape (n, R), float64

    Returns
    -------
    numpy.ndarray, shape (n, R), float64
        NaN in a resample whose values are all equal.
    """
    order = np.argsort(level, kind="stable")
    starts = np.flatnonzero(np.diff(level[order], prepend=-1))
    weights = np.add.reduceat(multiplicities[order], starts, axis=0)
    ranks = np.cumsum(weights, axis=0)
    ranks -= (weights - 1) / 2 + (len(level) + 1) / 2
    lengths = np.sqrt(np.einsum("lr,lr,lr->r", weights, ranks, ranks))
    ranks /= np.where(lengths > 0, lengths, np.nan)
    return ranks[level]


def _bootstrapped(observed: float, resampled: np.ndarray) -> Difference:
    """Percentile interval and the p-value that goes with it."""
    if len(resampled) < 2:
        return Difference(observed, *_UNKNOWN)
    low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    smaller = min(np.count_nonzero(resampled <= 0), np.count_nonzero(resampled >= 0))
    return Difference(
        difference=observed,
        standard_error=float(resampled.std(ddof=1)),
        low=float(low),
        high=float(high),
        p_value=min(1.0, float(2 * (smaller + 1) / (len(resampled) + 1))),
    )
