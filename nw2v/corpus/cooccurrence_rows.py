"""Compiled: expected co-occurrence counts, one center word's row after the other.

A pair of tokens at positions i < j of one sentence weighs what windows drawn from the stream give
it on average (`nw2v.kernels.stream.draw_windows`). With B the number of kept words between them,
a sum of independent coin flips,

    keep_i keep_j E[max(0, window - B)] / window    if windows shrink,
    keep_i keep_j P(B < window)                     if not,

and n_co is the sum over all pairs of a token of c and a token of o, in both orders. Here the walk
goes outward from each token of c and carries the distribution of B:
P'(b) = P(b) (1 - keep) + P(b - 1) keep for each word it passes.

These kernels stand in this room, and not beside the stream's, since counts are a form of the text
that is kept in the cache with it, and the rooms below are made of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nw2v.jit import exact_kernel
from nw2v.jit.byte_groups import prefetch
from nw2v.jit.compile import exact_kernel_in_callers

_NEGLIGIBLE = 1e-18
_AHEAD = 4


class PairLaw(NamedTuple):
    """What a pair of tokens weighs."""

    keep: np.ndarray  # (V,) float64, the probability of keeping a token of each word
    window: int
    shrink: bool
    cutoff: float  # pairs are left out that weigh less, without keep_i keep_j


class Occurrences(NamedTuple):
    """Where some words stand: ``words[i]`` at ``positions[starts[i]:starts[i + 1]]``."""

    words: np.ndarray  # (n,) int32
    starts: np.ndarray  # (n + 1,) int64
    positions: np.ndarray  # (m,) int64, in the text, ascending for each word
    sentences: np.ndarray  # (m,) int64, the sentence that each of them is in


class RowScratch(NamedTuple):
    """What a thread needs to count one row at a time; `row` is zero between rows."""

    row: np.ndarray  # (V,) float64, by outside word
    found: np.ndarray  # (V + 1,) int32, the words that are not zero in it
    sorting: np.ndarray  # (V,) int32
    digits: np.ndarray  # (2^half,) int64, with V <= 4^half
    half: int
    between: np.ndarray  # (window,) float64, the probability of each number of kept words


class Rows(NamedTuple):
    """Room for finished rows, one after the other."""

    sizes: np.ndarray  # (rows,) int64
    words: np.ndarray  # (capacity,) int32, ascending in each row
    counts: np.ndarray  # (capacity,) float32


def scratch_for(vocabulary: int, window: int) -> RowScratch:
    """Allocate scratch memory for rows of `vocabulary` words."""
    half = (max(2, vocabulary - 1).bit_length() + 1) // 2
    return RowScratch(
        row=np.zeros(vocabulary),
        found=np.zeros(vocabulary + 1, dtype=np.int32),
        sorting=np.zeros(vocabulary, dtype=np.int32),
        digits=np.zeros(1 << half, dtype=np.int64),
        half=half,
        between=np.zeros(window),
    )


def rows_for(rows: int, capacity: int) -> Rows:
    """Allocate room for `rows` rows with `capacity` entries in all."""
    return Rows(
        np.zeros(rows, dtype=np.int64),
        np.zeros(capacity, dtype=np.int32),
        np.zeros(capacity, dtype=np.float32),
    )


@exact_kernel
def count_words(tokens: np.ndarray, counts: np.ndarray) -> None:
    """Add the occurrences of each word to `counts`, (V,) int64."""
    for position in range(tokens.shape[0]):
        counts[tokens[position]] += 1


@exact_kernel
def collect(tokens, offsets, first_token, last_token, sentence, places, occurrences):  # type: ignore[no-untyped-def]
    """Note where some words stand, in a part of the text.

    Parameters
    ----------
    tokens : (N,) int32
    offsets : (S + 1,) int64
    first_token, last_token : int
        The part, last exclusive.
    sentence : int
        The first token's sentence, or an earlier one.
    places : (V,) int64
        Changed: for each word where to put its next position, -1 if it is not looked for.
    occurrences : Occurrences
        Positions and sentences are filled.
    """
    for position in range(first_token, last_token):
        while offsets[sentence + 1] <= position:
            sentence += 1
        word = tokens[position]
        place = places[word]
        if place >= 0:
            occurrences.positions[place] = position
            occurrences.sentences[place] = sentence
            places[word] = place + 1


@exact_kernel_in_callers
def _walk(tokens, at, end, step, law, scratch, found):  # type: ignore[no-untyped-def]
    """Add the words from `at` to `end`, exclusive, to the row: one side of a center's window."""
    row, between = scratch.row, scratch.between
    # What is carried: between[b] = P(B = b) for first <= b <= last, and nothing elsewhere.
    between[0] = 1.0
    first = last = 0
    inside = 1.0  # P(B < window)
    reach = np.float64(law.window)  # E[max(0, window - B)]
    least = law.cutoff * law.window if law.shrink else law.cutoff
    while at != end:
        word = tokens[at]
        at += step
        keep = law.keep[word]
        if keep == 0.0:
            continue
        # Written in any case, and overwritten by the next word if it is not the first time.
        scratch.found[found] = word
        found += row[word] == 0.0
        row[word] += keep * (reach if law.shrink else inside)
        reach -= keep * inside
        if last == law.window - 1:
            inside -= keep * between[last]
        elif keep * between[last] > _NEGLIGIBLE:
            last += 1
            between[last] = 0.0
        if (reach if law.shrink else inside) < least:
            break
        drop = 1.0 - keep
        for b in range(last, first, -1):
            between[b] = between[b] * drop + between[b - 1] * keep
        between[first] *= drop
        # In a wide window only a narrow band of numbers is likely.
        first += between[first] < _NEGLIGIBLE and first < last
    return found


@exact_kernel
def add_windows(tokens, offsets, law, occurrences, number, scratch, found):  # type: ignore[no-untyped-def]
    """Add the windows of all occurrences of one word to the scratch row.

    The weights are not yet multiplied by the center word's own probability, nor, if windows shrink,
    divided by `window`: without subsampling they are whole numbers.

    Parameters
    ----------
    tokens : (N,) int32
    offsets : (S + 1,) int64
    law : PairLaw
    occurrences : Occurrences
    number : int
        The word's place in `occurrences`.
    scratch : RowScratch
    found : int
        How many words the row has already.

    Returns
    -------
    found : int
        How many it has now.
    """
    past = occurrences.starts[number + 1]
    for place in range(occurrences.starts[number], past):
        if place + _AHEAD < past:
            prefetch(tokens, occurrences.positions[place + _AHEAD])
            prefetch(offsets, occurrences.sentences[place + _AHEAD])
        position = occurrences.positions[place]
        sentence = occurrences.sentences[place]
        before, end = offsets[sentence] - 1, offsets[sentence + 1]
        found = _walk(tokens, position - 1, before, -1, law, scratch, found)
        found = _walk(tokens, position + 1, end, 1, law, scratch, found)
    return found


@exact_kernel
def _sort_by_digit(words, found, shift, digits, out):  # type: ignore[no-untyped-def]
    """Copy the first `found` words to `out`, sorted by one digit, else in their order."""
    last = digits.size - 1
    digits[:] = 0
    for i in range(found):
        digits[words[i] >> shift & last] += 1
    place = 0
    for digit in range(digits.size):
        place, digits[digit] = place + digits[digit], place
    for i in range(found):
        digit = words[i] >> shift & last
        out[digits[digit]] = words[i]
        digits[digit] += 1


@exact_kernel
def write_row(law, center, scratch, found, rows, written):  # type: ignore[no-untyped-def]
    """Write the scratch row to `rows`, behind `written` entries, by ascending ids; clear it."""
    _sort_by_digit(scratch.found, found, 0, scratch.digits, scratch.sorting)
    _sort_by_digit(scratch.sorting, found, scratch.half, scratch.digits, scratch.found)
    factor = law.keep[center] / law.window if law.shrink else law.keep[center]
    for i in range(found):
        word = scratch.found[i]
        rows.words[written + i] = word
        rows.counts[written + i] = scratch.row[word] * factor
        scratch.row[word] = 0.0


@exact_kernel
def count_rows(tokens, offsets, law, occurrences, first, last, scratch, rows):  # type: ignore[no-untyped-def]
    """Count the rows of some words, as far as there is room.

    Parameters
    ----------
    tokens, offsets, law, occurrences
        As for `add_windows`.
    first, last : int
        Which words of `occurrences`, last exclusive.
    scratch : RowScratch
    rows : Rows
        Filled; needs room for V entries or more.

    Returns
    -------
    done : int
        Where the first word stands that there was no room for, or `last`.
    written : int
        Entries in `rows`.
    """
    written = 0
    for number in range(first, last):
        if rows.words.size - written < scratch.row.size:
            return number, written
        center = occurrences.words[number]
        found = 0
        if law.keep[center] > 0.0:
            found = add_windows(tokens, offsets, law, occurrences, number, scratch, 0)
        write_row(law, center, scratch, found, rows, written)
        rows.sizes[number - first] = found
        written += found
    return last, written


@exact_kernel
def sum_rows(offsets: np.ndarray, counts: np.ndarray, sums: np.ndarray) -> None:
    """Sum the counts of each row in float64."""
    for row in range(sums.shape[0]):
        total = 0.0
        for entry in range(offsets[row], offsets[row + 1]):
            total += counts[entry]
        sums[row] = total
