"""Which tokens of frequent words are dropped: the law that streams and counts share."""

from __future__ import annotations

import numpy as np

LIMITS = 1 << 31
CERTAIN = LIMITS - 1
"""`keep_limits` entry of a word that is always kept."""


def keep_probabilities(counts: np.ndarray, subsample: float) -> np.ndarray:
    """Probability of keeping a token of each word.

    Parameters
    ----------
    counts : (V,) integer array
        Occurrences of each word in the training text.
    subsample : float
        Threshold t on a word's relative frequency f; 0 keeps everything.

    Returns
    -------
    (V,) float64 array
        min(1, sqrt(t / f) + t / f), as word2vec.c does (Mikolov et al. 2013, section 2.3, print
        1 - sqrt(t / f) for the probability of dropping; the released program differs).
    """
    counts = np.asarray(counts, dtype=np.float64)
    if subsample == 0:
        return np.ones(len(counts))
    ratio = subsample * counts.sum() / np.maximum(counts, 1.0)
    return np.minimum(1.0, np.sqrt(ratio) + ratio)


def keep_limits(counts: np.ndarray, subsample: float) -> np.ndarray:
    """Round the probabilities to what 31 random bits can decide.

    Parameters
    ----------
    counts, subsample
        As for `keep_probabilities`.

    Returns
    -------
    (V,) int32 array
        2^31 times the probability of keeping a token, less 1: it is kept if 31 random bits are
        not above.
    """
    limits = np.round(keep_probabilities(counts, subsample) * LIMITS) - 1
    return limits.astype(np.int32)
