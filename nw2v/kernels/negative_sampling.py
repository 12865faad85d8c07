"""One pass of skip-gram with negative sampling over a piece of text.

For a center word c with outside words o_1 ... o_m, and K' negatives w_1 ... w_K' shared by the
window, each with weight a = m K / K':

    J      = sum_j -log sigma(u_oj . v_c) + a sum_k -log sigma(-u_wk . v_c)
    dJ/dv_c = sum_j (sigma(u_oj . v_c) - 1) u_oj + a sum_k sigma(u_wk . v_c) u_wk
    dJ/du_w = the same factors times v_c, added up over all places where w stands

so that at fixed parameters the expected gradient is that of K negatives of its own for each pair
(docs/derivations.md). All scores are taken before any update. Rows are updated one by one: the
second row of a word that stands twice is read as the first update left it.

The negatives form a pool that outlives the window: one slot is drawn anew at each center. While a
word is in the pool, its outside vector is a private copy of the thread, in its nearest cache and
contiguous. Frequent words are in every thread's pool, and threads that changed the same rows of U
at every center would spend most of their time taking them from each other. What the copies have
learnt is added to U when their slot is drawn anew, and for frequent words every few centers, before
they can drift from what the rest of the model does to the same rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nw2v.jit.compile import kernel
from nw2v.jit.random import random_bits, word64
from nw2v.jit.rows import (
    LANES,
    ROWS_IN_FLIGHT,
    aligned_zeros,
    dot_rows,
    logistic_terms,
    prefetch_row,
    update_rows,
)
from nw2v.kernels.stream import Windows, draw_windows, windows_for

_NOISE = word64(0x6E6F697365)

LOOK_AHEAD = 2
"""How many centers ahead rows are asked for."""

POOL_SHARE = 1.6
"""Slots of the pool for each negative that the average window stands for."""
SMALLEST_POOL = 8
LARGEST_POOL = 4096
LARGEST_DRIFT = 0.5
"""How far a word's copies may be pushed, in steps of a full negative, before they are merged."""


class Negatives(NamedTuple):
    """The shared negative samples."""

    table: np.ndarray  # (power of two,) int32, the noise distribution, shuffled
    pool: int  # K', slots
    merged_every: int  # centers between two merges of copies into U
    merged_words: int  # the words, by id, whose copies are merged
    per_pair: float  # K, negatives a pair that the pool stands for


def pool_size(mean_negatives: int) -> int:
    """Choose K', the slots of the pool.

    It grows with m K, the negatives that the average window stands for, so that the weight
    m K / K' of one stays below that of an outside word, up to `LARGEST_POOL`.
    """
    return min(max(SMALLEST_POOL, round(POOL_SHARE * mean_negatives)), LARGEST_POOL)


def merging(
    learning_rate: float, mean_negatives: float, probabilities: np.ndarray, pool: int, threads: int
) -> tuple[int, int]:
    """Choose how often the copies of which words are merged into U.

    A word of noise probability P is a negative m K P times a center. Until its copies are merged,
    neither they nor the copies of other threads see each other's steps, nor those that the word
    takes as an outside word: T centers of `threads` threads push it by up to rate m K P T threads
    too far. This keeps that below `LARGEST_DRIFT`.

    Parameters
    ----------
    learning_rate : float
        The highest of the run.
    mean_negatives : float
        m K, negatives that the average window stands for.
    probabilities : (V,) float64 array
        The noise distribution.
    pool : int
        K', which is also how many centers a copy lives if it is not merged.
    threads : int

    Returns
    -------
    merged_every : int
        Centers between two merges, at least 1.
    merged_words : int
        Words with ids below this are merged. The copies of the others cannot drift too far while
        they live; ids fall with frequency, so that these are most.
    """
    drift = learning_rate * mean_negatives * threads * probabilities
    drifting = np.flatnonzero(drift * pool > LARGEST_DRIFT)
    if len(drifting) == 0:
        return pool, 0
    return max(1, int(LARGEST_DRIFT / drift.max())), int(drifting[-1]) + 1


class Pool(NamedTuple):
    """One thread's negatives: words, copies of their outside vectors, and those as copied."""

    words: np.ndarray  # (K',) int32
    vectors: np.ndarray  # (K', length) float32
    origins: np.ndarray  # (K', length) float32
    slots: np.ndarray  # int32: 0 ... K' - 1, and room to read on


class Workspace(NamedTuple):
    """One thread's scratch memory."""

    windows: Windows
    pool: Pool
    rows: np.ndarray  # int32: the outside words of the center
    scores: np.ndarray  # float32: dot products with the center vector
    steps: np.ndarray  # float32: learning rate times minus the derivative by each score
    gradient: np.ndarray  # (length,) float32: the center vector's update


def workspace_for(tokens: int, window: int, pool: int, length: int) -> Workspace:
    """Allocate scratch memory for pieces of at most `tokens` tokens, rows of `length` floats."""
    room = max(ROWS_IN_FLIGHT, LANES)
    size = max(pool, 2 * window) + room
    slots = np.zeros(pool + room, dtype=np.int32)
    slots[:pool] = np.arange(pool)
    return Workspace(
        windows_for(tokens),
        Pool(
            np.zeros(pool, dtype=np.int32),
            aligned_zeros(pool, length),
            aligned_zeros(pool, length),
            slots,
        ),
        np.zeros(size, dtype=np.int32),
        np.zeros(size, dtype=np.float32),
        np.zeros(size, dtype=np.float32),
        np.zeros(length, dtype=np.float32),
    )


@kernel
def _take_in(pool, slot, word, outsides):  # type: ignore[no-untyped-def]
    """Put a word into a slot of the pool."""
    pool.words[slot] = word
    for i in range(outsides.shape[1]):
        value = outsides[word, i]
        pool.vectors[slot, i] = value
        pool.origins[slot, i] = value


@kernel
def _give_back(pool, slot, outsides):  # type: ignore[no-untyped-def]
    """Add what a slot's copy has learnt to U."""
    word = pool.words[slot]
    for i in range(outsides.shape[1]):
        outsides[word, i] += pool.vectors[slot, i] - pool.origins[slot, i]


@kernel
def _merge(pool, slot, outsides):  # type: ignore[no-untyped-def]
    """Add what a slot's copy has learnt to U, and copy the result back."""
    word = pool.words[slot]
    for i in range(outsides.shape[1]):
        value = outsides[word, i] + (pool.vectors[slot, i] - pool.origins[slot, i])
        outsides[word, i] = value
        pool.vectors[slot, i] = value
        pool.origins[slot, i] = value


@kernel
def negative_sampling_pass(  # type: ignore[no-untyped-def]
    lanes, centers, outsides, text, law, negatives, piece, workspace
):
    """Train on one piece of a text.

    Parameters
    ----------
    lanes : tuple
        From `nw2v.jit.rows.row_layout`.
    centers, outsides : (V, length) float32 arrays
        Center and outside vectors; changed in place, without locks.
    text : Text
    law : WindowLaw
    negatives : Negatives
    piece : Piece
    workspace : Workspace

    Returns
    -------
    loss : float
        Sum over the pairs of the loss before each update.
    pairs : int
    kept : int
        Center words.
    """
    rows, scores, steps = workspace.rows, workspace.scores, workspace.steps
    pool, gradient = workspace.pool, workspace.gradient
    words, first, last = workspace.windows
    kept = draw_windows(
        text, law, piece.key, piece.first_sentence, piece.last_sentence, workspace.windows
    )
    table, size = negatives.table, negatives.pool
    mask = len(table) - 1
    # Each piece reads the table from a place of its own.
    start = text.offsets[piece.first_sentence]
    place = np.int64(random_bits(piece.key ^ _NOISE, start) & word64(mask))
    for slot in range(size):
        _take_in(pool, slot, table[(place + slot) & mask], outsides)
    place += size
    slot, since_merge = 0, 0
    loss, pairs = 0.0, 0
    one = np.float32(1)
    share = negatives.per_pair / size
    slope = (piece.last_rate - piece.first_rate) / max(kept, 1)
    for i in range(kept):
        ahead = i + LOOK_AHEAD
        if ahead < kept:
            prefetch_row(lanes, centers, words[ahead])
            prefetch_row(lanes, outsides, words[min(ahead + law.window, kept - 1)])
        _give_back(pool, slot, outsides)
        _take_in(pool, slot, table[place & mask], outsides)
        prefetch_row(lanes, outsides, table[(place + LOOK_AHEAD) & mask])
        place += 1
        slot = slot + 1 if slot + 1 < size else 0
        since_merge += 1
        if since_merge == negatives.merged_every:
            for k in range(size):
                if pool.words[k] < negatives.merged_words:
                    _merge(pool, k, outsides)
            since_merge = 0
        m = 0
        for j in range(first[i], last[i]):
            rows[m] = words[j]
            m += j != i
        if m == 0:
            continue
        center = words[i]
        rate, weight = np.float32(piece.first_rate + slope * i), np.float32(m * share)
        for k in range(len(gradient)):
            gradient[k] = np.float32(0)
        dot_rows(lanes, pool.vectors, pool.slots, size, centers, center, scores)
        loss += logistic_terms(lanes, scores, size, -one, weight, rate, steps)
        update_rows(lanes, pool.vectors, pool.slots, steps, size, centers, center, gradient)
        dot_rows(lanes, outsides, rows, m, centers, center, scores)
        loss += logistic_terms(lanes, scores, m, one, one, rate, steps)
        update_rows(lanes, outsides, rows, steps, m, centers, center, gradient)
        for k in range(len(gradient)):
            centers[center, k] += gradient[k]
        pairs += m
    for slot in range(size):
        _give_back(pool, slot, outsides)
    return loss, pairs, kept
