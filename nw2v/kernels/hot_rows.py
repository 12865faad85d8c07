"""Copies of the rows of frequent words, on which every second thread works.

Threads that write the same rows take them from each other: a row that another core has written must
come from that core's cache, which takes longer than all that a window does with it. So every second
thread works on copies of the rows that are written most, those of the most frequent words. They
stand behind the rows of all words in the same matrices; all such threads share them. After each
piece of the text such a thread merges some of the copies with the words' own rows, where the other
threads work. With base what row and copy were when they were last merged, all three become

    row + (copy - base)

so that both have what either has learnt: what both have learnt alike, twice. If each has gone the
fraction f of the way to where its gradient vanishes, both together go 2 f of it, and 1 - 2 f of it
are left: no more than before, since f is at most 1 where no step overshoots. With T sets of rows it
would be 1 - T f, which grows as soon as f > 2 / T. So there are two sets, not one for each thread,
and `copies_for` keeps f small: it bounds how far the two may be apart.

Nothing is locked. What a thread writes to a row or copy while that is merged may be lost; and where
several threads share the copies, one that has read a copy before it was merged and writes it after
takes back what the merge has brought to it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nw2v.jit.atomics import zeros_on_own_lines
from nw2v.jit.compile import exact_kernel, kernel
from nw2v.jit.random import unsigned

MOST_COPIES = 2048
"""Words that have copies, at the most (by trial: docs/performance.md, Threads)."""
FLOATS_A_PIECE = 1 << 17
"""Floats of each matrix that a thread merges after a piece of the text, at the most: more would
take as long to merge as it saves."""
MOST_SLICES = 8
"""Pieces of the text after which all copies have been merged, at the most."""
LEAST_MERGES = 40.0
"""How often a pass must merge each copy: vectors change fast while a text is new (by trial)."""
LARGEST_LAG = 250.0
"""How far a word may be pushed (see `nw2v.kernels.batch_sizes`) between two merges (by trial)."""


class Copies(NamedTuple):
    """Which rows a thread works on instead of the words' own, and which of them it merges."""

    copied: int  # words 0 ... copied - 1 have copies; 0: none
    first_row: int  # the copy of word w is row first_row + w
    slices: int  # parts of the copies that are merged one at a time
    first_slice: int  # the first that this thread merges
    stride: int  # from one slice of this thread to its next
    center_bases: np.ndarray  # (copied, length) float32: rows of V when they were last merged
    outside_bases: np.ndarray  # (copied, length) float32: rows of U


def no_copies(length: int) -> Copies:
    """Let a thread work on the words' own rows, of `length` floats."""
    return _new_copies(0, 0, length, slices=1, stride=1)


def _new_copies(copied: int, vocabulary: int, length: int, *, slices: int, stride: int) -> Copies:
    bases = (zeros_on_own_lines((copied, length), np.float32) for _ in range(2))
    return Copies(copied, vocabulary, slices, 0, stride, *bases)


def copies_for(
    vocabulary: int, length: int, *, push_a_piece: float, pieces: float, mergers: int
) -> Copies:
    """Choose how many words have copies and how often these are merged.

    Copies are merged `LEAST_MERGES` times a pass or more, and so often that no word is pushed by
    more than `LARGEST_LAG` meanwhile. Where that leaves no time to work on them there are none: in
    short texts, and with more threads than slices to merge.

    Parameters
    ----------
    vocabulary, length : int
        Words, and floats of a row.
    push_a_piece : float
        How far the word that is pushed most is pushed, on average, while the threads with copies do
        one piece: by them or by the others, whichever is more.
    pieces : float
        Pieces of the text that the threads with copies do in a pass, all together.
    mergers : int
        How many threads work on copies, and merge them.

    Returns
    -------
    Copies
        Those of the first such thread. Thread number n of them begins with slice n.
    """
    if mergers == 0:
        return no_copies(length)
    slices = int(min(MOST_SLICES, pieces / LEAST_MERGES, LARGEST_LAG / max(push_a_piece, 1e-9)))
    slices -= slices % mergers  # Each thread has as many.
    if slices == 0:
        return no_copies(length)
    copied = min(vocabulary, MOST_COPIES, FLOATS_A_PIECE // length * slices)
    return _new_copies(copied, vocabulary, length, slices=slices, stride=mergers)


def copy_rows(V: np.ndarray, U: np.ndarray, copies: Copies) -> None:
    """Set all copies to the words' own rows."""
    first, last = copies.first_row, copies.first_row + copies.copied
    for matrix, bases in ((V, copies.center_bases), (U, copies.outside_bases)):
        matrix[first:last] = bases[:] = matrix[: copies.copied]


def merge_all_copies(V: np.ndarray, U: np.ndarray, copies: Copies) -> None:
    """Merge all copies with the words' own rows, when no thread is at work any more."""
    for number in range(copies.slices):
        merge_copies(V, U, copies, number)


@kernel
def replace_by_copies(copies, words, count):
    """Make the first `count` words the numbers of rows: of their copies where they have any."""
    if copies.copied > 0:
        for i in range(count):
            word = words[unsigned(i)]
            row = word + copies.first_row if word < copies.copied else word
            words[unsigned(i)] = np.int32(row)


@exact_kernel
def merge_copies(V, U, copies, number):
    """Merge one slice of the copies with the words' own rows, without locks.

    Returns
    -------
    int
        The number of the slice that the same thread merges next.
    """
    first = copies.copied * number // copies.slices
    last = copies.copied * (number + 1) // copies.slices
    _merge_rows(V, copies.center_bases, copies.first_row, first, last)
    _merge_rows(U, copies.outside_bases, copies.first_row, first, last)
    number += copies.stride
    return number if number < copies.slices else copies.first_slice


@exact_kernel
def _merge_rows(matrix, bases, first_row, first, last):
    """Merge the rows of words first ... last - 1; exactly, so that a copy that is its base is 0."""
    for word in range(first, last):
        row, copy, base = matrix[word], matrix[first_row + word], bases[word]
        for i in range(row.size):
            value = row[i] + (copy[i] - base[i])
            row[i] = value
            copy[i] = value
            base[i] = value
