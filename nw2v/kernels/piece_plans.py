"""How the steps of negative sampling are made: chosen for a text, and for each piece of it.

A piece usually has what was chosen for the text (`BatchLaw`). Where it names a few words much more
often than the text does, its windows push the same rows again and again: then it has smaller
batches, more negatives, and a shorter memory.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nw2v.jit.compile import kernel
from nw2v.jit.random import unsigned
from nw2v.kernels.batch_sizes import (
    LOCAL_CONCENTRATION,
    LOCAL_NEGATIVE_DRIFT,
    LONGEST_MEMORY,
    memory_length,
    most_windows_for_pool,
)

COUNTERS = 1024
"""Counters that tell quickly whether a piece may name one word too often: several words share one.
A power of two, and few enough for the nearest cache."""
_SHARED = unsigned(COUNTERS - 1)
_OWN = unsigned(0xFFFFFFFF)


class BatchLaw(NamedTuple):
    """How windows of a text are put together in steps, and which negatives they share."""

    table: np.ndarray  # (power of two + `TABLE_REPEATS`,) int32, the noise distribution, shuffled
    pool: int  # K', negatives of a step
    local_pool: int  # K' in pieces that name few words: at most `TABLE_REPEATS`
    negatives_a_pair: float  # K, that they stand for
    batch_windows: int  # windows of a batch, at most BATCH
    parts: int  # steps of a batch, each for so large a part of the pairs of every window
    windows_of_one_center: int  # that a batch may have
    pairs_of_one_center: float  # that a batch may have on average
    memory: float  # length of the running means; 0: none (`nw2v.kernels.control_variate`)
    most_changes: float  # `MOST_CHANGES`: a field, since compiled code keeps constants
    concentration: float  # sum of the squares of the words' shares of all centers


class Plan(NamedTuple):
    """How the steps of one piece are made."""

    centers: int  # how many there are
    batch_windows: int  # at most those of `BatchLaw`
    pool: int  # K'
    memory: float  # 0: none
    first_rate: float  # learning rate of center 0
    slope: float  # what is added to it from center to center


@kernel
def plan_piece(windows, centers, law, piece, tally):
    """Plan the steps of a piece, so many of whose words are centers.

    Parameters
    ----------
    windows : Windows
        Of these centers.
    centers : int
    law : BatchLaw
    piece : Piece
    tally : (at least `COUNTERS` and as many as there are rows,) int64
        Zero, and so again afterwards.

    Returns
    -------
    Plan
    """
    first_rate = piece.first_rate
    slope = (piece.last_rate - first_rate) / max(centers, 1)
    batch_windows, pool, memory = _sizes(windows, centers, law, first_rate, tally)
    return Plan(centers, batch_windows, pool, memory, first_rate, slope)


@kernel
def _sizes(windows, centers, law, rate, tally):
    """Choose how many windows of a piece a batch has, how many negatives, and how long a memory."""
    # Words that share a counter seem more frequent than they are: what is harmless then, is so.
    pairs, most_windows, changes, is_local = _crowding(windows, centers, law, tally, _SHARED)
    if most_windows < law.batch_windows or is_local:
        pairs, most_windows, changes, is_local = _crowding(windows, centers, law, tally, _OWN)
    pool, memory = law.pool, law.memory
    if is_local:
        pool, memory = law.local_pool, min(memory, memory_length(changes, law.most_changes))
        mean_negatives = law.negatives_a_pair * pairs / (centers * law.parts)
        for_pool = most_windows_for_pool(pool, mean_negatives, rate, memory, LOCAL_NEGATIVE_DRIFT)
        most_windows = min(most_windows, for_pool)
    return max(1, np.int64(min(law.batch_windows, most_windows))), pool, memory


@kernel
def _crowding(windows, centers, law, tally, mask):
    """Tell how much a piece crowds its windows on few words.

    Returns
    -------
    pairs : int
        Of all its windows.
    most_windows : float
        How many of them a batch may have for the sake of the word that is center of most pairs.
    changes : float
        How many of a window's pairs the average center takes part in.
    is_local : bool
        Whether it names few words much more often than the text does.
    """
    pairs, squares, most = _count_pairs(windows, centers, tally, mask)
    if pairs == 0:
        return pairs, np.float64(law.batch_windows), 0.0, False
    most_windows = law.pairs_of_one_center * centers / most
    changes = (1 + law.negatives_a_pair) * squares / (np.float64(centers) * pairs)
    # A sample of n words is more concentrated than the text by one part in n.
    usual_squares = (law.concentration + 1 / centers) * np.float64(pairs) * pairs
    is_concentrated = squares > LOCAL_CONCENTRATION * usual_squares
    # In a large vocabulary a few times as often is still seldom: a quarter of the pairs that would
    # shorten the longest memory.
    is_local = is_concentrated and changes > law.most_changes / (8 * LONGEST_MEMORY)
    return pairs, most_windows, changes, is_local


@kernel
def _count_pairs(windows, centers, tally, mask):
    """Count the pairs of each center word, or of all whose numbers agree in the bits of a mask.

    Returns
    -------
    pairs : int
    squares : float
    most : int
        The sum of these counts, of their squares, and the largest.
    """
    words, first, last = windows
    total, squares, most = np.int64(0), 0.0, np.int64(0)
    for i in range(centers):
        counter = unsigned(words[i]) & mask
        before, pairs = tally[counter], np.int64(last[i] - first[i] - 1)
        tally[counter] = before + pairs
        total += pairs
        squares += np.float64(pairs) * (2 * before + pairs)  # (before + pairs)^2 - before^2
        most = max(most, before + pairs)
    for i in range(centers):
        tally[unsigned(words[i]) & mask] = 0
    return total, squares, most
