"""One pass of skip-gram with negative sampling over pieces of a text.

For a center word c with outside words o_1 ... o_m, and K' negatives w_1 ... w_K', each with weight
a = m K / K':

    J      = sum_j -log sigma(u_oj . v_c) + a sum_k -log sigma(-u_wk . v_c)
    dJ/dv_c = sum_j (sigma(u_oj . v_c) - 1) u_oj + a sum_k sigma(u_wk . v_c) u_wk
    dJ/du_w = the same factors times v_c, added up over all places where w stands

so that at fixed parameters the expected gradient is that of K negatives of its own for each pair
(docs/derivations.md, section 10). `BATCH` windows that follow each other make one step together, at
the parameters from before it, and share one set of negatives, which is drawn anew for every step.
That turns the work on negatives, most of all there is, into small matrix products
(`nw2v.jit.batches`).

Where windows are wide or negatives many, a batch makes several steps, each for a part of the pairs
of every window and as large a part of a: one step for all of them would overshoot. For the same
reason batches are smaller where the text repeats a word (`nw2v.kernels.batch_sizes` and
`nw2v.kernels.piece_plans`). What negatives are expected to say is taken out of the sample and added
as a mean over the steps before, which halves its variance (`nw2v.kernels.control_variate`).

Threads take pieces of their own and change the vectors without locks; in long texts every second
one works on copies of the rows of frequent words (`nw2v.kernels.hot_rows`). Before windows are put
together in steps, words become numbers of rows: of its copy, if a word has one that the thread
works on.

Kernels cannot allocate: all arrays that they write are made before. The type of `lanes` tells
whether primitives run as LLVM code or as plain functions (`nw2v.jit.registers`). Floats that are
multiplied with vectors are made `np.float32`, since Python's are computed with in float64.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nw2v.jit.atomics import zeros_on_own_lines
from nw2v.jit.batches import (
    BATCH,
    CENTERS_AT_ONCE,
    ROWS_AT_ONCE,
    add_from_batch,
    add_pairs,
    batch_scores,
    negative_terms,
    pair_scores,
    pair_terms,
    prefetch_row,
    sum_for_centers,
)
from nw2v.jit.compile import kernel, kernel_in_callers
from nw2v.jit.registers import aligned_zeros
from nw2v.kernels.control_variate import (
    FOR_CENTERS,
    FOR_NEGATIVES,
    Expectation,
    Memory,
    expect,
    learn_sigmas,
    new_expectation,
    new_memory,
    suit_memory,
)
from nw2v.kernels.hot_rows import Copies, merge_copies, no_copies, replace_by_copies
from nw2v.kernels.piece_plans import COUNTERS, plan_piece
from nw2v.kernels.pieces import NO_PIECE, complete_piece, piece_at, take_piece
from nw2v.kernels.stream import Windows, draw_windows, new_windows
from nw2v.kernels.window_batches import (
    StepLists,
    begin_course,
    has_steps_left,
    list_step,
    new_lists,
    room_for_pairs,
)

# Rows of the next step that are fetched after each tile of centers, each center, and each tile of
# negatives: in a full batch that is all of them, from K' = 8 on (by trial).
FETCHED_A_TILE, FETCHED_A_CENTER, FETCHED_A_ROW_TILE = 3, 1, 8


class Vectors(NamedTuple):
    """The matrices that are trained."""

    lanes: tuple[int, ...]  # from `nw2v.jit.registers.row_layout`
    V: np.ndarray  # (rows, length) float32: center vectors, and behind them any copies
    U: np.ndarray  # (rows, length) float32: outside vectors


class Scratch(NamedTuple):
    """What a step is computed with."""

    scores: np.ndarray  # (K', BATCH) float32: of negatives and centers; then their coefficients
    scores_of_pairs: np.ndarray  # float32: one a pair; then their coefficients
    updates: np.ndarray  # (BATCH, length) float32: what the centers' vectors will change by
    observed: np.ndarray  # (K',) float32: sigma of each negative, over all centers by weight
    expectation: Expectation


class Workspace(NamedTuple):
    """Memory of one thread alone."""

    windows: Windows
    tally: np.ndarray  # int64: counters, all zero between uses
    lists: StepLists
    scratch: Scratch
    memory: Memory
    copies: Copies


def new_workspace(
    tokens: int, rows: int, window: int, pool: int, length: int, copies: Copies | None = None
) -> Workspace:
    """Allocate memory for pieces of at most `tokens` tokens.

    For matrices of `rows` rows of `length` floats; `pool` is the largest K'. Without `copies`, the
    thread works on the words' own rows.
    """
    scratch = Scratch(
        scores=aligned_zeros(pool, BATCH),
        scores_of_pairs=zeros_on_own_lines(room_for_pairs(window), np.float32),
        updates=aligned_zeros(BATCH, length),
        observed=zeros_on_own_lines(pool, np.float32),
        expectation=new_expectation(pool, length),
    )
    return Workspace(
        # Words of the next batch are listed by copies of whole batches and windows.
        windows=new_windows(tokens + window + BATCH),
        tally=zeros_on_own_lines(max(rows, COUNTERS), np.int64),
        lists=new_lists(window, pool),
        scratch=scratch,
        memory=new_memory(rows, length),
        copies=no_copies(length) if copies is None else copies,
    )


@kernel
def negative_sampling_pass(vectors, text, window_law, batch_law, pieces, ledger, workspace):
    """Take pieces of a text and train on them, until none is left.

    Parameters
    ----------
    vectors : Vectors
        Changed in place, without locks.
    text : Text
    window_law : WindowLaw
    batch_law : BatchLaw
    pieces : Pieces
    ledger : Ledger
        Of these pieces; the loss of a pair is the one before its step.
    workspace : Workspace
        Of this thread alone.
    """
    windows, tally, lists, scratch, memory, copies = workspace
    number, slice_number = take_piece(ledger), copies.first_slice
    while number != NO_PIECE:
        piece = piece_at(pieces, number)
        sentences = piece.first_sentence, piece.last_sentence
        centers = draw_windows(text, window_law, piece.key, *sentences, windows)
        replace_by_copies(copies, windows.words, centers)
        plan = plan_piece(windows, centers, batch_law, piece, tally)
        suit_memory(vectors.lanes, memory, plan, scratch.expectation)
        course = begin_course(batch_law, piece, text.offsets[piece.first_sentence])
        loss, pairs = 0.0, 0
        while has_steps_left(course, plan):
            size, course = list_step(
                vectors.lanes, windows, window_law.window, batch_law, plan, copies, course, tally,
                lists,
            )  # fmt: skip
            _score(vectors, plan.pool, lists, size, scratch)
            loss += _make_step(vectors, plan, lists, size, scratch, memory)
            # Also in pieces that have no memory: the next one may.
            if batch_law.memory > 0:
                learn_sigmas(memory, lists.negatives, plan.pool, scratch.observed, size.weight)
            pairs += size.pairs
        complete_piece(ledger, number, loss, pairs, plan.centers)
        slice_number = merge_copies(vectors.V, vectors.U, copies, slice_number)
        number = take_piece(ledger)


@kernel_in_callers
def _score(vectors, pool, lists, size, scratch):
    """Compute the scores of a step's negatives, with each of its centers, and of its pairs."""
    lanes, V, U = vectors
    batch_scores(lanes, U, lists.negatives, pool, V, lists.centers, size.centers, scratch.scores)
    for b in range(size.centers):
        first, last = lists.first_pair[b], lists.first_pair[b + 1]
        pair_scores(
            lanes, U, lists.outsides, first, last, V, lists.centers[b], scratch.scores_of_pairs
        )


@kernel_in_callers
def _make_step(vectors, plan, lists, size, scratch, memory):
    """Turn the scores into coefficients, and change each vector by multiples of the others.

    Coefficients are those of the parameters before the step, and so is what negatives and centers
    give each other. Pairs come after that, center by center: each takes what it multiplies as it
    is by then. In between, the CPU fetches what the next step needs: a few rows at a time, since it
    waits when it is asked for more than it can have under way.

    Returns
    -------
    float
        The step's loss.
    """
    lanes, V, U = vectors
    pool, rate, count = plan.pool, size.rate, size.centers
    updates, expectation = scratch.updates, scratch.expectation
    expected, shifts = expectation
    if plan.memory > 0:
        expect(lanes, V, U, memory, plan, lists, size, expectation)
    coefficients, of_pairs = scratch.scores, scratch.scores_of_pairs
    loss = np.float64(
        negative_terms(lanes, coefficients, pool, lists.weights, rate, expected, scratch.observed)
    )
    loss += np.float64(pair_terms(lanes, of_pairs, size.pairs, rate))

    fetched = 0
    for b in range(0, count, CENTERS_AT_ONCE):
        sum_for_centers(
            lanes, U, lists.negatives, pool, coefficients, b, lists.weights, shifts[FOR_CENTERS],
            updates,
        )  # fmt: skip
        fetched = _prefetch(vectors, lists, size, fetched, FETCHED_A_TILE)
    for k in range(0, pool, ROWS_AT_ONCE):
        add_from_batch(
            lanes, U, lists.negatives, k, k + ROWS_AT_ONCE, coefficients, V, lists.centers, count,
            expected, shifts[FOR_NEGATIVES],
        )  # fmt: skip
        fetched = _prefetch(vectors, lists, size, fetched, FETCHED_A_ROW_TILE)
    for b in range(count):
        first, last = lists.first_pair[b], lists.first_pair[b + 1]
        add_pairs(lanes, U, lists.outsides, of_pairs, first, last, V, lists.centers[b], updates, b)
        fetched = _prefetch(vectors, lists, size, fetched, FETCHED_A_CENTER)
    return loss


@kernel
def _prefetch(vectors, lists, size, fetched, more):
    """Have some more rows fetched that the next step needs, first those of U; count all so far."""
    for row in range(fetched, min(fetched + more, size.next_outsides + size.next_centers)):
        if row < size.next_outsides:
            prefetch_row(vectors.lanes, vectors.U, lists.next_outsides, row)
        else:
            prefetch_row(vectors.lanes, vectors.V, lists.next_centers, row - size.next_outsides)
    return fetched + more
