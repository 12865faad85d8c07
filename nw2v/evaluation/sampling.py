"""Random samples that are the same in every version of NumPy.

They are made of the raw words of a counter-based generator: those stay the same, what NumPy's
samplers make of them need not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# Ranks that are drawn at one time while a sample is chosen.
_RANKS_A_BLOCK = 2**20
# Draws of resamples that are held at one time: 1 MB.
_DRAWS_A_BLOCK = 2**17


def sample_without_replacement(population: int, size: int, key: np.uint64) -> np.ndarray:
    """Choose `size` of the numbers below `population`, or all, in rising order.

    Each number has a random rank and the smallest ranks win.

    Parameters
    ----------
    population, size : int
        At least 0.
    key : numpy.uint64
        Decides the choice.

    Returns
    -------
    numpy.ndarray, shape (min(size, population),), int64
    """
    generator = np.random.Philox(key=int(key))
    numbers_kept = np.empty(0, dtype=np.int64)
    ranks_kept = np.empty(0, dtype=np.uint64)
    for first in range(0, population, _RANKS_A_BLOCK):
        stop = min(first + _RANKS_A_BLOCK, population)
        numbers_here = np.concatenate([numbers_kept, np.arange(first, stop)])
        ranks = np.concatenate([ranks_kept, generator.random_raw(stop - first)])
        smallest = np.argsort(ranks, kind="stable")[:size]
        numbers_kept, ranks_kept = numbers_here[smallest], ranks[smallest]
    return np.sort(numbers_kept)


def resample_multiplicities(
    strata: np.ndarray, resamples: int, key: np.uint64
) -> Iterator[np.ndarray]:
    """Draw bootstrap samples: how often each unit is in each of them.

    From each stratum as many units as it has are drawn with replacement, each as likely as any
    other (but for less than one part in 2^32 times the stratum's size).

    Parameters
    ----------
    strata : numpy.ndarray, shape (n,), int
        The stratum of each unit: numbers from 0.
    resamples : int
    key : numpy.uint64
        Decides every draw.

    Yields
    ------
    numpy.ndarray, shape (R, n), int64
        Multiplicities in the next R resamples; all blocks together have `resamples` rows, and
        what is in a row does not depend on the blocks.
    """
    n = len(strata)
    by_stratum = np.argsort(strata, kind="stable")
    sizes = np.bincount(strata)
    size_of_draw = np.repeat(sizes, sizes).astype(np.uint64)
    first_of_draw = np.repeat(np.cumsum(sizes) - sizes, sizes)
    generator = np.random.Philox(key=int(key))
    rows_at_once = max(1, _DRAWS_A_BLOCK // max(n, 1))
    for first in range(0, resamples, rows_at_once):
        rows = min(rows_at_once, resamples - first)
        words = generator.random_raw(rows * n).reshape(rows, n)
        # The upper half of a word as a fraction of 2^32, times the size of its stratum.
        within = ((words >> np.uint64(32)) * size_of_draw) >> np.uint64(32)
        units = by_stratum[first_of_draw + within.astype(np.int64)]
        units += np.arange(rows)[:, np.newaxis] * n
        yield np.bincount(units.ravel(), minlength=rows * n).reshape(rows, n)
