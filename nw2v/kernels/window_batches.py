"""Batches of windows that follow each other: which windows, pairs and negatives a step is about.

What steps are about follows from the text and from random numbers, never from the vectors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nw2v.jit.atomics import zeros_in_whole_lines
from nw2v.jit.batches import BATCH, COPIED, copy_words, fill_words
from nw2v.jit.compile import kernel, kernel_in_callers
from nw2v.jit.random import random_bits, word64
from nw2v.kernels.batch_sizes import MOST_REMEMBERED, remembered_negatives, windows_for_pool
from nw2v.kernels.hot_rows import replace_by_copies
from nw2v.kernels.noise import TABLE_REPEATS
from nw2v.kernels.stream import draw_windows

_NOISE = word64(0x6E6F697365)
_ALL_BITS = word64(0xFFFFFFFF)

COUNTERS, BATCH_COUNTERS = 1024, 256
"""Counters that tell quickly whether one word may be too frequent in a piece of text or in a batch:
several words share one. Powers of two."""
LOCAL = 2.0
"""How much more concentrated on few words than the text a piece must be to be treated apart."""

# Places in `Course.state`: the first center of the batch and of the next one, and how many there
# are in all; which part of their pairs is next; where in the noise table the next negatives stand;
# how many pairs all steps so far have.
_FIRST, _NEXT, ALL_CENTERS, _PART, _NOISE_PLACE, ALL_PAIRS = range(6)

# Places in `Step.state`: how many centers and pairs the step has, and how many rows of each matrix
# are needed soon.
COUNT, PAIRS, SOON_OUTSIDES, SOON_CENTERS = range(4)
# Places in `Step.amounts`: its learning rate, and the sum of its weights.
RATE, WEIGHT = range(2)


class Negatives(NamedTuple):
    """The shared negative samples, and how many windows share them."""

    table: np.ndarray  # (power of two + `TABLE_REPEATS`,) int32, the noise distribution, shuffled
    pool: int  # K', negatives of a step
    largest_pool: int  # K' in pieces that name few words: at most `TABLE_REPEATS`
    per_pair: float  # K, negatives a pair that they stand for
    batch: int  # windows of a batch, at most BATCH
    parts: int  # steps of a batch, each for so large a part of the pairs of every window
    alike: int  # windows of one center word that a batch may have
    pairs_alike: float  # pairs of one center word, on average, that a batch may have
    remembered: float  # negatives that running means are of, and half the centers; 0: none
    most_changes: float  # how far what they remember may change meanwhile: `MOST_CHANGES`
    concentration: float  # sum of the squares of the words' shares of all centers


class Plan(NamedTuple):
    """How the steps of one piece are made."""

    batch: int  # windows of a batch, at most those of `Negatives`
    pool: int  # K'
    remembered: float  # negatives that running means are of; 0: none
    first_rate: float  # learning rate of center 0
    slope: float  # what is added to it from center to center


class Course(NamedTuple):
    """How far batches have got that follow each other through a piece."""

    state: np.ndarray  # int64: see the places above
    tally: np.ndarray  # (BATCH_COUNTERS,) int32: zero


class Step(NamedTuple):
    """What one step is about: its windows and pairs, and its negatives.

    Words are numbers of rows here: of their copies where the thread works on these.
    """

    state: np.ndarray  # int64: see the places above
    amounts: np.ndarray  # float64
    centers: np.ndarray  # (BATCH,) int32: the center words
    weights: np.ndarray  # (BATCH,) float32: what a negative counts for each
    negatives: np.ndarray  # (K' and more,) int32: the words
    first_pair: np.ndarray  # (BATCH + 1,) int32: where the pairs of each center begin
    outside_words: np.ndarray  # int32: one for each pair
    members: np.ndarray  # int32: the center word of each pair
    soon_outsides: np.ndarray  # int32: rows that the next step or the next batch needs
    soon_centers: np.ndarray  # int32


def course_for() -> Course:
    """Allocate a course."""
    return Course(
        state=zeros_in_whole_lines(6, np.int64),
        tally=zeros_in_whole_lines(BATCH_COUNTERS, np.int32),
    )


def room_for_pairs(window: int) -> int:
    """Pairs that lists of a step need room for."""
    return 2 * window * (BATCH + 1) + 2 * COPIED


def step_for(window: int, pool: int) -> Step:
    """Allocate room for what a step is about."""
    pairs = room_for_pairs(window)
    return Step(
        state=zeros_in_whole_lines(4, np.int64),
        amounts=zeros_in_whole_lines(2, np.float64),
        centers=zeros_in_whole_lines(BATCH, np.int32),
        weights=zeros_in_whole_lines(BATCH, np.float32),
        negatives=zeros_in_whole_lines(pool + COPIED, np.int32),
        first_pair=zeros_in_whole_lines(BATCH + 1, np.int32),
        outside_words=zeros_in_whole_lines(pairs, np.int32),
        members=zeros_in_whole_lines(pairs, np.int32),
        soon_outsides=zeros_in_whole_lines(pool + BATCH + COPIED, np.int32),
        soon_centers=zeros_in_whole_lines(BATCH + COPIED, np.int32),
    )


# --- a piece of text ------------------------------------------------------------------------------


@kernel
def _counter_of(word, mask):  # type: ignore[no-untyped-def]
    """Which counter a word has: words that agree in the bits of a mask share one."""
    return word64(word) & mask


@kernel
def _count_pairs(windows, kept, tally, mask):  # type: ignore[no-untyped-def]
    """Count the pairs of each center word, or of all words that share a counter.

    Returns
    -------
    pairs, squares, most : int
        The sum of these numbers, of their squares, and the largest.
    """
    words, first, last = windows
    total, squares, most = np.int64(0), np.int64(0), np.int64(1)
    for i in range(kept):
        counter = _counter_of(words[i], mask)
        before, pairs = np.int64(tally[counter]), np.int64(last[i] - first[i] - 1)
        tally[counter] = before + pairs
        total += pairs
        squares += pairs * (2 * before + pairs)
        most = max(most, before + pairs)
    for i in range(kept):
        tally[_counter_of(words[i], mask)] = 0
    return total, squares, most


@kernel
def _suit_piece(windows, kept, negatives, rate, tally):  # type: ignore[no-untyped-def]
    """Choose how many windows of a piece a batch has, how many negatives, and how many remembered.

    Fewer windows than elsewhere, more negatives and less memory, where the piece names one word or
    a few much more often than the text does. That it does not is told from few counters, which
    several words share.
    """
    usual, mask = negatives.remembered, word64(COUNTERS - 1)
    # A quarter of what would shorten the longest memory.
    least_changes = negatives.most_changes / (8 * MOST_REMEMBERED)
    for _ in range(2):
        pairs, squares, most = _count_pairs(windows, kept, tally, mask)
        if pairs == 0:
            return 1, negatives.pool, usual
        changes = (1 + negatives.per_pair) * squares / (np.float64(kept) * pairs)
        # A sample of so many words is more concentrated than the text by one part in their number.
        usual_squares = (negatives.concentration + 1 / kept) * np.float64(pairs) * pairs
        is_local = squares > LOCAL * usual_squares and changes > least_changes
        most_windows = negatives.pairs_alike * kept / most
        if most_windows >= negatives.batch and not is_local:
            break
        mask = _ALL_BITS
    if is_local:
        remembered = min(usual, remembered_negatives(changes, negatives.most_changes))
        pool = negatives.largest_pool
        mean_negatives = negatives.per_pair * pairs / (kept * negatives.parts)
        for_pool = windows_for_pool(pool, mean_negatives, rate, remembered)
        most_windows = min(most_windows, for_pool / 2)
    else:
        remembered, pool = usual, negatives.pool
    return max(1, min(negatives.batch, np.int64(most_windows))), pool, remembered


@kernel
def _last_place(negatives):  # type: ignore[no-untyped-def]
    """Where the noise table ends, but for its repeats: all bits of a place in it."""
    return len(negatives.table) - TABLE_REPEATS - 1


@kernel
def begin_piece(text, law, negatives, copies, piece, windows, tally, course):  # type: ignore[no-untyped-def]
    """Draw the windows of a piece, let batches begin with the first, and plan their steps.

    Words become the numbers of the rows that the thread works on.

    Returns
    -------
    Plan
        How many windows there are stands in the course (`ALL_CENTERS`).
    """
    sentences, rate = (piece.first_sentence, piece.last_sentence), piece.first_rate
    kept = draw_windows(text, law, piece.key, *sentences, windows)
    replace_by_copies(copies, windows.words, kept)
    state = course.state
    state[_NEXT], state[ALL_CENTERS], state[_PART], state[ALL_PAIRS] = 0, kept, 0, 0
    # Each piece reads the noise table from a place of its own.
    draw = random_bits(piece.key ^ _NOISE, text.offsets[piece.first_sentence])
    state[_NOISE_PLACE] = np.int64(draw & word64(_last_place(negatives)))
    batch, pool, remembered = _suit_piece(windows, kept, negatives, rate, tally)
    slope = (piece.last_rate - rate) / max(kept, 1)
    return Plan(batch, pool, remembered, rate, slope)


# --- one step after another -----------------------------------------------------------------------


@kernel
def is_left(course):  # type: ignore[no-untyped-def]
    """Tell whether there are steps that have not been listed."""
    return course.state[_NEXT] < course.state[ALL_CENTERS] or course.state[_PART] > 0


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
def _draw_negatives(lanes, negatives, copies, pool, place, words):  # type: ignore[no-untyped-def]
    """Read the negatives of a step from the noise table; give the place of those that follow."""
    copy_words(lanes, negatives.table, place, pool, words, 0)
    replace_by_copies(copies, words, pool)
    return (place + pool) & _last_place(negatives)


@kernel
def _list_pairs(lanes, windows, window, negatives, pool, course, step):  # type: ignore[no-untyped-def]
    """List the centers of the course's present batch, and the part of their pairs that is next.

    Each part has an equal share of the negatives, however the pairs can be shared out.
    As many words are copied as a part may have, whatever it has: what was copied too much is
    overwritten by the next, and the CPU foresees the end of loops of one length.
    """
    words, first, last = windows
    first_center, part, parts = course.state[_FIRST], course.state[_PART], negatives.parts
    count = course.state[_NEXT] - first_center
    share, room = negatives.per_pair / (pool * parts), 2 * window // parts + 1
    one_side = min(window, room)
    pairs, weight = 0, 0.0
    for b in range(count):
        i = first_center + b
        center, begin = words[word64(i)], first[word64(i)]
        before, of_window = i - begin, last[word64(i)] - begin - 1
        # Outside words number low ... high - 1 of the window, those before the center first.
        low, high = 0, of_window
        if parts > 1:
            low, high = of_window * part // parts, of_window * (part + 1) // parts
        split = min(max(low, before), high)
        step.centers[b] = center
        step.first_pair[b] = pairs
        step.weights[b] = np.float32(of_window * share)
        weight += of_window * share
        copy_words(lanes, words, begin + low, one_side, step.outside_words, pairs)
        place = pairs + split - low
        copy_words(lanes, words, begin + 1 + split, one_side, step.outside_words, place)
        fill_words(lanes, step.members, pairs, room, center)
        pairs += high - low
    step.first_pair[count] = pairs
    for b in range(count, BATCH):
        step.weights[b] = np.float32(0)
    step.amounts[WEIGHT] = weight
    step.state[COUNT], step.state[PAIRS] = count, pairs


@kernel
def _list_soon(lanes, windows, window, negatives, copies, plan, course, step):  # type: ignore[no-untyped-def]
    """List rows that are soon needed: the next step's negatives, and words of the next batch.

    If that step is another part of the present batch, its words are at hand.
    """
    words, next_center = windows.words, course.state[_NEXT]
    left = course.state[ALL_CENTERS] - next_center
    place = course.state[_NOISE_PLACE]
    _draw_negatives(lanes, negatives, copies, plan.pool, place, step.soon_outsides)
    centers = min(plan.batch, left)
    copy_words(lanes, words, next_center, centers, step.soon_centers, 0)
    # Of the outside words, those that come into reach are new.
    outsides = min(centers, max(0, left - window))
    copy_words(lanes, words, next_center + window, outsides, step.soon_outsides, plan.pool)
    step.state[SOON_OUTSIDES], step.state[SOON_CENTERS] = plan.pool + outsides, centers


@kernel_in_callers
def list_step(lanes, windows, law, negatives, copies, plan, course, step):  # type: ignore[no-untyped-def]
    """List what the next step of a course is about, and what the one after it will need."""
    state = course.state
    if state[_PART] == 0:
        state[_FIRST] = first = state[_NEXT]
        last = min(first + plan.batch, state[ALL_CENTERS])
        state[_NEXT] = _end_of_batch(windows.words, first, last, negatives.alike, course.tally)
    step.amounts[RATE] = plan.first_rate + plan.slope * state[_FIRST]
    _list_pairs(lanes, windows, law.window, negatives, plan.pool, course, step)
    state[ALL_PAIRS] += step.state[PAIRS]
    state[_PART] = state[_PART] + 1 if state[_PART] + 1 < negatives.parts else 0
    state[_NOISE_PLACE] = _draw_negatives(
        lanes, negatives, copies, plan.pool, state[_NOISE_PLACE], step.negatives
    )
    _list_soon(lanes, windows, law.window, negatives, copies, plan, course, step)
