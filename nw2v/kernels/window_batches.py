"""Batches of windows that follow each other: which windows, pairs and negatives a step is about.

What steps are about follows from the text and from random numbers, never from the vectors. Words
are numbers of rows here: of their copies where the thread works on these.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nw2v.jit.atomics import zeros_on_own_lines
from nw2v.jit.batches import BATCH, COPIED, copy_words
from nw2v.jit.compile import kernel, kernel_in_callers
from nw2v.jit.random import random_bits, unsigned
from nw2v.kernels.hot_rows import replace_by_copies
from nw2v.kernels.noise import TABLE_REPEATS

_NOISE = unsigned(0x6E6F697365)
BATCH_COUNTERS = 256
"""Counters that tell quickly whether a word may be center too often in a batch; see `COUNTERS` in
`nw2v.kernels.piece_plans`."""
_SHARED = unsigned(BATCH_COUNTERS - 1)


class Course(NamedTuple):
    """How far steps have got that follow each other through a piece."""

    first: int  # the first center of the present batch
    end: int  # the first of the next one
    part: int  # which part of the present batch's pairs is next; 0: the next batch is
    noise_position: np.int64  # where in the noise table the next negatives stand


class StepLists(NamedTuple):
    """What one step is about: its windows and pairs, and its negatives."""

    centers: np.ndarray  # (BATCH,) int32: beyond the step's, those of steps before
    weights: np.ndarray  # (BATCH,) float32: what a negative counts for each
    negatives: np.ndarray  # (K' and room,) int32
    first_pair: np.ndarray  # (BATCH + 1,) int32: where the pairs of each center begin
    outsides: np.ndarray  # int32: the outside word of each pair
    next_outsides: np.ndarray  # int32: rows of U that the next step or the next batch needs
    next_centers: np.ndarray  # int32: rows of V


class StepSize(NamedTuple):
    """How much one step is about, and its learning rate."""

    centers: int
    pairs: int
    weight: float  # the sum of the centers' weights
    rate: np.float32
    next_outsides: int
    next_centers: int


def room_for_pairs(window: int) -> int:
    """Pairs that lists of a step need room for: those of a batch, and what is copied too much."""
    return 2 * window * (BATCH + 1) + 2 * COPIED


def new_lists(window: int, pool: int) -> StepLists:
    """Allocate room for what a step is about; `pool` is the largest K'."""

    def words(room: int) -> np.ndarray:
        return zeros_on_own_lines(room, np.int32)

    return StepLists(
        centers=words(BATCH),
        weights=zeros_on_own_lines(BATCH, np.float32),
        negatives=words(pool + COPIED),
        first_pair=words(BATCH + 1),
        outsides=words(room_for_pairs(window)),
        next_outsides=words(pool + BATCH + COPIED),
        next_centers=words(BATCH + COPIED),
    )


@kernel
def begin_course(law, piece, first_token):
    """Stand before the first batch of a piece, at a place of its own in the noise table."""
    draw = random_bits(piece.key ^ _NOISE, first_token)
    position = np.int64(draw & unsigned(_position_mask(law)))
    return Course(0, 0, 0, position)


@kernel
def has_steps_left(course, plan):
    """Tell whether there are steps of a piece that have not been listed."""
    return course.end < plan.centers or course.part > 0


@kernel_in_callers
def list_step(lanes, windows, window, law, plan, copies, course, tally, lists):
    """List what the next step of a piece is about, and what the one after it will need.

    Parameters
    ----------
    lanes : tuple
    windows : Windows
        Of the piece.
    window : int
        How far they reach at the most.
    law : BatchLaw
    plan : Plan
    copies : Copies
    course : Course
    tally : (at least `BATCH_COUNTERS`,) int64
        Zero, and so again afterwards.
    lists : StepLists
        Filled.

    Returns
    -------
    size : StepSize
    course : Course
        After this step.
    """
    first, end, part = course.first, course.end, course.part
    if part == 0:
        first = end
        most = min(first + plan.batch_windows, plan.centers)
        end = _end_of_batch(windows.words, first, most, law.windows_of_one_center, tally)
    pairs, weight = _list_pairs(lanes, windows, window, law, plan.pool, first, end, part, lists)
    position = course.noise_position
    _list_negatives(lanes, law, copies, plan.pool, position, lists.negatives)
    position = (position + plan.pool) & _position_mask(law)
    part = part + 1 if part + 1 < law.parts else 0
    rate = np.float32(plan.first_rate + plan.slope * first)

    # Rows that are soon needed: the next step's negatives, and words of the next batch; of its
    # outside words, those that come into reach.
    _list_negatives(lanes, law, copies, plan.pool, position, lists.next_outsides)
    left = plan.centers - end
    next_centers = min(plan.batch_windows, left)
    copy_words(lanes, windows.words, end, next_centers, lists.next_centers, 0)
    new_outsides = min(next_centers, max(0, left - window))
    copy_words(lanes, windows.words, end + window, new_outsides, lists.next_outsides, plan.pool)
    size = StepSize(end - first, pairs, weight, rate, plan.pool + new_outsides, next_centers)
    return size, Course(first, end, part, position)


@kernel
def _end_of_batch(words, first, last, most_alike, tally):
    """Where the batch that begins with a center ends: before one word is center too often.

    All its windows with the same center move its vector without seeing each other. Counters that
    words share tell quickly that no word is too frequent; only otherwise words are compared.
    """
    most = 0
    for i in range(first, last):
        counter = unsigned(words[unsigned(i)]) & _SHARED
        tally[counter] += 1
        most = max(most, tally[counter])
    for i in range(first, last):
        tally[unsigned(words[unsigned(i)]) & _SHARED] = 0
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
def _part_of_window(before, outsides, part, parts):
    """Which outside words of a window one part of its pairs has.

    The window's outside words are numbered from left to right, leaving out the center, `before` of
    them to the left of it.

    Returns
    -------
    first, split, end : int
        The part has numbers first ... end - 1, of which those below `split` stand to the left.
    """
    first, end = np.int64(0), outsides
    if parts > 1:
        first, end = outsides * part // parts, outsides * (part + 1) // parts
    return first, min(max(first, before), end), end


@kernel
def _list_pairs(lanes, windows, window, law, pool, first_center, end, part, lists):
    """List the centers of a batch, and their pairs that a part of it has.

    A part has an equal share of the window's negatives, m K / parts, even where its share of the
    pairs is one more or less. As many words are copied as a part may have, whatever it has: what
    was copied too much is overwritten by the next, and the CPU foresees the end of loops of one
    length.

    Returns
    -------
    pairs : int
    weight : float
        The sum of the centers' weights.
    """
    words, first, last = windows
    parts, count = law.parts, end - first_center
    weight_of_pair = law.negatives_a_pair / (pool * parts)
    most_of_side = min(window, 2 * window // parts + 1)
    pairs, weight = 0, 0.0
    for b in range(count):
        i = first_center + b
        center, begin = words[unsigned(i)], first[unsigned(i)]
        outsides = last[unsigned(i)] - begin - 1
        low, split, high = _part_of_window(i - begin, outsides, part, parts)
        lists.centers[b] = center
        lists.first_pair[b] = pairs
        lists.weights[b] = np.float32(outsides * weight_of_pair)
        weight += outsides * weight_of_pair
        copy_words(lanes, words, begin + low, most_of_side, lists.outsides, pairs)
        to_the_right = pairs + split - low
        copy_words(lanes, words, begin + 1 + split, most_of_side, lists.outsides, to_the_right)
        pairs += high - low
    lists.first_pair[count] = pairs
    # What is computed of centers that the batch does not have must weigh nothing.
    for b in range(count, BATCH):
        lists.weights[b] = np.float32(0)
    return pairs, weight


@kernel
def _list_negatives(lanes, law, copies, pool, position, rows):
    """Read the negatives of a step from the noise table."""
    copy_words(lanes, law.table, position, pool, rows, 0)
    replace_by_copies(copies, rows, pool)


@kernel
def _position_mask(law):
    """All bits of a position in the noise table, whose size without its repeats they end."""
    return len(law.table) - TABLE_REPEATS - 1
