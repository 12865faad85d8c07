"""One pass of skip-gram with negative sampling over pieces of a text.

For a center word c with outside words o_1 ... o_m, and K' negatives w_1 ... w_K', each with weight
a = m K / K':

    J      = sum_j -log sigma(u_oj . v_c) + a sum_k -log sigma(-u_wk . v_c)
    dJ/dv_c = sum_j (sigma(u_oj . v_c) - 1) u_oj + a sum_k sigma(u_wk . v_c) u_wk
    dJ/du_w = the same factors times v_c, added up over all places where w stands

so that at fixed parameters the expected gradient is that of K negatives of its own for each pair
(docs/derivations.md). `BATCH` windows that follow each other make one step together, at the
parameters from before it, and share one set of negatives, which is drawn anew for every step. That
turns the work on negatives, most of all there is, into small matrix products. Where windows are
wide or negatives many, a batch makes several steps, each for a part of the pairs of every window:
one step for all of them would overshoot. So would steps on a word that the text names again and
again: there batches are smaller.

What a few negatives say of a gradient varies from step to step; most of that is known beforehand.
Of each word w, e_w is what sigma has been on average when it was a negative. A step takes the
difference from that, and adds what is expected from running means over the steps before:

    for v_c:  a sum_k (sigma(u_wk . v_c) - e_wk) u_wk + m K mean(e_w u_w)
    for u_w:  sum_b a_b (sigma(u_w . v_b) - e_w) v_b  + e_w n mean(a v)

for each time w is a negative of a batch of n windows b. With the right means the expectation is the
same whatever e_w is, and the variance about half (control variates: docs/derivations.md). As long
as little is remembered, e_w counts for less.

Two ways to use more threads: each takes pieces of its own and changes the vectors without locks
(`negative_sampling_pass`); or all work on one piece, a batch each, and only when all batches are
computed are their steps made, in the order of the batches (`work_together`). The second gives the
same bits for any number of threads.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nw2v.jit.atomics import zeros_in_whole_lines, zeros_on_own_lines
from nw2v.jit.batches import (
    BATCH,
    CENTERS_AT_ONCE,
    COPIED,
    ROWS_AT_ONCE,
    add_from_batch,
    add_pair_rows,
    add_to_rows,
    batch_scores,
    copy_words,
    fill_words,
    gather_rows,
    logistic_terms,
    noise_terms,
    pair_scores,
    prefetch_rows,
    scale_row,
    scatter_rows,
    sum_for_centers,
)
from nw2v.jit.compile import kernel, kernel_in_callers
from nw2v.jit.random import random_bits, word64
from nw2v.jit.registers import aligned_zeros
from nw2v.kernels.crew import (
    DONE,
    Crew,
    begin,
    complete,
    crew_for,
    finish,
    open_phase,
    wait_for_item,
)
from nw2v.kernels.noise import TABLE_REPEATS
from nw2v.kernels.pieces import NO_PIECE, complete_piece, piece_at, take_piece
from nw2v.kernels.stream import Windows, draw_windows, windows_for

_NOISE = word64(0x6E6F697365)
_ALL_BITS = word64(0xFFFFFFFF)

SMALLEST_POOL, LARGEST_POOL = 4, 16
"""Bounds of K', the negatives of a step."""
NEGATIVE_DRIFT = 6.4
"""How far the windows of a batch may push a negative, in steps of a full pair, while K' is within
its bounds; half as far where nothing is expected of it."""
SIGMA_RATE = 0.25
"""How far the expected sigma of a word goes towards what a step observed."""
LEAST_REMEMBERED, MOST_REMEMBERED = 48, 256
"""How many of the last negatives, about, running means are of, if any; of twice as many centers."""
MOST_CHANGES = 120.0
"""How many pairs the average negative may take part in during as many windows (found by trial)."""
MOST_NEGATIVES_A_STEP = 64.0
"""Negatives that the average window may stand for in one step."""
LARGEST_DRIFT = 8.0
"""How far steps on one word may add up, in steps of a full pair, at scores that do not see them."""
LARGEST_LOCAL_DRIFT = 4.0
"""The same where a piece of text names one word again and again: its words all pull together."""
MOST_ALIKE = 4
"""Windows of one center word that a batch may have."""
COUNTERS, BATCH_COUNTERS = 1024, 256
"""Counters that tell quickly whether one word may be too frequent in a piece of text or in a batch:
several words share one. Powers of two."""
MOST_AT_ONCE = 8
"""Batches of a crew that are computed before their steps are made: so many threads can work."""

# Places in `Batch.state`: the first center of the batch, of the next one, and the end of all; how
# many centers a batch may have; which part of their pairs is next; where in the noise table the
# next negatives stand; how many centers and pairs the step has, and pairs all steps so far; how
# many rows of each matrix the next step needs, and how many of them have been asked for.
(
    _FIRST, _NEXT, _END, _WINDOWS, _PART, _NOISE_PLACE, _COUNT, _PAIRS, _ALL_PAIRS,
    _OUTSIDES, _CENTERS, _OUTSIDES_DONE, _CENTERS_DONE,
) = range(13)  # fmt: skip
_STATE_SIZE = 16
# Places in `Batch.amounts`: the loss so far, the learning rate of center 0, how it rises, the sum
# of the weights of a step, and how many negatives and centers are remembered.
_LOSS, _FIRST_RATE, _SLOPE, _WEIGHT, _NEGATIVES_KNOWN, _CENTERS_KNOWN = range(6)

# Rows of `Batch.means`: decaying sums over the negatives and the centers of the steps before, and
# what they make of this step: of a center's update for each unit of weight, and of a negative's row
# for each unit of expected sigma.
_OUTSIDE_SUM, _CENTER_SUM, _CENTER_SHIFT, _OUTSIDE_SHIFT = range(4)

# Places in `Team.current`.
_PLACE, _KEPT = range(2)

# The phases of a crew.
COMPUTE, MAKE = 0, 1


class Negatives(NamedTuple):
    """The shared negative samples: fixed but for `sigmas`, which all threads change."""

    table: np.ndarray  # (power of two + `TABLE_REPEATS`,) int32, the noise distribution, shuffled
    pool: int  # K', negatives of a step, at most `TABLE_REPEATS`
    per_pair: float  # K, negatives a pair that they stand for
    windows: int  # of a batch, at most BATCH
    parts: int  # steps of a batch, each for so large a part of the pairs of every window
    alike: int  # windows of one center word that a batch may have
    pairs_alike: float  # pairs of one center word, on average, that may be computed at once
    remembered: float  # negatives that running means are of, and half the centers; 0: none
    sigmas: np.ndarray  # (V,) float32: what is expected of sigma where each word is a negative


class Batch(NamedTuple):
    """Windows that make one step together: what is known of them, and then their steps.

    For a crew, each array has one more dimension, the first: the batches computed at once.
    """

    state: np.ndarray  # int64: see the places above
    amounts: np.ndarray  # float64
    tally: np.ndarray  # (BATCH_COUNTERS,) int32: zero
    centers: np.ndarray  # (BATCH,) int32: the center words
    panel: np.ndarray  # (BATCH, length) float32: copies of their vectors, where they are copied
    panel_rows: np.ndarray  # (BATCH,) int32: where their vectors stand: in V, or in the panel
    gradients: np.ndarray  # (BATCH, length) float32: their updates
    weights: np.ndarray  # (BATCH,) float32: what a negative counts for each
    negatives: np.ndarray  # (K' and more,) int32: the words
    expected: np.ndarray  # (K' and more,) float32: what was expected of sigma for each
    observed: np.ndarray  # (K' and more,) float32: its sum over the centers, times their weights
    steps: np.ndarray  # (K', BATCH) float32: scores, then steps, of negatives and centers
    means: np.ndarray  # (4, length) float32: see the rows above
    first_pair: np.ndarray  # (BATCH + 1,) int32: where the pairs of each center begin
    outside_words: np.ndarray  # int32: one for each pair
    members: np.ndarray  # int32: where the vector of each pair's center stands, as above
    pair_steps: np.ndarray  # float32: scores, then steps, of the pairs
    soon_outsides: np.ndarray  # int32: rows that the next batch needs
    soon_centers: np.ndarray  # int32


class Workspace(NamedTuple):
    """Scratch memory of one thread that takes pieces of its own."""

    windows: Windows
    tally: np.ndarray  # int32: zero, one for each word, at least `COUNTERS`
    batch: Batch


class Team(NamedTuple):
    """What the threads share that work on all pieces together, one piece after the other."""

    current: np.ndarray  # int64: the place of the piece, and how many centers it has
    windows: Windows
    tally: np.ndarray  # int32: zero, one for each word, at least `COUNTERS`
    crew: Crew
    batches: Batch  # computed at once
    mine: Batch  # for each share of the rows: the steps that concern them


def parts_of(mean_negatives: float) -> int:
    """Choose in how many steps a batch takes the pairs of its windows.

    A window moves its center vector against the mean of what it counts as negatives: m K of them on
    average. In one step, at scores that do not see it, that overshoots if they are too many.
    """
    return max(1, math.ceil(mean_negatives / MOST_NEGATIVES_A_STEP))


def pool_size(mean_negatives: float, learning_rate: float, remembered: float) -> int:
    """Choose K', the negatives of a step.

    It grows with m K, the negatives that the average window stands for in a step, and with the
    learning rate: the average window of a batch pushes a negative by up to their product, divided
    by K'. Within its bounds, K' keeps what they add up to below `NEGATIVE_DRIFT`; below half of it
    where nothing is remembered, so that all of a step's gradient is left to chance.
    """
    wanted = BATCH * mean_negatives * learning_rate / NEGATIVE_DRIFT
    wanted *= 2 - remembered / MOST_REMEMBERED
    wanted = min(max(SMALLEST_POOL, wanted), LARGEST_POOL)
    return math.ceil(wanted / ROWS_AT_ONCE) * ROWS_AT_ONCE


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


def batches_at_once(push: float) -> int:
    """Choose how many batches a crew computes at the same time: from 2 to `MOST_AT_ONCE`.

    As many as are stable with all their windows (see `batch_size`), but a power of two.
    """
    stable = int(min(MOST_AT_ONCE, LARGEST_DRIFT / (push * BATCH)))
    return max(2, 1 << stable.bit_length() >> 1)


def remembered_negatives(changes: float, at_once: int) -> float:
    """Choose how many negatives running means are of: up to `MOST_REMEMBERED`, or none.

    Meanwhile vectors change, and what is expected lags behind them. The means are of so few, and
    count for so much less, that this does not matter: they are of fewer in a small vocabulary, or
    where many batches are computed at the same time, each with means of its own.

    Parameters
    ----------
    changes : float
        How many of a window's pairs the average negative takes part in, as their center or as
        negative: the more of the two.
    at_once : int
        How many batches are computed at the same time.
    """
    remembered = min(MOST_REMEMBERED, MOST_CHANGES / (2 * changes * at_once))
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


def batch_for(window: int, pool: int, length: int, *, copied: bool) -> Batch:
    """Allocate room for a batch, which copies its center vectors or reads them where they are."""
    pairs = 2 * window * (BATCH + 1) + 2 * COPIED
    centers = zeros_in_whole_lines(BATCH, np.int32)
    return Batch(
        state=zeros_in_whole_lines(_STATE_SIZE, np.int64),
        amounts=zeros_in_whole_lines(6, np.float64),
        tally=zeros_in_whole_lines(BATCH_COUNTERS, np.int32),
        centers=centers,
        panel=aligned_zeros(BATCH if copied else 0, length),
        panel_rows=np.arange(BATCH, dtype=np.int32) if copied else centers,
        gradients=aligned_zeros(BATCH, length),
        weights=zeros_in_whole_lines(BATCH, np.float32),
        negatives=zeros_in_whole_lines(pool + COPIED, np.int32),
        expected=zeros_in_whole_lines(pool, np.float32),
        observed=zeros_in_whole_lines(pool, np.float32),
        steps=aligned_zeros(pool, BATCH),
        means=aligned_zeros(4, length),
        first_pair=zeros_in_whole_lines(BATCH + 1, np.int32),
        outside_words=zeros_in_whole_lines(pairs, np.int32),
        members=zeros_in_whole_lines(pairs, np.int32),
        pair_steps=zeros_in_whole_lines(pairs, np.float32),
        soon_outsides=zeros_in_whole_lines(pool + BATCH + COPIED, np.int32),
        soon_centers=zeros_in_whole_lines(BATCH + COPIED, np.int32),
    )


def batches_for(number: int, window: int, pool: int, length: int) -> Batch:
    """Allocate room for some batches, one behind the other in each array."""
    one = batch_for(window, pool, length, copied=True)

    def room_for(array: np.ndarray) -> np.ndarray:
        room = zeros_on_own_lines((number, *array.shape), array.dtype)
        room[:] = array
        return room

    return Batch(*map(room_for, one))


def workspace_for(tokens: int, vocabulary: int, window: int, pool: int, length: int) -> Workspace:
    """Allocate scratch memory for pieces of at most `tokens` tokens, rows of `length` floats."""
    return Workspace(
        windows_for(tokens + window + BATCH),
        zeros_on_own_lines(max(vocabulary, COUNTERS), np.int32),
        batch_for(window, pool, length, copied=False),
    )


def team_for(
    vocabulary: int, window: int, pool: int, length: int, *, threads: int, at_once: int
) -> Team:
    """Allocate what threads that work together need, without room for windows (see `with_room`)."""
    members = min(threads, at_once)
    return Team(
        current=zeros_on_own_lines(2, np.int64),
        windows=windows_for(0),
        tally=zeros_on_own_lines(max(vocabulary, COUNTERS), np.int32),
        crew=crew_for(members, [at_once, members], [False, False]),
        batches=batches_for(at_once, window, pool, length),
        mine=batches_for(members, window, pool, length),
    )


def with_room(team: Team, tokens: int, window: int) -> Team:
    """Give a team room for pieces of at most `tokens` tokens."""
    return team._replace(windows=windows_for(tokens + window + BATCH))


# --- one batch ------------------------------------------------------------------------------------


@kernel
def _counter_of(word, mask):  # type: ignore[no-untyped-def]
    """Which counter a word has: words that agree in the bits of a mask share one."""
    return word64(word) & mask


@kernel
def _most_pairs(windows, kept, tally, mask):  # type: ignore[no-untyped-def]
    """Count the pairs of the center word that has most, or of words that share a counter."""
    words, first, last = windows
    most = 1
    for i in range(kept):
        counter = _counter_of(words[i], mask)
        pairs = tally[counter] + last[i] - first[i] - 1
        tally[counter] = pairs
        most = max(most, pairs)
    for i in range(kept):
        tally[_counter_of(words[i], mask)] = 0
    return most


@kernel
def _windows_at_once(windows, kept, negatives, tally, enough):  # type: ignore[no-untyped-def]
    """How many windows of a piece may be computed at once, for the word that has most pairs.

    Or fewer, but at least `enough`: that is first told from few counters, which several words
    share.
    """
    most = _most_pairs(windows, kept, tally, word64(COUNTERS - 1))
    if negatives.pairs_alike * kept < enough * most:
        most = _most_pairs(windows, kept, tally, _ALL_BITS)
    return max(1, np.int64(negatives.pairs_alike * kept / most))


@kernel
def _last_place(negatives):  # type: ignore[no-untyped-def]
    """Where the noise table ends, but for its repeats: all bits of a place in it."""
    return len(negatives.table) - TABLE_REPEATS - 1


@kernel
def _begin_part(text, negatives, piece, kept, first, last, windows, batch):  # type: ignore[no-untyped-def]
    """Let the next batch begin with center number `first` of a piece, the last end with `last`.

    A batch has at most `windows` windows.
    """
    state = batch.state
    state[_NEXT], state[_END], state[_PART] = first, last, 0
    state[_WINDOWS] = min(negatives.windows, windows)
    # Each part reads the noise table from a place of its own.
    start = text.offsets[piece.first_sentence] + first
    draw = random_bits(piece.key ^ _NOISE, start)
    state[_NOISE_PLACE] = np.int64(draw & word64(_last_place(negatives)))
    state[_COUNT] = state[_PAIRS] = state[_ALL_PAIRS] = 0
    batch.amounts[_LOSS] = 0.0
    batch.amounts[_FIRST_RATE] = piece.first_rate
    batch.amounts[_SLOPE] = (piece.last_rate - piece.first_rate) / max(kept, 1)


@kernel
def _end_of_batch(words, first, last, most_alike, tally):  # type: ignore[no-untyped-def]
    """Where the batch that begins with a center ends: before one word is center too often.

    None of a word's windows sees how the others of the batch move its vector. Whether there may be
    such a word is first told from few counters.
    """
    most, mask = 0, word64(BATCH_COUNTERS - 1)
    for i in range(first, last):
        counter = _counter_of(words[word64(i)], mask)
        tally[counter] += 1
        most = max(most, tally[counter])
    for i in range(first, last):
        tally[_counter_of(words[word64(i)], mask)] = 0
    if most <= most_alike:
        return last
    for i in range(first + most_alike, last):
        alike = 0
        for k in range(first, i):
            alike += words[k] == words[i]
        if alike >= most_alike:
            return i
    return last


@kernel
def _draw_negatives(lanes, negatives, place, words):  # type: ignore[no-untyped-def]
    """Read the negatives of a step from the noise table; give the place of those that follow."""
    copy_words(lanes, negatives.table, place, negatives.pool, words, 0)
    return (place + negatives.pool) & _last_place(negatives)


@kernel
def _list_pairs(lanes, windows, window, negatives, batch):  # type: ignore[no-untyped-def]
    """List the centers of a batch, and a part of their pairs.

    Each part has an equal share of the negatives, however the pairs can be shared out.
    As many words are copied as a part may have, whatever it has: what was copied too much is
    overwritten by the next, and the CPU foresees the end of loops of one length.
    """
    words, first, last = windows
    state = batch.state
    part, parts = state[_PART], negatives.parts
    share, room = negatives.per_pair / (negatives.pool * parts), 2 * window // parts + 1
    one_side = min(window, room)
    pairs, weight = 0, 0.0
    for b in range(state[_COUNT]):
        i = state[_FIRST] + b
        center, begin = words[word64(i)], first[word64(i)]
        before, of_window = i - begin, last[word64(i)] - begin - 1
        # Outside words number low ... high - 1 of the window, those before the center first.
        low, high = 0, of_window
        if parts > 1:
            low, high = of_window * part // parts, of_window * (part + 1) // parts
        split = min(max(low, before), high)
        batch.centers[b] = center
        batch.first_pair[b] = pairs
        batch.weights[b] = np.float32(of_window * share)
        weight += of_window * share
        copy_words(lanes, words, begin + low, one_side, batch.outside_words, pairs)
        place = pairs + split - low
        copy_words(lanes, words, begin + 1 + split, one_side, batch.outside_words, place)
        fill_words(lanes, batch.members, pairs, room, batch.panel_rows[b])
        pairs += high - low
    batch.first_pair[state[_COUNT]] = pairs
    for b in range(state[_COUNT], BATCH):
        batch.weights[b] = np.float32(0)
    batch.amounts[_WEIGHT] = weight
    state[_PAIRS] = pairs
    state[_ALL_PAIRS] += pairs


@kernel_in_callers
def _next_step(lanes, windows, law, negatives, batch):  # type: ignore[no-untyped-def]
    """List what the next step is about, and what the one after it will need."""
    state, words = batch.state, windows.words
    if state[_PART] == 0:
        first, end = state[_NEXT], state[_END]
        state[_FIRST] = first
        last = min(first + state[_WINDOWS], end)
        state[_NEXT] = _end_of_batch(words, first, last, negatives.alike, batch.tally)
        state[_COUNT] = state[_NEXT] - first
    _list_pairs(lanes, windows, law.window, negatives, batch)
    state[_PART] = state[_PART] + 1 if state[_PART] + 1 < negatives.parts else 0
    place = _draw_negatives(lanes, negatives, state[_NOISE_PLACE], batch.negatives)
    _draw_negatives(lanes, negatives, place, batch.soon_outsides)
    state[_NOISE_PLACE] = place
    soon = min(state[_WINDOWS], state[_END] - state[_NEXT])
    copy_words(lanes, words, state[_NEXT], soon, batch.soon_centers, 0)
    # Of the outside words, those that come into reach are new.
    reach = state[_NEXT] + law.window
    new = min(soon, max(0, state[_END] - reach))
    copy_words(lanes, words, reach, new, batch.soon_outsides, negatives.pool)
    state[_OUTSIDES], state[_CENTERS] = negatives.pool + new, soon
    state[_OUTSIDES_DONE] = state[_CENTERS_DONE] = 0


@kernel
def _is_left(batch):  # type: ignore[no-untyped-def]
    """Tell whether there are steps that have not been computed."""
    return batch.state[_NEXT] < batch.state[_END] or batch.state[_PART] > 0


@kernel
def _ask_ahead(lanes, centers, outsides, batch, rows):  # type: ignore[no-untyped-def]
    """Ask the memory for some of the rows that the next step needs: those of U first.

    A few at a time: asked for many, the CPU waits for the places that such requests take. In all, a
    step with a full batch and pool asks for what another such step needs; a short batch, and one of
    a crew, asks for less.
    """
    state = batch.state
    for _ in range(rows):
        row = state[_OUTSIDES_DONE]
        if row < state[_OUTSIDES]:
            prefetch_rows(lanes, outsides, batch.soon_outsides, row, row + 1)
            state[_OUTSIDES_DONE] = row + 1
            continue
        row = state[_CENTERS_DONE]
        if row < state[_CENTERS]:
            prefetch_rows(lanes, centers, batch.soon_centers, row, row + 1)
            state[_CENTERS_DONE] = row + 1


@kernel
def _remember(lanes, means, row, matrix, rows, factors, count, most, known):  # type: ignore[no-untyped-def]
    """Add some rows of a matrix, times factors, to a decaying sum of about so many at the most.

    Returns how many it is of then, given how many it was of.
    """
    kept = 1 - count / most
    scale_row(lanes, means[row], kept, means[row])
    add_pair_rows(lanes, means, row, matrix, rows, factors, 0, count)
    return kept * known + count


@kernel
def _expect(lanes, outsides, panel, negatives, rate, batch):  # type: ignore[no-untyped-def]
    """Tell what is expected of a step: sigma of each negative, and the shifts that make up for it.

    That comes from the steps before; then this one's negatives and centers are remembered, too.
    """
    means, known, pool, count = batch.means, batch.amounts, len(batch.steps), batch.state[_COUNT]
    if negatives.remembered == 0:
        return  # Both stay zero.
    for k in range(pool):
        batch.expected[k] = negatives.sigmas[batch.negatives[k]]

    # The sum is the mean as far as it is known: means of few say little, and less is expected then.
    trust = np.float32(known[_NEGATIVES_KNOWN] / MOST_REMEMBERED)
    scale_row(lanes, means[_OUTSIDE_SUM], -rate * pool / MOST_REMEMBERED, means[_CENTER_SHIFT])
    of_one = 1 / max(known[_CENTERS_KNOWN], 1.0)
    scale_row(lanes, means[_CENTER_SUM], -rate * count * of_one, means[_OUTSIDE_SHIFT])

    known[_NEGATIVES_KNOWN] = _remember(
        lanes, means, _OUTSIDE_SUM, outsides, batch.negatives, batch.expected, pool,
        negatives.remembered, known[_NEGATIVES_KNOWN],
    )  # fmt: skip
    known[_CENTERS_KNOWN] = _remember(
        lanes, means, _CENTER_SUM, panel, batch.panel_rows, batch.weights, count,
        2 * negatives.remembered, known[_CENTERS_KNOWN],
    )  # fmt: skip
    for k in range(pool):
        batch.expected[k] *= trust


@kernel
def _learn_sigma(negatives, batch, k):  # type: ignore[no-untyped-def]
    """Let what a step observed of a negative change what is expected of its word."""
    weight, sigmas = batch.amounts[_WEIGHT], negatives.sigmas
    if weight > 0 and negatives.remembered > 0:
        word = batch.negatives[k]
        sigmas[word] += np.float32(SIGMA_RATE * (batch.observed[k] / weight - sigmas[word]))


@kernel
def _forget(batch):  # type: ignore[no-untyped-def]
    """Let a batch that has nothing to do for a while expect nothing afterwards."""
    batch.amounts[_NEGATIVES_KNOWN] = batch.amounts[_CENTERS_KNOWN] = 0.0
    for row in (_OUTSIDE_SUM, _CENTER_SUM):
        for i in range(batch.means.shape[1]):
            batch.means[row, i] = np.float32(0)


@kernel_in_callers
def _compute_step(lanes, centers, outsides, panel, negatives, batch):  # type: ignore[no-untyped-def]
    """Compute the step that was listed, without making it; add its loss to the sum.

    The vectors of the batch's centers are read from `panel`: V itself, or copies.
    """
    state, pool = batch.state, len(batch.steps)
    count, pairs, one = state[_COUNT], state[_PAIRS], np.float32(1)
    rate = np.float32(batch.amounts[_FIRST_RATE] + batch.amounts[_SLOPE] * state[_FIRST])
    noise, rows, steps = batch.negatives, batch.panel_rows, batch.steps
    words, pair_steps, gradients = batch.outside_words, batch.pair_steps, batch.gradients
    weights, expected, shift = batch.weights, batch.expected, batch.means[_CENTER_SHIFT]

    _expect(lanes, outsides, panel, negatives, rate, batch)
    for k in range(0, pool, ROWS_AT_ONCE):
        batch_scores(lanes, outsides, noise, k, k + ROWS_AT_ONCE, panel, rows, count, steps)
        _ask_ahead(lanes, centers, outsides, batch, 4)
    loss = np.float64(noise_terms(lanes, steps, pool, weights, rate, expected, batch.observed))
    for b in range(0, count, CENTERS_AT_ONCE):
        sum_for_centers(lanes, outsides, noise, pool, steps, b, weights, shift, gradients)
        _ask_ahead(lanes, centers, outsides, batch, 3)

    pair_scores(lanes, outsides, words, panel, batch.members, pairs, pair_steps)
    loss += np.float64(logistic_terms(lanes, pair_steps, pairs, one, one, rate, pair_steps))
    for b in range(count):
        first_pair, last_pair = batch.first_pair[b], batch.first_pair[b + 1]
        add_pair_rows(lanes, gradients, b, outsides, words, pair_steps, first_pair, last_pair)
        _ask_ahead(lanes, centers, outsides, batch, 1)
    batch.amounts[_LOSS] += loss


@kernel_in_callers
def _make_step(lanes, centers, outsides, negatives, batch):  # type: ignore[no-untyped-def]
    """Add what was computed to the vectors: to those of the centers last, which the others read."""
    words, members = batch.outside_words, batch.members
    count, pairs = batch.state[_COUNT], batch.state[_PAIRS]
    add_to_rows(lanes, outsides, words, batch.pair_steps, pairs, centers, members)
    noise, rows, steps = batch.negatives, batch.panel_rows, batch.steps
    expected, shift = batch.expected, batch.means[_OUTSIDE_SHIFT]
    for k in range(0, len(steps), ROWS_AT_ONCE):
        last = k + ROWS_AT_ONCE
        add_from_batch(
            lanes, outsides, noise, k, last, steps, centers, rows, count, expected, shift
        )
        _ask_ahead(lanes, centers, outsides, batch, 8)
    for k in range(len(steps)):
        _learn_sigma(negatives, batch, k)
    scatter_rows(lanes, centers, batch.centers, 0, count, batch.gradients)


# --- each thread for itself -----------------------------------------------------------------------


@kernel
def negative_sampling_pass(  # type: ignore[no-untyped-def]
    lanes, centers, outsides, text, law, negatives, pieces, ledger, workspace
):
    """Take pieces of a text and train on them, until none is left.

    Parameters
    ----------
    lanes : tuple
        From `nw2v.jit.registers.row_layout`.
    centers, outsides : (V, length) float32 arrays
        Center and outside vectors; changed in place, without locks.
    text : Text
    law : WindowLaw
    negatives : Negatives
    pieces : Pieces
    ledger : Ledger
        Of these pieces; the loss of a pair is the one before its step.
    workspace : Workspace
        Of this thread alone.
    """
    windows, tally, batch = workspace
    place = take_piece(ledger)
    while place != NO_PIECE:
        piece = piece_at(pieces, place)
        first, last = piece.first_sentence, piece.last_sentence
        kept = draw_windows(text, law, piece.key, first, last, windows)
        at_once = _windows_at_once(windows, kept, negatives, tally, negatives.windows)
        _begin_part(text, negatives, piece, kept, 0, kept, at_once, batch)
        while _is_left(batch):
            _next_step(lanes, windows, law, negatives, batch)
            _compute_step(lanes, centers, outsides, centers, negatives, batch)
            _make_step(lanes, centers, outsides, negatives, batch)
        complete_piece(ledger, place, batch.amounts[_LOSS], batch.state[_ALL_PAIRS], kept)
        place = take_piece(ledger)


# --- all threads together -------------------------------------------------------------------------


@kernel
def _one_of(batches, number):  # type: ignore[no-untyped-def]
    """Give one of several batches."""
    return Batch(
        batches.state[number],
        batches.amounts[number],
        batches.tally[number],
        batches.centers[number],
        batches.panel[number],
        batches.panel_rows[number],
        batches.gradients[number],
        batches.weights[number],
        batches.negatives[number],
        batches.expected[number],
        batches.observed[number],
        batches.steps[number],
        batches.means[number],
        batches.first_pair[number],
        batches.outside_words[number],
        batches.members[number],
        batches.pair_steps[number],
        batches.soon_outsides[number],
        batches.soon_centers[number],
    )


@kernel
def _share_out(text, law, negatives, piece, team):  # type: ignore[no-untyped-def]
    """Draw the windows of a piece and share them out among the batches; count them."""
    first, last = piece.first_sentence, piece.last_sentence
    kept = draw_windows(text, law, piece.key, first, last, team.windows)
    batches = team.crew.items[COMPUTE]
    enough = negatives.windows * batches
    at_once = _windows_at_once(team.windows, kept, negatives, team.tally, enough)
    # If they may not be so many, some batches have nothing to do: small ones cost more time. Those
    # that have are a power of two, which is easily shared out.
    most = min(batches, at_once, max(2, at_once // negatives.windows))
    used = 1
    while 2 * used <= most:
        used *= 2
    for g in range(batches):
        first, last = kept * min(g, used) // used, kept * min(g + 1, used) // used
        batch = _one_of(team.batches, g)
        _begin_part(text, negatives, piece, kept, first, last, at_once // used, batch)
        if g >= used:
            _forget(batch)
    return kept


@kernel
def _next_piece(text, law, negatives, pieces, ledger, team):  # type: ignore[no-untyped-def]
    """Take pieces until one has windows; whether there was such a one."""
    place = take_piece(ledger)
    while place != NO_PIECE:
        kept = _share_out(text, law, negatives, piece_at(pieces, place), team)
        if kept:
            team.current[_PLACE], team.current[_KEPT] = place, kept
            return True
        complete_piece(ledger, place, 0.0, 0, 0)
        place = take_piece(ledger)
    return False


@kernel
def begin_together(text, law, negatives, pieces, ledger, team):  # type: ignore[no-untyped-def]
    """Take the first of some pieces and let work on it begin."""
    if _next_piece(text, law, negatives, pieces, ledger, team):
        begin(team.crew)
    else:
        finish(team.crew)


@kernel
def _share_of(word, shares):  # type: ignore[no-untyped-def]
    """Which of the shares of all rows a word's belongs to."""
    spread = (np.int64(word) * 0x9E3779B1) & 0xFFFFFFFF
    return (spread * shares) >> 32


@kernel_in_callers
def _make_share(lanes, centers, outsides, negatives, batch, share, shares, mine):  # type: ignore[no-untyped-def]
    """Add what was computed to those vectors that belong to a share, in the same order always."""
    pairs = 0
    for p in range(batch.state[_PAIRS]):
        word = batch.outside_words[p]
        mine.outside_words[pairs] = word
        mine.members[pairs] = batch.members[p]
        mine.pair_steps[pairs] = batch.pair_steps[p]
        pairs += _share_of(word, shares) == share
    panel = batch.panel
    add_to_rows(lanes, outsides, mine.outside_words, mine.pair_steps, pairs, panel, mine.members)
    rows = 0
    for k in range(len(batch.steps)):
        word = batch.negatives[k]
        if _share_of(word, shares) == share:
            mine.negatives[rows] = word
            mine.expected[rows] = batch.expected[k]
            for b in range(BATCH):
                mine.steps[rows, b] = batch.steps[k, b]
            rows += 1
            _learn_sigma(negatives, batch, k)
    # Filled up with steps of nothing, on a row that belongs to the share.
    while rows % ROWS_AT_ONCE:
        mine.negatives[rows] = mine.negatives[rows - 1]
        mine.expected[rows] = np.float32(0)
        for b in range(BATCH):
            mine.steps[rows, b] = np.float32(0)
        rows += 1
    noise, panel_rows, count = mine.negatives, batch.panel_rows, batch.state[_COUNT]
    expected, shift = mine.expected, batch.means[_OUTSIDE_SHIFT]
    add_from_batch(
        lanes, outsides, noise, 0, rows, mine.steps, panel, panel_rows, count, expected, shift
    )
    for b in range(count):
        if _share_of(batch.centers[b], shares) == share:
            scatter_rows(lanes, centers, batch.centers, b, b + 1, batch.gradients)


@kernel
def _close_phase(text, law, negatives, pieces, ledger, team, phase):  # type: ignore[no-untyped-def]
    """Open the phase after one that is complete, if need be of the next piece."""
    if phase % 2 == MAKE:
        is_left = False
        for g in range(team.crew.items[COMPUTE]):
            is_left |= _is_left(_one_of(team.batches, g))
        if not is_left:
            loss, pairs = 0.0, 0
            for g in range(team.crew.items[COMPUTE]):
                loss += team.batches.amounts[g, _LOSS]
                pairs += team.batches.state[g, _ALL_PAIRS]
            complete_piece(ledger, team.current[_PLACE], loss, pairs, team.current[_KEPT])
            if not _next_piece(text, law, negatives, pieces, ledger, team):
                finish(team.crew)
                return
    open_phase(team.crew, phase + 1)


@kernel
def work_together(  # type: ignore[no-untyped-def]
    lanes, centers, outsides, text, law, negatives, pieces, ledger, team, member
):
    """Train on all pieces together with other threads, until they are done or nothing can be taken.

    Parameters
    ----------
    lanes, centers, outsides, text, law, negatives, pieces, ledger
        As for `negative_sampling_pass`.
    team : Team
        Has begun with these pieces (`begin_together`).
    member : int
        Which of the team's threads this is. Others may be at work or not: any one of them can do
        everything alone.

    Returns
    -------
    done : bool
        Whether all pieces are done. If not, other threads are at the last items of a phase: call
        again soon.
    """
    shares = team.crew.items[MAKE]
    while True:
        phase, item = wait_for_item(team.crew, member)
        if phase < 0:
            return phase == DONE
        if phase % 2 == COMPUTE:
            batch = _one_of(team.batches, item)
            if _is_left(batch):
                _next_step(lanes, team.windows, law, negatives, batch)
                gather_rows(lanes, centers, batch.centers, batch.state[_COUNT], batch.panel)
                _compute_step(lanes, centers, outsides, batch.panel, negatives, batch)
            else:
                batch.state[_COUNT] = batch.state[_PAIRS] = 0
        else:
            mine = _one_of(team.mine, item)
            for g in range(team.crew.items[COMPUTE]):
                batch = _one_of(team.batches, g)
                if batch.state[_COUNT]:
                    _make_share(lanes, centers, outsides, negatives, batch, item, shares, mine)
        if complete(team.crew, phase):
            _close_phase(text, law, negatives, pieces, ledger, team, phase)
