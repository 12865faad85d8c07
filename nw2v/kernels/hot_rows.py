"""Copies of the rows of frequent words, on which every second thread works.

Threads that write the same rows take them from each other: a row that another core has written must
come from that core's cache, which takes longer than all that a window does with it. So every second
thread works on copies of the rows that are written most, those of the most frequent words. They
stand behind the rows of all words in the same matrices. After each piece of the text such a thread
merges a slice of the copies with the words' own rows, where the other threads work: then all three
of row, copy and base, which is what both were when they were last merged, become

    row + (copy - base)

so that both have what either has learnt. Each learns without the other for as long as it takes to
merge all slices in turn, and what both have learnt alike counts twice: a row that has gone the
fraction f of the way to where its gradient vanishes, as its copy has, is 1 - 2 f of the way off
then. That is why there are two sets of rows and not one for each thread, whose 1 - T f would grow
with three already where f is near 1, and why `copies_for` bounds how far they may be apart.

Nothing is locked: a row that another thread is just writing may lose what its copy has learnt since
they were last merged.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nw2v.jit.atomics import zeros_on_own_lines
from nw2v.jit.compile import exact_kernel, kernel
from nw2v.jit.random import word64

MOST_COPIES = 2048
"""Words that have copies, at the most."""
FLOATS_A_PIECE = 1 << 17
"""Floats of each matrix that a thread merges after a piece of the text, at the most."""
MOST_SLICES = 8
"""Pieces of the text after which all copies have been merged, at the most."""
LEAST_MERGES = 40.0
"""How often a pass must merge each copy: vectors change fast while a text is new (by trial)."""
LARGEST_LAG = 250.0
"""How far a word may be pushed between two merges, in steps of a full pair (by trial)."""


class Copies(NamedTuple):
    """Which rows a thread works on instead of the words' own, and which of them it merges."""

    words: int  # words 0 ... words - 1 have copies; 0: none
    shift: int  # the copy of word w is row number w + shift
    slices: int  # parts of the copies that are merged one at a time
    first_slice: int  # the first that this thread merges
    step: int  # from one slice of this thread to its next
    center_bases: np.ndarray  # (words, length) float32: rows of V when they were last merged
    outside_bases: np.ndarray  # (words, length) float32: rows of U


def no_copies(length: int) -> Copies:
    """Let a thread work on the words' own rows, of `length` floats."""
    return Copies(0, 0, 1, 0, 1, *(zeros_on_own_lines((0, length), np.float32) for _ in range(2)))


def copies_for(vocabulary: int, length: int, *, push: float, pieces: float, mergers: int) -> Copies:
    """Choose how many words have copies and how often these are merged.

    Copies are merged `LEAST_MERGES` times a pass or more, and so often that no word is pushed by
    more than `LARGEST_LAG` meanwhile. Where that leaves no time to work on them there are none: in
    short texts, and with more threads than slices to merge.

    Parameters
    ----------
    vocabulary, length : int
        Words, and floats of a row.
    push : float
        How far the word that is pushed most is pushed, on average and in steps of a full pair,
        while the threads with copies do one piece: by them or by the others, whichever is more.
    pieces : float
        Pieces of the text that the threads with copies do in a pass, all together.
    mergers : int
        How many threads work on copies.

    Returns
    -------
    Copies
        Those of the first such thread. Thread number n of them begins with slice n.
    """
    if mergers == 0:
        return no_copies(length)
    slices = int(min(MOST_SLICES, pieces / LEAST_MERGES, LARGEST_LAG / max(push, 1e-9)))
    slices -= slices % mergers
    if slices == 0:
        return no_copies(length)
    words = min(vocabulary, MOST_COPIES, FLOATS_A_PIECE // length * slices)
    bases = (zeros_on_own_lines((words, length), np.float32) for _ in range(2))
    return Copies(words, vocabulary, slices, 0, mergers, *bases)


def copy_rows(centers: np.ndarray, outsides: np.ndarray, copies: Copies) -> None:
    """Set all copies to the words' own rows."""
    first, last = copies.shift, copies.shift + copies.words
    for matrix, bases in ((centers, copies.center_bases), (outsides, copies.outside_bases)):
        matrix[first:last] = bases[:] = matrix[: copies.words]


def merge_all_copies(centers: np.ndarray, outsides: np.ndarray, copies: Copies) -> None:
    """Merge all copies with the words' own rows, when no thread is at work any more."""
    first, last = copies.shift, copies.shift + copies.words
    for matrix, bases in ((centers, copies.center_bases), (outsides, copies.outside_bases)):
        matrix[: copies.words] += matrix[first:last] - bases
    copy_rows(centers, outsides, copies)


@kernel
def replace_by_copies(copies, words, count):  # type: ignore[no-untyped-def]
    """Make the first `count` words the numbers of rows: of their copies where they have any."""
    if copies.words > 0:
        for i in range(count):
            word = words[word64(i)]
            words[word64(i)] = np.int32(word + copies.shift if word < copies.words else word)


@exact_kernel
def _merge_rows(matrix, bases, shift, first, last):  # type: ignore[no-untyped-def]
    for word in range(first, last):
        row, copy, base = matrix[word], matrix[shift + word], bases[word]
        for i in range(row.size):
            value = row[i] + (copy[i] - base[i])
            row[i] = value
            copy[i] = value
            base[i] = value


@exact_kernel
def merge_copies(centers, outsides, copies, number):  # type: ignore[no-untyped-def]
    """Merge one slice of the copies with the words' own rows, without locks.

    Returns
    -------
    int
        The number of the slice that the same thread merges next.
    """
    first = copies.words * number // copies.slices
    last = copies.words * (number + 1) // copies.slices
    _merge_rows(centers, copies.center_bases, copies.shift, first, last)
    _merge_rows(outsides, copies.outside_bases, copies.shift, first, last)
    number += copies.step
    return number if number < copies.slices else copies.first_slice
