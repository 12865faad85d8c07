"""The pieces of one pass over a text, and who takes which: in compiled code where it matters.

A kernel takes its own pieces, each some milliseconds of work. To come back to Python for each would
mean to wait for the interpreter's lock: for the other threads where they are many, and for
milliseconds behind one that computes in Python.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nw2v.jit.atomics import (
    NUMBERS_A_LINE,
    fetch_and_add,
    observe,
    publish,
    zeros_on_own_lines,
)
from nw2v.jit.compile import for_kernels_too
from nw2v.kernels.stream import Piece

NO_PIECE = -1
"""In place of a piece: none is left, or the pass has been stopped."""

# Places in `Ledger.state`.
_TAKEN = 0  # how many pieces have been taken
# Whether no more may be: in a cache line of its own, since all threads read it again and again.
_STOPPED = NUMBERS_A_LINE


class Pieces(NamedTuple):
    """The pieces of a pass, in the order in which they are taken: see `Piece`."""

    first_sentences: np.ndarray  # (pieces,) int64
    last_sentences: np.ndarray  # (pieces,) int64
    key: np.uint64
    first_rates: np.ndarray  # (pieces,) float64
    last_rates: np.ndarray  # (pieces,) float64
    first_tokens: np.ndarray  # (pieces,) int64
    last_tokens: np.ndarray  # (pieces,) int64


class Ledger(NamedTuple):
    """Which pieces of a pass have been taken, and what came of them."""

    state: np.ndarray  # int64: see the places above
    done: np.ndarray  # (pieces,) int64: 1 for those that are complete
    losses: np.ndarray  # (pieces,) float64: sum over the pairs
    pairs: np.ndarray  # (pieces,) int64
    centers: np.ndarray  # (pieces,) int64


def one_piece(piece: Piece) -> Pieces:
    """List a single piece."""
    return Pieces(
        np.array([piece.first_sentence], dtype=np.int64),
        np.array([piece.last_sentence], dtype=np.int64),
        np.uint64(piece.key),
        np.array([piece.first_rate], dtype=np.float64),
        np.array([piece.last_rate], dtype=np.float64),
        np.array([piece.first_token], dtype=np.int64),
        np.array([piece.last_token], dtype=np.int64),
    )


def ledger_for(pieces: int) -> Ledger:
    """Make a ledger of pieces none of which has been taken."""
    done, pairs, centers = np.zeros((3, pieces), dtype=np.int64)
    state = zeros_on_own_lines(2 * NUMBERS_A_LINE, np.int64)
    return Ledger(state, done, np.zeros(pieces), pairs, centers)


def stop_taking(ledger: Ledger) -> None:
    """Let no more pieces be taken; those that have been are completed."""
    ledger.state[_STOPPED] = 1


@for_kernels_too
def piece_at(pieces: Pieces, place: int) -> Piece:
    """Give one of the pieces."""
    return Piece(
        pieces.first_sentences[place],
        pieces.last_sentences[place],
        pieces.key,
        pieces.first_rates[place],
        pieces.last_rates[place],
        pieces.first_tokens[place],
        pieces.last_tokens[place],
    )


@for_kernels_too
def take_piece(ledger: Ledger) -> int:
    """Take the next piece: its place, or `NO_PIECE`.

    Called from Python it is not atomic: for one thread alone (see `nw2v.jit.atomics`).
    """
    if observe(ledger.state, _STOPPED):
        return NO_PIECE
    place = int(fetch_and_add(ledger.state, _TAKEN, 1))
    return place if place < len(ledger.done) else NO_PIECE


@for_kernels_too
def complete_piece(ledger: Ledger, place: int, loss: float, pairs: int, centers: int) -> None:
    """Write down what came of a piece; that it is done after the numbers, so that they are seen."""
    ledger.losses[place], ledger.pairs[place], ledger.centers[place] = loss, pairs, centers
    publish(ledger.done, place, 1)
