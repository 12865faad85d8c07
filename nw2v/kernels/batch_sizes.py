"""How much a step of negative sampling takes at once: its windows, negatives, and what it expects.

What is computed at the same time is computed at scores that do not know of each other. Everything
here keeps what that may add up to within bounds.
"""

from __future__ import annotations

import math

from nw2v.jit.batches import BATCH, ROWS_AT_ONCE
from nw2v.jit.compile import for_kernels_too

SMALLEST_POOL, LARGEST_POOL = 4, 24
"""Bounds of K', the negatives of a step."""
NEGATIVE_DRIFT = 4.3
"""How far the windows of a batch may push a negative, in steps of a full pair, while K' is within
its bounds; half as far where nothing is expected of it."""
LEAST_REMEMBERED, MOST_REMEMBERED = 48.0, 256.0
"""How many of the last negatives, about, running means are of, if any; of twice as many centers."""
MOST_CHANGES = 120.0
"""How many pairs the average negative may take part in during as many windows (found by trial)."""
MOST_NEGATIVES_A_STEP = 64.0
"""Negatives that the average window may stand for in one step."""
LARGEST_DRIFT = 8.0
"""How far steps on one word may add up, in steps of a full pair, at scores that do not see them."""
LARGEST_LOCAL_DRIFT = 2.0
"""The same where a piece of text names one word again and again: its words all pull together."""
MOST_ALIKE = 4
"""Windows of one center word that a batch may have."""


def parts_of(mean_negatives: float) -> int:
    """Choose in how many steps a batch takes the pairs of its windows.

    A window moves its center vector against the mean of what it counts as negatives: m K of them on
    average. In one step, at scores that do not see it, that overshoots if they are too many.
    """
    return max(1, math.ceil(mean_negatives / MOST_NEGATIVES_A_STEP))


@for_kernels_too
def _pool_a_window(mean_negatives: float, learning_rate: float, remembered: float) -> float:
    """Tell how much of K' each window of a batch asks for."""
    push = mean_negatives * learning_rate / NEGATIVE_DRIFT
    return push * (2 - remembered / MOST_REMEMBERED)


def pool_size(mean_negatives: float, learning_rate: float, remembered: float) -> int:
    """Choose K', the negatives of a step.

    It grows with m K, the negatives that the average window stands for in a step, and with the
    learning rate: the average window of a batch pushes a negative by up to their product, divided
    by K'. Within its bounds, K' keeps what they add up to below `NEGATIVE_DRIFT`; below half of it
    where nothing is remembered, so that all of a step's gradient is left to chance.
    """
    wanted = BATCH * _pool_a_window(mean_negatives, learning_rate, remembered)
    wanted = min(max(SMALLEST_POOL, wanted), LARGEST_POOL)
    return math.ceil(wanted / ROWS_AT_ONCE) * ROWS_AT_ONCE


@for_kernels_too
def windows_for_pool(
    pool: int, mean_negatives: float, learning_rate: float, remembered: float
) -> float:
    """Tell how many windows may push K' negatives: what `pool_size` is the inverse of.

    There, the windows of a batch are given. Where less is remembered in a piece of the text than in
    the whole, or windows are wider, there may be fewer.
    """
    return pool / max(_pool_a_window(mean_negatives, learning_rate, remembered), 1e-9)


def batch_size(push: float, at_once: int) -> int:
    """Choose how many windows make a step together: `BATCH`, or fewer where that is unstable.

    Steps that are computed at the same time are computed at scores that do not know of each other:
    together they push a word by up to `push` for each of their windows. This keeps that below
    `LARGEST_DRIFT`.

    Parameters
    ----------
    push : float
        How far a window pushes the word that it pushes most, on average and in one step: the
        learning rate times how often the word is a negative, or takes part as center.
    at_once : int
        How many batches are computed at the same time.

    Returns
    -------
    int
        From 1 to `BATCH`.
    """
    return max(1, int(min(BATCH, LARGEST_DRIFT / (push * at_once))))


@for_kernels_too
def remembered_negatives(changes: float, most_changes: float) -> float:
    """Choose how many negatives running means are of: up to `MOST_REMEMBERED`, or none.

    Meanwhile vectors change, and what is expected lags behind them. The means are of so few, and
    count for so much less, that this does not matter: they are of fewer in a small vocabulary, or
    in a piece of text that names few words, or where many threads have means of their own.

    Parameters
    ----------
    changes : float
        How many of a window's pairs the average negative or center takes part in, times how many
        windows are at work at the same time.
    most_changes : float
        How many these may be in all: `MOST_CHANGES`.
    """
    remembered = min(MOST_REMEMBERED, most_changes / (2 * max(changes, 1e-9)))
    return remembered if remembered >= LEAST_REMEMBERED else 0.0


def windows_alike(push: float) -> int:
    """Choose how many windows of one center word a batch may have: from 1 to `MOST_ALIKE`.

    Parameters
    ----------
    push : float
        How far a step of a window pushes its center vector, on average: the learning rate times the
        pairs and the negatives that they stand for.
    """
    return max(1, int(min(MOST_ALIKE, LARGEST_DRIFT / push)))
