"""The token stream as skip-gram sees it: which words are kept, and how wide their windows are.

Frequent words are dropped first and the window closes up over the gap, as in word2vec: a kept
word's outside words are its kept neighbours within b places in the same sentence, b uniform in
1 ... window. Every decision depends on the stream's key and the token's position in the text
alone, never on which thread meets it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nw2v.corpus.subsampling import CERTAIN, keep_limits
from nw2v.jit.atomics import zeros_on_own_lines
from nw2v.jit.compile import exact_kernel
from nw2v.jit.file_reads import NO_FILE, read_numbers
from nw2v.jit.random import random_bits, unsigned

_LOW_HALF = unsigned(0xFFFFFFFF)
_32 = unsigned(32)
_33 = unsigned(33)
_NARROW_WINDOW = 16


class Text(NamedTuple):
    """Encoded text: the tokens of sentence s are ``tokens[offsets[s]:offsets[s + 1]]``."""

    tokens: np.ndarray  # (N,) int32
    offsets: np.ndarray  # (S + 1,) int64
    file: int = NO_FILE  # descriptor of an open file of the tokens, which is read in their place


class WindowLaw(NamedTuple):
    """How center words and their windows are drawn from a text."""

    keep_limits: np.ndarray  # (V,) int32, see `nw2v.corpus.subsampling.keep_limits`
    window: int
    shrink: bool
    certain: int  # words from this one on share its limit: few are looked up, and stay in the cache


class Piece(NamedTuple):
    """A piece of a text in one pass of training, which one thread or one crew works on."""

    first_sentence: int
    last_sentence: int  # exclusive
    key: np.uint64  # the pass's stream of random numbers
    first_rate: float  # learning rate before the first token
    last_rate: float  # and after the last
    # Its centers are the tokens at these positions of the text: a part of a long sentence, where
    # sentences are cut (the naive softmax does; negative sampling takes them whole).
    first_token: int = 0
    last_token: int = 1 << 62  # exclusive


class Windows(NamedTuple):
    """Room for the kept words of a piece of text and the bounds of their windows."""

    words: np.ndarray  # (capacity,) int32
    first: np.ndarray  # (capacity,) int32: where the window begins, in `words`
    last: np.ndarray  # (capacity,) int32: where it ends, exclusive


def new_windows(capacity: int) -> Windows:
    """Allocate room for `capacity` tokens of a text; words that are not filled in yet are 0."""
    return Windows(*(zeros_on_own_lines(capacity, np.int32) for _ in range(3)))


def window_law(counts: np.ndarray, *, window: int, subsample: float, shrink: bool) -> WindowLaw:
    """Prepare the law of centers and windows for a vocabulary with these counts."""
    limits = keep_limits(counts, subsample)
    uncertain = np.flatnonzero(limits < CERTAIN)
    certain = uncertain[-1] + 1 if len(uncertain) else 0
    return WindowLaw(limits, int(window), bool(shrink), min(int(certain), len(limits) - 1))


@exact_kernel
def _is_kept(law, word, bits):
    """Whether a token is kept, by the highest 31 of its random bits."""
    return np.int64(bits >> _33) <= law.keep_limits[unsigned(min(word, law.certain))]


@exact_kernel
def _read_tokens(text, first, last, words):
    """Copy tokens number first ... last - 1 of a text."""
    if not read_numbers(text.file, first, last - first, words):
        for i in range(last - first):
            words[unsigned(i)] = text.tokens[unsigned(first + i)]


@exact_kernel
def draw_windows(text, law, key, first_sentence, last_sentence, windows):
    """Draw the kept words of some sentences and their windows.

    One draw of 64 bits a token: the highest 31 decide whether it is kept; the lowest 32, as a
    fraction of 1, times the window and without what is left below 1, are b - 1. All tokens of the
    piece are read first; those that are kept then move to the front.

    Parameters
    ----------
    text : Text
    law : WindowLaw
    key : uint64
        The stream: everything that the draws depend on besides the position.
    first_sentence, last_sentence : int
        The piece of text, last exclusive.
    windows : Windows
        Filled; needs room for all tokens of the piece.

    Returns
    -------
    kept : int
        How many words were kept: the filled part of `windows`.
    """
    kept, begin = 0, text.offsets[first_sentence]
    _read_tokens(text, begin, text.offsets[last_sentence], windows.words)
    for sentence in range(first_sentence, last_sentence):
        start = kept
        for position in range(text.offsets[sentence], text.offsets[sentence + 1]):
            bits = random_bits(key, position)
            word = windows.words[unsigned(position - begin)]
            windows.words[unsigned(kept)] = word
            if law.shrink:
                reach = 1 + np.int64(((bits & _LOW_HALF) * unsigned(law.window)) >> _32)
            else:
                reach = law.window
            windows.first[unsigned(kept)] = max(start, kept - reach)
            windows.last[unsigned(kept)] = kept + reach + 1
            # Written in any case, and overwritten by the next token unless it is kept.
            kept += _is_kept(law, word, bits)
        # Windows that reach beyond the sentence end with it. Always as many are looked at, so that
        # the CPU foresees the loop's end: those of earlier sentences end before in any case.
        lowest = kept - law.window
        if law.window > _NARROW_WINDOW:
            lowest = max(start, lowest)
        for k in range(max(0, lowest), kept):
            windows.last[unsigned(k)] = min(windows.last[unsigned(k)], kept)
    return kept


@exact_kernel
def _count_kept(text, law, key, first_token, last_token):
    """Count the words that are kept of some tokens."""
    kept = 0
    for position in range(first_token, last_token):
        kept += _is_kept(law, text.tokens[position], random_bits(key, position))
    return kept


@exact_kernel
def draw_centers(text, law, piece, windows):
    """Draw the windows of all sentences that a piece touches.

    Returns
    -------
    first, last : int
        Which of the words in `windows` are centers of the piece, last exclusive: outside words
        may stand before the first and after the last.
    """
    kept = draw_windows(text, law, piece.key, piece.first_sentence, piece.last_sentence, windows)
    start, end = text.offsets[piece.first_sentence], text.offsets[piece.last_sentence]
    before = _count_kept(text, law, piece.key, start, min(piece.first_token, end))
    after = _count_kept(text, law, piece.key, max(piece.last_token, start), end)
    return before, kept - after
