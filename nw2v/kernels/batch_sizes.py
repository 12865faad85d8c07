"""How much a step of negative sampling takes at once: its windows, its negatives, its memory.

Pairs that are computed together all use the scores from before the step: none sees what the others
change, and their changes add up. The functions here bound such sums.

A *push* is how far pairs move one row, in units of a vector of the other matrix: the sum of
learning rate times abs(sigma - label) over the pairs that move it, with the latter taken as 1, the
most that it can be. A *drift* is the push that adds up before any score sees it. The bounds were
found by trial, on made texts that are hard to train on (docs/derivations.md, section 10).
"""

from __future__ import annotations

import math

from nw2v.jit.batches import BATCH, ROWS_AT_ONCE
from nw2v.jit.compile import for_kernels_too

SMALLEST_POOL, LARGEST_POOL = 4, 24
"""Bounds of K', the negatives of a step: more cost more than they tell."""
NEGATIVE_DRIFT = 4.3
"""How far the windows of a batch may move a negative, while K' is within its bounds; half as far
where nothing is expected of it (`nw2v.kernels.control_variate`)."""
LOCAL_NEGATIVE_DRIFT = NEGATIVE_DRIFT / 2
"""The same in a piece of text that names few words: its windows all pull in one direction. Without
a memory half of this again."""
LEAST_MEMORY, LONGEST_MEMORY = 48.0, 256.0
"""Negatives that running means are of, about, since they forget exponentially; of centers, twice as
many. Where it would have to be shorter there is no memory."""
MOST_CHANGES = 120.0
"""Pairs that the average word may take part in while a memory lasts: for 2 windows a negative."""
MOST_NEGATIVES_A_WINDOW = 64.0
"""Negatives, m K, that the average window may stand for in one step."""
LARGEST_DRIFT = 8.0
"""How far the word that is moved most may be moved by the batches that are computed at once."""
LARGEST_LOCAL_DRIFT = 2.0
"""The same of a batch in a piece of text that names one word again and again."""
LOCAL_CONCENTRATION = 2.0
"""How much more concentrated on few words than the text a piece must be to be treated apart."""
MOST_WINDOWS_OF_ONE_CENTER = 4
"""Windows of one center word that a batch may have."""


def parts_of(mean_negatives: float) -> int:
    """Choose how many steps take the pairs of a batch's windows.

    All m K negatives of a window push its center vector the same way, against their mean: too many
    in one step overshoot.
    """
    return max(1, math.ceil(mean_negatives / MOST_NEGATIVES_A_WINDOW))


@for_kernels_too
def _pool_a_window(
    mean_negatives: float, learning_rate: float, memory: float, drift: float
) -> float:
    """Tell how much of K' each window of a batch asks for, if it may move a negative so far.

    Twice as much without a memory, where all of the gradient is left to chance.
    """
    return mean_negatives * learning_rate / drift * (2 - memory / LONGEST_MEMORY)


def pool_size(mean_negatives: float, learning_rate: float, memory: float) -> int:
    """Choose K', the negatives of a step.

    The average window of a batch pushes each of them by m K, the negatives that it stands for,
    times the learning rate, divided by K'. So K' grows with both, and within its bounds keeps the
    sum over the batch below `NEGATIVE_DRIFT`.

    Parameters
    ----------
    mean_negatives : float
        m K of the average window, in one step.
    learning_rate : float
    memory : float
        From `memory_length`.

    Returns
    -------
    int
        A multiple of `nw2v.jit.batches.ROWS_AT_ONCE`.
    """
    wanted = BATCH * _pool_a_window(mean_negatives, learning_rate, memory, NEGATIVE_DRIFT)
    wanted = min(max(SMALLEST_POOL, wanted), LARGEST_POOL)
    return math.ceil(wanted / ROWS_AT_ONCE) * ROWS_AT_ONCE


@for_kernels_too
def most_windows_for_pool(
    pool: int, mean_negatives: float, learning_rate: float, memory: float, drift: float
) -> float:
    """Tell how many windows may share K' negatives: the inverse of `pool_size`.

    There, the windows of a batch are given and K' is chosen; here it is given, as where a piece of
    the text has a shorter memory than the whole, or wider windows.
    """
    return pool / max(_pool_a_window(mean_negatives, learning_rate, memory, drift), 1e-9)


def batch_size(busiest_push: float, at_once: int) -> int:
    """Choose how many windows make a step together: `BATCH`, or fewer where that is unstable.

    Steps that are computed at the same time are computed at scores that do not know of each other.
    This keeps what they add up to below `LARGEST_DRIFT`.

    Parameters
    ----------
    busiest_push : float
        How far a window pushes the word that it pushes most, on average and in one step: the
        learning rate times how often the word is a negative, or takes part as center.
    at_once : int
        How many batches are computed at the same time.

    Returns
    -------
    int
        From 1 to `BATCH`.
    """
    return max(1, int(min(BATCH, LARGEST_DRIFT / (busiest_push * at_once))))


@for_kernels_too
def memory_length(changes: float, most_changes: float) -> float:
    """Choose how many negatives running means are of: up to `LONGEST_MEMORY`, or none (0).

    Meanwhile vectors change, and what is expected lags behind them. The means are of so few, and
    count for so much less, that this does not matter: they are of fewer in a small vocabulary, or
    in a piece of text that names few words, or where many threads have means of their own.

    Parameters
    ----------
    changes : float
        How many of a window's pairs the average negative or center takes part in; for a whole
        text, times how many windows are at work at the same time.
    most_changes : float
        How many these may be while the memory lasts: `MOST_CHANGES`.
    """
    memory = min(LONGEST_MEMORY, most_changes / (2 * max(changes, 1e-9)))
    return memory if memory >= LEAST_MEMORY else 0.0


def windows_of_one_center(center_push: float) -> int:
    """Choose how many windows of one center word a batch may have.

    Parameters
    ----------
    center_push : float
        How far a step of a window pushes its center vector, on average: the learning rate times the
        pairs and the negatives that they stand for.

    Returns
    -------
    int
        From 1 to `MOST_WINDOWS_OF_ONE_CENTER`.
    """
    return max(1, int(min(MOST_WINDOWS_OF_ONE_CENTER, LARGEST_DRIFT / center_push)))
