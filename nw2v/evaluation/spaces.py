"""How two sets of vectors of the same words differ as spaces: lengths, directions, neighbours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nw2v.errors import InputError
from nw2v.evaluation.sampling import sample_without_replacement
from nw2v.evaluation.workers import map_blocks
from nw2v.vectors.table import first_row_not_finite
from nw2v.vectors.word_vectors import highest

if TYPE_CHECKING:
    import pandas as pd

# Numbers that are held at one time: 8 MB of float64.
_NUMBERS_A_BLOCK = 2**20


class Isotropy(NamedTuple):
    """How evenly vectors spread over directions."""

    partition_ratio: float
    """I of Mu and Viswanath (2018), in (0, 1]; 1 if all principal directions are alike."""
    mean_cosine: float
    """Of all pairs of different words; 0 if directions are spread evenly, 1 if there is one."""


class NeighbourOverlap(NamedTuple):
    """How many nearest neighbours words have in common in two spaces."""

    mean: float
    """Share of the k nearest neighbours, over the sampled words."""
    standard_error: float
    """Of the mean, for the sample of words; NaN for a single word."""
    words: int
    """How many were sampled."""


class ShiftedPmiAgreement(NamedTuple):
    """How well dot products reproduce shifted PMI, over sampled co-occurrence entries.

    Means and correlations are plain over entries, and weighted by their counts.
    """

    entries: int
    correlation: float
    """Pearson's; NaN where it does not exist."""
    correlation_weighted: float
    mean_difference: float
    """Dot product minus shifted PMI."""
    mean_difference_weighted: float


def norms_by_frequency(vectors: np.ndarray, counts: np.ndarray) -> pd.DataFrame:
    """Mean length of the vectors of words that are about as frequent.

    Parameters
    ----------
    vectors : numpy.ndarray, shape (V, d), float
    counts : numpy.ndarray, shape (V,), int
        Occurrences of each word, at least 1.

    Returns
    -------
    pandas.DataFrame
        One row an octave of the counts that has words, rare ones first: ``least_count`` (a power
        of two; counts reach up to its double, exclusive), ``words``, ``mean_norm`` and
        ``standard_deviation`` (of the population; 0 for one word).

    Raises
    ------
    InputError
        If shapes do not fit or a count is below 1.
    """
    import pandas as pd

    vectors = _checked("vectors", vectors)
    counts = np.asarray(counts)
    if counts.shape != (len(vectors),) or not counts.min() >= 1:
        raise InputError(
            f"counts must be at least 1 for each of {len(vectors)} words, got shape {counts.shape}"
            + (f" with a least of {counts.min()}" if counts.size else "")
        )
    # frexp is exact where a logarithm of 2^n may fall just below n.
    octave = np.frexp(counts.astype(np.float64))[1] - 1
    norms = pd.Series(_lengths(vectors)).groupby(octave)
    table = pd.DataFrame(
        {"words": norms.size(), "mean_norm": norms.mean(), "standard_deviation": norms.std(ddof=0)}
    )
    table.insert(0, "least_count", 2 ** table.index.to_numpy(dtype=np.int64))
    return table.reset_index(drop=True)


def isotropy(vectors: np.ndarray) -> Isotropy:
    r"""Measure how evenly vectors spread over directions.

    With the partition function ``Z(a) = sum_w exp(a . v_w)`` over the unit eigenvectors a of V'V,
    of which -a is one as well as a, ``I = min_a Z(a) / max_a Z(a)`` (Mu and Viswanath 2018,
    section 2). It depends on the vectors' lengths as well as on their directions. The mean cosine
    of two different words is exact: that of all pairs follows from the sum of the unit vectors.

    Parameters
    ----------
    vectors : numpy.ndarray, shape (V, d), float

    Returns
    -------
    Isotropy
        The mean cosine is over words whose vectors are not zero; NaN if there are fewer than two.

    Raises
    ------
    InputError
        If `vectors` is no table of finite floats.
    """
    vectors = _checked("vectors", vectors)
    dim = vectors.shape[1]
    moments, total, nonzero = np.zeros((dim, dim)), np.zeros(dim), 0
    for block in _blocks(vectors):
        moments += block.T @ block
        lengths = np.linalg.norm(block, axis=1)
        nonzero += int(np.count_nonzero(lengths))
        total += (block[lengths > 0] / lengths[lengths > 0, np.newaxis]).sum(axis=0)
    directions = np.linalg.eigh(moments)[1]

    log_z = np.full(2 * dim, -np.inf)
    for block in _blocks(vectors):
        scores = block @ directions
        both = np.concatenate([scores, -scores], axis=1)
        largest = both.max(axis=0)
        log_z = np.logaddexp(log_z, largest + np.log(np.exp(both - largest).sum(axis=0)))

    pairs = nonzero * (nonzero - 1)
    return Isotropy(
        partition_ratio=float(np.exp(log_z.min() - log_z.max())),
        mean_cosine=float((total @ total - nonzero) / pairs) if pairs else math.nan,
    )


def neighbour_overlap(
    a: np.ndarray,
    b: np.ndarray,
    *,
    k: int = 10,
    words: int = 1000,
    seed: int = 0,
    threads: int | None = None,
) -> NeighbourOverlap:
    """Mean share of common nearest neighbours, by cosine, of a sample of words.

    Chance alone makes it k / (V - 1). Among equal cosines the more frequent word is nearer.

    Parameters
    ----------
    a, b : numpy.ndarray, shape (V, d) and (V, e), float
        Vectors of the same words, most frequent first.
    k : int
        Neighbours of each word: from 1 to V - 1.
    words : int
        How many words are sampled, each of the V as likely; at least 1. If there are fewer, all.
    seed : int
        Decides the sample.
    threads : int or None
        None: all cores. The result does not depend on it.

    Returns
    -------
    NeighbourOverlap

    Raises
    ------
    InputError
        If an argument is out of its range, or a and b have not the same number of words.
    """
    from nw2v.jit.random import stream_key

    a, b = _checked_spaces(a, b)
    if not 1 <= k < len(a):
        raise InputError(f"k must be from 1 to {len(a) - 1}, the number of other words; got {k}")
    if words < 1:
        raise InputError(f"words must be at least 1, got {words}")
    sample = sample_without_replacement(len(a), words, stream_key(seed, "neighbours"))
    inverse_lengths = [_inverse_lengths(space) for space in (a, b)]
    rows = max(1, _NUMBERS_A_BLOCK // len(a))

    def shares(first: int) -> np.ndarray:
        queries = sample[first : first + rows]
        near_a, near_b = (
            _nearest(space, inverse, queries, k)
            for space, inverse in zip((a, b), inverse_lengths, strict=True)
        )
        return (near_a[:, :, np.newaxis] == near_b[:, np.newaxis, :]).sum(axis=(1, 2)) / k

    share = np.concatenate(map_blocks(shares, range(0, len(sample), rows), threads))
    error = share.std(ddof=1) / math.sqrt(len(share)) if len(share) > 1 else math.nan
    return NeighbourOverlap(float(share.mean()), float(error), len(share))


def procrustes_distance(a: np.ndarray, b: np.ndarray) -> float:
    r"""How much of one space the best rotation of the other leaves unexplained.

    Vectors are made unit vectors, their mean is subtracted, and each table is scaled to a sum of
    squares of 1: A and B. The rotation (or reflection) R nearest to A = B R is known from the
    singular values of A'B (Schönemann 1966), and with their sum s and the best scale

    ``distance = min_{R, scale} |A - scale B R|^2 = 1 - s^2``,

    which is Procrustes disparity: 0 for a rotated copy, and nearly 1 for unrelated spaces of many
    more words than dimensions. It is the same for (b, a).

    Parameters
    ----------
    a, b : numpy.ndarray, shape (V, d) and (V, e), float
        Vectors of the same words. Zero vectors stay zero.

    Returns
    -------
    float
        In [0, 1]; NaN if all unit vectors of a space are equal.

    Raises
    ------
    InputError
        If a and b have not the same number of words, or a number is not finite.
    """
    a, b = _checked_spaces(a, b)
    mean_a, mean_b = np.zeros(a.shape[1]), np.zeros(b.shape[1])
    squares_a = squares_b = 0.0
    products = np.zeros((a.shape[1], b.shape[1]))
    step = _rows_a_block(max(a.shape[1], b.shape[1]))
    for units_a, units_b in zip(_unit_blocks(a, step), _unit_blocks(b, step), strict=True):
        mean_a += units_a.sum(axis=0) / len(a)
        mean_b += units_b.sum(axis=0) / len(a)
        squares_a += float(np.square(units_a).sum())
        squares_b += float(np.square(units_b).sum())
        products += units_a.T @ units_b
    # Sums of squares and products about the means; a unit vector leaves no more to rounding.
    squares_a -= len(a) * float(mean_a @ mean_a)
    squares_b -= len(a) * float(mean_b @ mean_b)
    products -= len(a) * np.outer(mean_a, mean_b)
    if min(squares_a, squares_b) < 1e-12 * len(a):  # nothing but the rounding of equal vectors
        return math.nan
    squared_sum = np.linalg.svd(products, compute_uv=False).sum() ** 2
    return float(np.clip(1 - squared_sum / (squares_a * squares_b), 0, 1))


def shifted_pmi_agreement(
    center_vectors: np.ndarray,
    outside_vectors: np.ndarray,
    offsets: np.ndarray,
    words: np.ndarray,
    counts: np.ndarray,
    noise: np.ndarray,
    negatives: int,
    *,
    centers: int = 1000,
    seed: int = 0,
) -> ShiftedPmiAgreement:
    r"""Compare negative sampling's dot products with what they converge to.

    With n_co co-occurrences of center c and outside word o, n_c = sum_o n_co and noise distribution
    P, the loss of each n_co > 0 is least at

    ``u_o . v_c = log(n_co / (K n_c P(o)))``,

    which is PMI shifted by log K where P is the distribution of outside words (Levy and Goldberg
    2014). Vectors of few dimensions cannot reach it everywhere.

    Parameters
    ----------
    center_vectors, outside_vectors : numpy.ndarray, shape (V, d), float
        V and U.
    offsets : numpy.ndarray, shape (V + 1,), int64
        The entries of center c are those from ``offsets[c]`` to ``offsets[c + 1]``.
    words : numpy.ndarray, shape (E,), int32
        The outside word of each entry.
    counts : numpy.ndarray, shape (E,), float
        n_co; entries that are 0 do not count.
    noise : numpy.ndarray, shape (V,), float
        P, above 0: the distribution that negatives were drawn from.
    negatives : int
        K.
    centers : int
        How many of the centers that have entries are sampled, each as likely; at least 1.
    seed : int
        Decides the sample.

    Returns
    -------
    ShiftedPmiAgreement

    Raises
    ------
    InputError
        If shapes do not go together, `negatives` or `centers` is below 1, a number is out of its
        range, or there are no entries.
    """
    from nw2v.evaluation.heldout_windows import pair_scores
    from nw2v.jit.random import stream_key

    v, u = _checked_spaces(center_vectors, outside_vectors)
    if v.shape[1] != u.shape[1]:
        raise InputError(
            f"center and outside vectors must have the same dimension, got {v.shape[1]} and "
            f"{u.shape[1]}"
        )
    if negatives < 1 or centers < 1:
        raise InputError(f"negatives and centers must be at least 1, got {negatives} and {centers}")
    _check_entries(offsets, words, counts, len(v))
    noise = np.asarray(noise, dtype=np.float64)
    if noise.shape != (len(v),) or not noise.min() > 0:
        raise InputError(f"noise must be {len(v)} probabilities above 0, got shape {noise.shape}")

    with_entries = np.flatnonzero(np.diff(offsets))
    chosen = sample_without_replacement(len(with_entries), centers, stream_key(seed, "pmi"))
    sample = with_entries[chosen]
    sizes = offsets[sample + 1] - offsets[sample]
    before = np.cumsum(sizes) - sizes
    entries = np.repeat(offsets[sample] - before, sizes) + np.arange(sizes.sum())
    weights = counts[entries].astype(np.float64)
    totals = np.repeat(np.add.reduceat(weights, before) if len(sample) else sizes, sizes)
    some = weights > 0
    if not some.any():
        raise InputError("there are no co-occurrences to compare with")
    c = np.repeat(sample, sizes)[some].astype(np.int32)
    o = words[entries][some].astype(np.int32, copy=False)
    weights, totals = weights[some], totals[some]
    dots = np.empty(len(c))
    pair_scores(v.astype(np.float32, copy=False), u.astype(np.float32, copy=False), c, o, dots)
    pmi = np.log(weights / (negatives * totals * noise[o]))
    return ShiftedPmiAgreement(
        entries=len(c),
        correlation=_correlation(dots, pmi, np.ones(len(c))),
        correlation_weighted=_correlation(dots, pmi, weights),
        mean_difference=float(np.mean(dots - pmi)),
        mean_difference_weighted=float(np.average(dots - pmi, weights=weights)),
    )


def _nearest(
    vectors: np.ndarray, inverse_lengths: np.ndarray, queries: np.ndarray, k: int
) -> np.ndarray:
    """Ids (n, k) of the nearest words of each query, other than itself."""
    cosines = (vectors[queries] * inverse_lengths[queries, np.newaxis]) @ vectors.T
    cosines *= inverse_lengths
    cosines[np.arange(len(queries)), queries] = -np.inf
    return np.stack([highest(row, k) for row in cosines])


def _correlation(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    """Pearson's correlation of weighted points; NaN if x or y does not vary."""
    x, y = x - np.average(x, weights=weights), y - np.average(y, weights=weights)
    spread = math.sqrt(float(weights @ x**2) * float(weights @ y**2))
    return float(np.clip(weights @ (x * y) / spread, -1, 1)) if spread > 0 else math.nan


def _rows_a_block(dim: int) -> int:
    return max(1, _NUMBERS_A_BLOCK // dim)


def _blocks(vectors: np.ndarray, rows: int | None = None) -> Iterator[np.ndarray]:
    """Rows one block after the other, as float64."""
    step = _rows_a_block(vectors.shape[1]) if rows is None else rows
    for first in range(0, len(vectors), step):
        yield vectors[first : first + step].astype(np.float64)


def _unit_blocks(vectors: np.ndarray, rows: int) -> Iterator[np.ndarray]:
    """Unit vectors one block after the other, as float64; zero vectors stay zero."""
    for block in _blocks(vectors, rows):
        lengths = np.linalg.norm(block, axis=1, keepdims=True)
        yield block / np.where(lengths > 0, lengths, 1)


def _lengths(vectors: np.ndarray) -> np.ndarray:
    return np.concatenate([np.linalg.norm(block, axis=1) for block in _blocks(vectors)])


def _inverse_lengths(vectors: np.ndarray) -> np.ndarray:
    """1 / length, (V,) float32; 0 for a zero vector."""
    lengths = _lengths(vectors)
    return np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0).astype(np.float32)


def _checked(name: str, vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or vectors.size == 0 or vectors.dtype.kind != "f":
        raise InputError(
            f"{name} must be floats of shape (V, d), not empty; got {vectors.dtype} of shape "
            f"{vectors.shape}"
        )
    row = first_row_not_finite(vectors)
    if row is not None:
        raise InputError(f"{name} has a number that is not finite in row {row}")
    return vectors


def _checked_spaces(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = _checked("the first space", a), _checked("the second space", b)
    if len(a) != len(b):
        raise InputError(
            f"both spaces must have the same words, got vectors of {len(a)} and {len(b)} words"
        )
    return a, b


def _check_entries(offsets: np.ndarray, words: np.ndarray, counts: np.ndarray, size: int) -> None:
    if (
        offsets.shape != (size + 1,)
        or offsets[0] != 0
        or (np.diff(offsets) < 0).any()
        or not offsets[-1] == len(words) == len(counts)
    ):
        raise InputError(
            f"offsets must rise from 0 to the number of entries, in {size + 1} numbers; got "
            f"shape {offsets.shape}, for {len(words)} words and {len(counts)} counts"
        )
    if len(words) and not 0 <= words.min() <= words.max() < size:
        raise InputError(
            f"words must be ids from 0 to {size - 1}, got {words.min()} to {words.max()}"
        )
    if len(counts) and not counts.min() >= 0:
        raise InputError(f"counts must be at least 0, got {counts.min()}")
