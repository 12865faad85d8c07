"""One pass of skip-gram with the naive softmax over a piece of text: exact, all threads together.

For a center word c with outside words o_1 ... o_m, y-hat = softmax(U v_c) and y_j the one-hot of
o_j, the window's loss and gradients are

    J      = m logsumexp(U v_c) - sum_j u_oj . v_c
    dJ/dv_c = U^T (m y-hat - sum_j y_j)
    dJ/dU   = (m y-hat - sum_j y_j) v_c^T

A batch of windows shares two sweeps over U, at the parameters from before the batch: the first
computes logits, the second the gradients and the step. A batch of one window is the textbook loop.

Each sweep is cut into blocks of words, as many as the vocabulary asks for, whatever the number of
threads. Whoever is free takes the next block; what the blocks have found out is added up in the
order of the blocks. So the results are the same bit for bit for any number of threads.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nw2v.jit.atomics import zeros_on_own_lines
from nw2v.jit.compile import kernel
from nw2v.jit.registers import aligned_zeros
from nw2v.jit.softmax_rows import (
    PERIOD,
    ROW_MULTIPLE,
    add_gradients,
    largest_scores,
    period_of,
    scale_scores,
    score_columns,
    score_rows,
    step_rows,
    width_for,
    window_exponentials,
)
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
from nw2v.kernels.stream import Windows, draw_centers, new_windows

BLOCK_ROWS = 3 * math.lcm(ROW_MULTIPLE, PERIOD)
"""Words of a block, or a multiple: a few hundred kilobytes for the usual dimensions, at most. Whole
periods: registers of scores are stored as a whole, and none may reach into another thread's block.
"""
MOST_BLOCKS = 256
BLOCKS_A_MEMBER = 4
"""Blocks there must be for each thread; fewer are not worth another one."""
NEAR_FLOATS = 6_000
"""Floats of U that stay in the nearest cache from the gradients to the step."""

# The work on a batch: three phases, each of which must be complete before the next begins.
LOGITS, STEPS, CENTERS = 0, 1, 2
PHASES = 3
# Every other sweep goes backwards: what was read last is read first.
BACKWARDS = [False, True, False]

# Places in `Team.state`.
_NEXT, _END, _FIRST, _COUNT, _PAIRS = range(5)
# Places in `Team.amounts`.
_LOSS, _FIRST_RATE, _SLOPE = range(3)


class Team(NamedTuple):
    """What the threads that work on a piece share; W windows a batch, N blocks."""

    windows: Windows
    crew: Crew
    state: np.ndarray  # int64: see the places above
    amounts: np.ndarray  # float64: loss, and the rate of the first window and its slope
    block_rows: int  # words of a block
    block_count: int  # N
    batch: np.ndarray  # (W,) int32: places of the batch's centers in `windows`
    panel: np.ndarray  # (width, length) float32: their center vectors
    columns: np.ndarray  # (length, width) float32: the same by columns, for wide batches alone
    scores: np.ndarray  # float32: `width` for each word; see nw2v.jit.softmax_rows
    largest: np.ndarray  # (N, period) float32: largest logits, then factors
    totals: np.ndarray  # (N, period) float64: sums of exponentials
    named: np.ndarray  # (N, width) float64: sums of the logits of outside words
    top: np.ndarray  # (W,) float32: largest logit of each window
    rates: np.ndarray  # (W,) float64: learning rate of each window
    share: np.ndarray  # (W,) float64: minus the step of a word by its exponential
    gradients: np.ndarray  # (N width, length) float32: of the center vectors, times minus the rate


def team_for(vocabulary: int, length: int, *, windows: int, threads: int) -> Team:
    """Allocate what a team needs, without room for windows yet (see `with_room`)."""
    rows = BLOCK_ROWS * max(1, -(-vocabulary // (BLOCK_ROWS * MOST_BLOCKS)))
    blocks = -(-vocabulary // rows)
    members = max(1, min(threads, blocks // BLOCKS_A_MEMBER))
    width = width_for(windows)
    period = period_of(width)
    return Team(
        windows=new_windows(0),
        crew=crew_for(members, [blocks, blocks, windows], BACKWARDS),
        state=zeros_on_own_lines(5, np.int64),
        amounts=zeros_on_own_lines(3, np.float64),
        block_rows=rows,
        block_count=blocks,
        batch=zeros_on_own_lines(windows, np.int32),
        panel=aligned_zeros(width, length),
        columns=aligned_zeros(length, width if width >= PERIOD else 0),
        scores=aligned_zeros(vocabulary + max(ROW_MULTIPLE, PERIOD), width).reshape(-1),
        largest=aligned_zeros(blocks, period),
        totals=zeros_on_own_lines((blocks, period), np.float64),
        named=zeros_on_own_lines((blocks, width), np.float64),
        top=zeros_on_own_lines(windows, np.float32),
        rates=zeros_on_own_lines(windows, np.float64),
        share=zeros_on_own_lines(windows, np.float64),
        gradients=aligned_zeros(blocks * width, length),
    )


def with_room(team: Team, tokens: int) -> Team:
    """Give a team room for pieces whose sentences have at most `tokens` tokens."""
    return team._replace(windows=new_windows(tokens))


def result(team: Team) -> tuple[float, int]:
    """Give the sum of losses and the pairs of the piece that is done."""
    return float(team.amounts[_LOSS]), int(team.state[_PAIRS])


# --- what is done between two phases, by one thread -----------------------------------------------


@kernel
def _next_batch(centers, team):
    """Gather the next windows that have outside words; tell whether there are any."""
    words, first, last = team.windows
    count, i = 0, team.state[_NEXT]
    while i < team.state[_END] and count < len(team.batch):
        if last[i] - first[i] > 1:
            team.batch[count] = i
            team.state[_PAIRS] += last[i] - first[i] - 1
            count += 1
        i += 1
    team.state[_NEXT], team.state[_COUNT] = i, count
    width = len(team.panel)
    for b in range(width):
        if b < count:
            center = words[team.batch[b]]
            for k in range(centers.shape[1]):
                team.panel[b, k] = centers[center, k]
        else:
            for k in range(centers.shape[1]):
                team.panel[b, k] = np.float32(0)
    if width >= PERIOD:
        for k in range(centers.shape[1]):
            for b in range(width):
                team.columns[k, b] = team.panel[b, k]
    return count > 0


@kernel
def _normalise(team):
    """Add up what the blocks found: each window's log-sum-exp, its loss, its share of a step."""
    first, last = team.windows.first, team.windows.last
    loss = team.amounts[_LOSS]
    for b in range(team.state[_COUNT]):
        i = team.batch[b]
        m = last[i] - first[i] - 1
        top = team.largest[0, b]
        for block in range(1, team.block_count):
            top = max(top, team.largest[block, b])
        total, named = 0.0, 0.0
        for block in range(team.block_count):
            total += team.totals[block, b] * math.exp(np.float64(team.largest[block, b] - top))
            named += team.named[block, b]
        loss += m * (np.float64(top) + math.log(total)) - named
        rate = team.amounts[_FIRST_RATE] + team.amounts[_SLOPE] * (i - team.state[_FIRST])
        team.top[b], team.rates[b], team.share[b] = top, rate, -rate * m / total
    team.amounts[_LOSS] = loss


@kernel
def begin_piece(centers, text, law, piece, team):
    """Draw the windows of a piece and let its first batch be worked on.

    Parameters
    ----------
    centers : (V, length) float32 array
    text : Text
    law : WindowLaw
    piece : Piece
    team : Team
        Not at work.

    Returns
    -------
    kept : int
        Center words.
    """
    first, last = draw_centers(text, law, piece, team.windows)
    team.amounts[_LOSS] = 0.0
    team.amounts[_FIRST_RATE] = piece.first_rate
    team.amounts[_SLOPE] = (piece.last_rate - piece.first_rate) / max(last - first, 1)
    team.state[_FIRST] = team.state[_NEXT] = first
    team.state[_END] = last
    team.state[_PAIRS] = 0
    if _next_batch(centers, team):
        begin(team.crew)
    else:
        finish(team.crew)
    return last - first


@kernel
def _close_phase(centers, team, phase):
    """Do what follows a phase that is complete, and open the next."""
    kind = phase % PHASES
    if kind == LOGITS:
        _normalise(team)
    if kind < CENTERS or _next_batch(centers, team):
        open_phase(team.crew, phase + 1)
    else:
        finish(team.crew)


# --- the items of the phases, taken by any thread -------------------------------------------------


@kernel
def _logits_of_block(lanes, outsides, team, block):
    """Compute the logits of a block's words, their maxima and exponentials for each window."""
    words, windows_first, windows_last = team.windows
    width, period = len(team.panel), team.largest.shape[1]
    first = block * team.block_rows
    count = min(team.block_rows, len(outsides) - first)
    if width >= PERIOD:
        depth = outsides.shape[1]
        score_columns(lanes, outsides, first, count, team.columns, depth, width, team.scores)
    else:
        score_rows(lanes, outsides, first, count, team.panel, width, team.scores)
    for b in range(team.state[_COUNT]):
        i = team.batch[b]
        named = 0.0
        for j in range(windows_first[i], windows_last[i]):
            word = words[j]
            if j != i and first <= word < first + count:
                named += np.float64(team.scores[word * width + b])
        team.named[block, b] = named
    start, size = first * width, count * width
    largest, totals = team.largest, team.totals
    largest_scores(lanes, team.scores, start, size, period, largest, block)
    for p in range(width, period):
        largest[block, p % width] = max(largest[block, p % width], largest[block, p])
    for p in range(width, period):
        largest[block, p] = largest[block, p % width]
    window_exponentials(lanes, team.scores, start, size, period, largest, totals, block)
    for p in range(width, period):
        totals[block, p % width] += totals[block, p]


@kernel
def _step_block(lanes, outsides, team, block):
    """Update a block's words, and compute its part of the center vectors' gradients."""
    words, windows_first, windows_last = team.windows
    width, period = len(team.panel), team.largest.shape[1]
    batch_count = team.state[_COUNT]
    first = block * team.block_rows
    count = min(team.block_rows, len(outsides) - first)
    factors, steps = team.largest, team.scores
    for b in range(width):
        factor = np.float32(0)
        if b < batch_count:
            lower = math.exp(np.float64(factors[block, b] - team.top[b]))
            factor = np.float32(team.share[b] * lower)
        factors[block, b] = factor
    for p in range(width, period):
        factors[block, p] = factors[block, p % width]
    scale_scores(lanes, steps, first * width, count * width, period, factors, block)
    for b in range(batch_count):
        i = team.batch[b]
        rate = np.float32(team.rates[b])
        for j in range(windows_first[i], windows_last[i]):
            word = words[j]
            if j != i and first <= word < first + count:
                steps[word * width + b] += rate
    gradient = block * width
    for row in range(gradient, gradient + width):
        for k in range(outsides.shape[1]):
            team.gradients[row, k] = np.float32(0)
    near = max(1, NEAR_FLOATS // (ROW_MULTIPLE * outsides.shape[1])) * ROW_MULTIPLE
    for start in range(first, first + count, near):
        rows = min(near, first + count - start)
        add_gradients(lanes, outsides, start, rows, steps, width, team.gradients, gradient)
        step_rows(lanes, outsides, start, rows, steps, width, batch_count, team.panel)


@kernel
def _update_center(centers, team, b):
    """Update the center vector of window b and of all later windows with the same center."""
    words = team.windows.words
    center, width = words[team.batch[b]], len(team.panel)
    for other in range(b):
        if words[team.batch[other]] == center:
            return
    for other in range(b, team.state[_COUNT]):
        if words[team.batch[other]] == center:
            for block in range(team.block_count):
                row = block * width + other
                for k in range(centers.shape[1]):
                    centers[center, k] += team.gradients[row, k]


@kernel
def work(lanes, centers, outsides, team, member):
    """Work on the piece that a team has begun, until it is done or nothing is left to take.

    Parameters
    ----------
    lanes : tuple
        From `nw2v.jit.registers.row_layout`.
    centers, outsides : (V, length) float32 arrays
        Center and outside vectors; changed in place.
    team : Team
    member : int
        Which of the team's threads this is. Others may be at work or not: any one of them can do
        everything alone.

    Returns
    -------
    done : bool
        Whether the piece is done. If not, other threads are at the last items of a phase (or, for a
        thread that has not begun the piece, there may be none): call again soon.
    """
    while True:
        phase, item = wait_for_item(team.crew, member)
        if phase < 0:
            return phase == DONE
        kind = phase % PHASES
        if kind == LOGITS:
            _logits_of_block(lanes, outsides, team, item)
        elif kind == STEPS:
            _step_block(lanes, outsides, team, item)
        elif item < team.state[_COUNT]:
            _update_center(centers, team, item)
        if complete(team.crew, phase):
            _close_phase(centers, team, phase)
