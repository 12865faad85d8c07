"""The pieces of one pass over a text, taken by threads inside compiled code.

A thread that had to come back to Python for each piece would wait there for all other Python
threads of the process: with many threads for each other, and beside one that computes, for
milliseconds a piece.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nw2v.jit.atomics import NUMBERS_A_LINE, fetch_and_add, observe, publish
from nw2v.jit.compile import for_kernels_too
from nw2v.kernels.stream import Piece

NONE = -1
"""In place of a piece: none is left, or the pass has been stopped."""

# Places in `Ledger.state`.
_TAKEN = 0  # how many pieces have been taken
_STOPPED = NUMBERS_A_LINE  # whether no more may be


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
    columns = {name: np.array([value]) for name, value in piece._asdict().items() if name != "key"}
    return Pieces(
        columns["first_sentence"],
        columns["last_sentence"],
        np.uint64(piece.key),
        columns["first_rate"],
        columns["last_rate"],
        columns["first_token"],
        columns["last_token"],
    )


def ledger_for(pieces: int) -> Ledger:
    """Make a ledger of pieces none of which has been taken."""
    done, pairs, centers = np.zeros((3, pieces), dtype=np.int64)
    return Ledger(
        np.zeros(2 * NUMBERS_A_LINE, dtype=np.int64), done, np.zeros(pieces), pairs, centers
    )


def stop(ledger: Ledger) -> None:
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
    """Take the next piece: its place, or `NONE`."""
    if observe(ledger.state, _STOPPED):
        return NONE
    place = int(fetch_and_add(ledger.state, _TAKEN, 1))
    return place if place < len(ledger.done) else NONE


@for_kernels_too
def complete_piece(ledger: Ledger, place: int, loss: float, pairs: int, centers: int) -> None:
    """Write down what came of a piece."""
    ledger.losses[place], ledger.pairs[place], ledger.centers[place] = loss, pairs, centers
    publish(ledger.done, place, 1)
