"""The noise distribution as a shuffled table, read in sequence."""

from __future__ import annotations

import numpy as np

from nw2v.errors import InputError
from nw2v.jit.compile import exact_kernel
from nw2v.jit.random import random_bits, stream_key, unsigned

SMALLEST_TABLE = 1 << 20
ENTRIES_A_WORD = 16
TABLE_REPEATS = 64
"""Of its first entries, the table repeats so many at its end: readers need not turn back."""
_LOW_HALF = unsigned(0xFFFFFFFF)
_32 = unsigned(32)


def noise_counts(distribution: np.ndarray) -> np.ndarray:
    """Round a distribution to whole numbers of table entries.

    Parameters
    ----------
    distribution : (V,) float64 array
        Probabilities, summing to 1.

    Returns
    -------
    (V,) int64 array
        Entries of each word, at least one, summing to a power of two: 2^20 or the first that is
        at least 16 V. What proportion leaves over is given by largest remainder.
    """
    words = len(distribution)
    size = SMALLEST_TABLE
    while size < ENTRIES_A_WORD * words:
        size *= 2
    shares = np.asarray(distribution, dtype=np.float64)
    if not np.isfinite(shares).all():
        raise InputError("the noise distribution is not finite: lower loss.noise_exponent")
    # Words whose share is below one entry get one; the others divide the rest in proportion.
    rare = np.zeros(words, dtype=bool)
    scale = size / shares.sum()
    while (more := ~rare & (shares * scale < 1)).any():
        rare |= more
        scale = (size - rare.sum()) / shares[~rare].sum()
    exact = np.where(rare, 1.0, shares * scale)
    entries = np.floor(exact).astype(np.int64)
    # A stable sort: words with equal remainders are served in the order of their ids.
    entries[np.argsort(entries - exact, kind="stable")[: size - int(entries.sum())]] += 1
    return entries


def noise_table(entries: np.ndarray, seed: int) -> np.ndarray:
    """Lay the words out in random order, each as often as it has entries.

    Reading the table in sequence draws without replacement within it; over the whole table the
    frequencies are exactly those of the distribution that `noise_probabilities` gives. Behind its
    end stand its first `TABLE_REPEATS` entries once more.

    Parameters
    ----------
    entries : (V,) int64 array
        From `noise_counts`.
    seed : int
        Decides the order.

    Returns
    -------
    (size + `TABLE_REPEATS`,) int32 array
    """
    # Room for the repeats: as entries of the last word at first.
    with_repeats = np.array(entries)
    with_repeats[-1] += TABLE_REPEATS
    table = np.repeat(np.arange(len(entries), dtype=np.int32), with_repeats)
    _shuffle(table[:-TABLE_REPEATS], stream_key(seed, "noise table"))
    table[-TABLE_REPEATS:] = table[:TABLE_REPEATS]
    return table


@exact_kernel
def _shuffle(table, key):
    """Put a table (n,), n below 2^32, in random order, in place (Fisher and Yates)."""
    for last in range(table.size - 1, 0, -1):
        bits, choices = random_bits(key, last), unsigned(last + 1)
        # The 64 bits as a fraction of 1, times the number of choices, without its fraction.
        below = ((bits & _LOW_HALF) * choices) >> _32
        chosen = np.int64(((bits >> _32) * choices + below) >> _32)
        table[last], table[chosen] = table[chosen], table[last]


def noise_probabilities(entries: np.ndarray) -> np.ndarray:
    """Give the distribution that is really sampled, as (V,) float64."""
    return np.asarray(entries, dtype=np.float64) / int(entries.sum())
