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

Threads take pieces of their own and change the vectors without locks; in long texts every second
one works on copies of the rows of frequent words (`nw2v.kernels.hot_rows`). From the listing of a
step on, words are numbers of rows.

What changes while a kernel runs stands in arrays, since tuples cannot change, and all of it is
allocated before, since kernels cannot allocate. The type of `lanes` tells whether primitives run as
LLVM code or as plain functions (`nw2v.jit.registers`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nw2v.jit.atomics import zeros_in_whole_lines, zeros_on_own_lines
from nw2v.jit.batches import (
    BATCH,
    CENTERS_AT_ONCE,
    ROWS_AT_ONCE,
    add_from_batch,
    add_pair_rows,
    add_to_rows,
    batch_scores,
    logistic_terms,
    noise_terms,
    pair_scores,
    prefetch_rows,
    scale_row,
    scatter_rows,
    sum_for_centers,
)
from nw2v.jit.compile import kernel, kernel_in_callers
from nw2v.jit.registers import aligned_zeros
from nw2v.kernels.batch_sizes import MOST_REMEMBERED
from nw2v.kernels.hot_rows import Copies, merge_copies, no_copies
from nw2v.kernels.pieces import NO_PIECE, complete_piece, piece_at, take_piece
from nw2v.kernels.stream import Windows, windows_for
from nw2v.kernels.window_batches import (
    ALL_CENTERS,
    ALL_PAIRS,
    COUNT,
    COUNTERS,
    PAIRS,
    RATE,
    SOON_CENTERS,
    SOON_OUTSIDES,
    WEIGHT,
    Course,
    Step,
    begin_piece,
    course_for,
    is_left,
    list_step,
    room_for_pairs,
    step_for,
)

SIGMA_RATE = 0.25
"""How far the expected sigma of a word goes towards what a step observed."""

# Places in `Scratch.amounts`: the loss so far, and how many negatives and centers are remembered.
_LOSS, NEGATIVES_KNOWN, CENTERS_KNOWN = range(3)

# Rows of `Scratch.means`: decaying sums over the negatives and the centers of the steps before, and
# what they make of this step: of a center's update for each unit of weight, and of a negative's row
# for each unit of expected sigma.
OUTSIDE_SUM, CENTER_SUM, _CENTER_SHIFT, _OUTSIDE_SHIFT = range(4)

# Places in `Scratch.asked`: how many of the rows that the next step needs have been asked for.
_OUTSIDES_ASKED, _CENTERS_ASKED = range(2)


class Scratch(NamedTuple):
    """What steps are computed with, and what is remembered of those before."""

    amounts: np.ndarray  # float64: see the places above
    scores: np.ndarray  # (K', BATCH) float32: scores, then steps, of negatives and centers
    pair_scores: np.ndarray  # float32: scores, then steps, of the pairs
    gradients: np.ndarray  # (BATCH, length) float32: the centers' updates
    expected: np.ndarray  # (K' and more,) float32: what was expected of sigma for each negative
    observed: np.ndarray  # (K' and more,) float32: its sum over the centers, times their weights
    means: np.ndarray  # (4, length) float32: see the rows above
    sigmas: np.ndarray  # float32, one a row: what is expected of sigma where it is a negative
    asked: np.ndarray  # int64: see the places above


class Workspace(NamedTuple):
    """Scratch memory of one thread."""

    windows: Windows
    tally: np.ndarray  # int32: zero, one for each row, at least `COUNTERS`
    course: Course
    step: Step
    scratch: Scratch
    copies: Copies


def scratch_for(rows: int, window: int, pool: int, length: int) -> Scratch:
    """Allocate what steps are computed with."""
    return Scratch(
        amounts=zeros_in_whole_lines(3, np.float64),
        scores=aligned_zeros(pool, BATCH),
        pair_scores=zeros_in_whole_lines(room_for_pairs(window), np.float32),
        gradients=aligned_zeros(BATCH, length),
        expected=zeros_in_whole_lines(pool, np.float32),
        observed=zeros_in_whole_lines(pool, np.float32),
        means=aligned_zeros(4, length),
        sigmas=zeros_on_own_lines(rows, np.float32),
        asked=zeros_in_whole_lines(2, np.int64),
    )


def workspace_for(
    tokens: int, rows: int, window: int, pool: int, length: int, copies: Copies | None = None
) -> Workspace:
    """Allocate scratch memory for pieces of at most `tokens` tokens.

    For matrices of `rows` rows of `length` floats; `pool` is the largest K'. Without `copies`, the
    thread works on the words' own rows.
    """
    return Workspace(
        windows=windows_for(tokens + window + BATCH),
        tally=zeros_on_own_lines(max(rows, COUNTERS), np.int32),
        course=course_for(),
        step=step_for(window, pool),
        scratch=scratch_for(rows, window, pool, length),
        copies=no_copies(length) if copies is None else copies,
    )


# --- one step -------------------------------------------------------------------------------------


@kernel
def _ask_ahead(lanes, centers, outsides, step, asked, rows):  # type: ignore[no-untyped-def]
    """Ask the memory for some of the rows that the next step needs: those of U first.

    A few at a time: asked for many, the CPU waits for the places that such requests take. In all, a
    step with a full batch and pool asks for what another such step needs; a short batch asks for
    less.
    """
    for _ in range(rows):
        row = asked[_OUTSIDES_ASKED]
        if row < step.state[SOON_OUTSIDES]:
            prefetch_rows(lanes, outsides, step.soon_outsides, row, row + 1)
            asked[_OUTSIDES_ASKED] = row + 1
            continue
        row = asked[_CENTERS_ASKED]
        if row < step.state[SOON_CENTERS]:
            prefetch_rows(lanes, centers, step.soon_centers, row, row + 1)
            asked[_CENTERS_ASKED] = row + 1


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
def _forget(scratch):  # type: ignore[no-untyped-def]
    """Expect nothing."""
    if scratch.amounts[NEGATIVES_KNOWN] > 0:
        scratch.amounts[NEGATIVES_KNOWN] = scratch.amounts[CENTERS_KNOWN] = 0.0
        scratch.expected[:] = np.float32(0)
        scratch.means[:] = np.float32(0)


@kernel
def _expect(lanes, centers, outsides, plan, step, scratch):  # type: ignore[no-untyped-def]
    """Tell what is expected of a step: sigma of each negative, and the shifts that make up for it.

    That comes from the steps before; then this one's negatives and centers are remembered, too.
    """
    means, known, pool, remembered = scratch.means, scratch.amounts, plan.pool, plan.remembered
    count, rate = step.state[COUNT], np.float32(step.amounts[RATE])
    for k in range(pool):
        scratch.expected[k] = scratch.sigmas[step.negatives[k]]

    # The sum is the mean as far as it is known: means of few say little, and less is expected then.
    trust = np.float32(known[NEGATIVES_KNOWN] / MOST_REMEMBERED)
    scale_row(lanes, means[OUTSIDE_SUM], -rate * pool / MOST_REMEMBERED, means[_CENTER_SHIFT])
    of_one = 1 / max(known[CENTERS_KNOWN], 1.0)
    scale_row(lanes, means[CENTER_SUM], -rate * count * of_one, means[_OUTSIDE_SHIFT])

    known[NEGATIVES_KNOWN] = _remember(
        lanes, means, OUTSIDE_SUM, outsides, step.negatives, scratch.expected, pool,
        remembered, known[NEGATIVES_KNOWN],
    )  # fmt: skip
    known[CENTERS_KNOWN] = _remember(
        lanes, means, CENTER_SUM, centers, step.centers, step.weights, count,
        2 * remembered, known[CENTERS_KNOWN],
    )  # fmt: skip
    for k in range(pool):
        scratch.expected[k] *= trust


@kernel
def _learn_sigmas(pool, step, scratch):  # type: ignore[no-untyped-def]
    """Let what a step observed of its negatives change what is expected of their words."""
    weight, sigmas = step.amounts[WEIGHT], scratch.sigmas
    if weight > 0:
        for k in range(pool):
            word = step.negatives[k]
            sigmas[word] += np.float32(SIGMA_RATE * (scratch.observed[k] / weight - sigmas[word]))


@kernel_in_callers
def _score_step(lanes, centers, outsides, pool, step, scratch):  # type: ignore[no-untyped-def]
    """Compute the scores of a step's negatives, with each of its centers, and of its pairs."""
    count, pairs = step.state[COUNT], step.state[PAIRS]
    noise, words, members = step.negatives, step.outside_words, step.members
    batch_scores(lanes, outsides, noise, pool, centers, step.centers, count, scratch.scores)
    pair_scores(lanes, outsides, words, centers, members, pairs, scratch.pair_scores)


@kernel_in_callers
def _make_step(lanes, centers, outsides, negatives, plan, step, scratch):  # type: ignore[no-untyped-def]
    """Make of the scores what each vector is to change by, and change it; add to the loss.

    Vectors of the centers come last: the others' changes are computed from them.
    """
    count, pairs, pool = step.state[COUNT], step.state[PAIRS], plan.pool
    one, rate = np.float32(1), np.float32(step.amounts[RATE])
    noise, rows, words, members = step.negatives, step.centers, step.outside_words, step.members
    steps, pair_steps, gradients = scratch.scores, scratch.pair_scores, scratch.gradients
    weights, expected, means, asked = step.weights, scratch.expected, scratch.means, scratch.asked
    asked[_OUTSIDES_ASKED] = asked[_CENTERS_ASKED] = 0

    if plan.remembered > 0:
        _expect(lanes, centers, outsides, plan, step, scratch)
    else:
        _forget(scratch)
    loss = np.float64(noise_terms(lanes, steps, pool, weights, rate, expected, scratch.observed))
    loss += np.float64(logistic_terms(lanes, pair_steps, pairs, one, one, rate, pair_steps))
    scratch.amounts[_LOSS] += loss

    shift = means[_CENTER_SHIFT]
    for b in range(0, count, CENTERS_AT_ONCE):
        sum_for_centers(lanes, outsides, noise, pool, steps, b, weights, shift, gradients)
        _ask_ahead(lanes, centers, outsides, step, asked, 3)
    for b in range(count):
        first_pair, last_pair = step.first_pair[b], step.first_pair[b + 1]
        add_pair_rows(lanes, gradients, b, outsides, words, pair_steps, first_pair, last_pair)
        _ask_ahead(lanes, centers, outsides, step, asked, 1)

    add_to_rows(lanes, outsides, words, pair_steps, pairs, centers, members)
    shift = means[_OUTSIDE_SHIFT]
    for k in range(0, pool, ROWS_AT_ONCE):
        last = k + ROWS_AT_ONCE
        add_from_batch(
            lanes, outsides, noise, k, last, steps, centers, rows, count, expected, shift
        )
        _ask_ahead(lanes, centers, outsides, step, asked, 8)
    # Learnt in every piece, also in those that expect nothing: the next one may.
    if negatives.remembered > 0:
        _learn_sigmas(pool, step, scratch)
    scatter_rows(lanes, centers, rows, count, gradients)


# --- all steps of a pass --------------------------------------------------------------------------


@kernel
def negative_sampling_pass(  # type: ignore[no-untyped-def]
    lanes, centers, outsides, text, law, negatives, pieces, ledger, workspace
):
    """Take pieces of a text and train on them, until none is left.

    Parameters
    ----------
    lanes : tuple
        From `nw2v.jit.registers.row_layout`.
    centers, outsides : float32 arrays, rows of `length`
        Center and outside vectors, and behind them any copies; changed in place, without locks.
    text : Text
    law : WindowLaw
    negatives : Negatives
    pieces : Pieces
    ledger : Ledger
        Of these pieces; the loss of a pair is the one before its step.
    workspace : Workspace
        Of this thread alone.
    """
    windows, tally, course, step, scratch, copies = workspace
    place, turn = take_piece(ledger), copies.first_slice
    while place != NO_PIECE:
        piece = piece_at(pieces, place)
        plan = begin_piece(text, law, negatives, copies, piece, windows, tally, course)
        scratch.amounts[_LOSS] = 0.0
        while is_left(course):
            list_step(lanes, windows, law, negatives, copies, plan, course, step)
            _score_step(lanes, centers, outsides, plan.pool, step, scratch)
            _make_step(lanes, centers, outsides, negatives, plan, step, scratch)
        pairs, all_centers = course.state[ALL_PAIRS], course.state[ALL_CENTERS]
        complete_piece(ledger, place, scratch.amounts[_LOSS], pairs, all_centers)
        turn = merge_copies(centers, outsides, copies, turn)
        place = take_piece(ledger)
