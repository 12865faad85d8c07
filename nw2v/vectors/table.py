"""A table of word vectors as it travels to and from files, and what every such table satisfies."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nw2v.errors import InputError

MOST_DIMENSIONS = 1_000_000
LONGEST_WORD = 1_000_000  # bytes of UTF-8
_ROWS_AT_ONCE = 4096


class Table(NamedTuple):
    """Words and their vectors, by id.

    Attributes
    ----------
    words : sequence of V str
    vectors : (V, d) float32
    counts : (V,) int64 or None
        How often each word occurs in the text, where that is known.
    """

    words: Sequence[str]
    vectors: np.ndarray
    counts: np.ndarray | None = None


def shown(word: str) -> str:
    """Return a word as it stands in messages: in quotes, on one line, and not too long."""
    return repr(word if len(word) <= 80 else word[:77] + "...")


def first_row_not_finite(vectors: np.ndarray) -> int | None:
    """Find the first row with NaN or infinity; None if there is none."""
    for start in range(0, len(vectors), _ROWS_AT_ONCE):  # blocks: no V x d array of booleans
        finite = np.isfinite(vectors[start : start + _ROWS_AT_ONCE])
        if not finite.all():
            return start + int(np.flatnonzero(~finite.all(axis=1))[0])
    return None


def check_finite(vectors: np.ndarray, words: Sequence[str], where: str) -> None:
    """Raise InputError that names the first word whose vector has NaN or infinity."""
    row = first_row_not_finite(vectors)
    if row is not None:
        column = int(np.flatnonzero(~np.isfinite(vectors[row]))[0])
        raise InputError(
            f"{where}: the vector of {shown(words[row])} (row {row}, from 0) has "
            f"{float(vectors[row, column])} in column {column}; every number must be finite"
        )


def without_repeated_words(table: Table, where: str) -> Table:
    """Keep the first vector of a word that occurs twice, and warn, as gensim does."""
    first: dict[str, int] = {}
    for row, word in enumerate(table.words):
        first.setdefault(word, row)
    repeated = len(table.words) - len(first)
    if not repeated:
        return table
    example = next(word for row, word in enumerate(table.words) if first[word] != row)
    rows = np.fromiter(first.values(), dtype=np.int64, count=len(first))
    rows_repeat = "1 row repeats" if repeated == 1 else f"{repeated:,} rows repeat"
    warnings.warn(
        f"{where}: {rows_repeat} a word (the first is {shown(example)}); "
        "the first vector of each word is kept",
        UserWarning,
        stacklevel=4,  # the line that called WordVectors.load
    )
    counts = None if table.counts is None else table.counts[rows]
    return Table(list(first), table.vectors[rows], counts)
