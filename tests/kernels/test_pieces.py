"""Pieces of a pass: each is taken by one thread, and none after the pass has been stopped."""

from __future__ import annotations

import threading

import numpy as np

from nw2v.jit import COMPILED, kernel
from nw2v.kernels.pieces import (
    NO_PIECE,
    complete_piece,
    ledger_for,
    one_piece,
    piece_at,
    stop_taking,
    take_piece,
)
from nw2v.kernels.stream import Piece


@kernel
def take_all(ledger, taken):
    place = take_piece(ledger)
    while place != NO_PIECE:
        taken[place] += 1
        complete_piece(ledger, place, 0.5 * place, 2 * place, place)
        place = take_piece(ledger)


def test_each_piece_is_taken_once_and_written_down():
    pieces = 20_000
    ledger, taken = ledger_for(pieces), np.zeros(pieces, dtype=np.int64)
    # Without compilation, only one thread may take pieces.
    threads = [
        threading.Thread(target=take_all, args=(ledger, taken)) for _ in range(4 if COMPILED else 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (taken == 1).all() and (ledger.done == 1).all()
    np.testing.assert_array_equal(ledger.losses, 0.5 * np.arange(pieces))
    np.testing.assert_array_equal(ledger.pairs, 2 * np.arange(pieces))
    np.testing.assert_array_equal(ledger.centers, np.arange(pieces))


def test_no_piece_is_taken_after_the_pass_was_stopped():
    ledger, taken = ledger_for(5), np.zeros(5, dtype=np.int64)
    assert [take_piece(ledger), take_piece(ledger)] == [0, 1]
    stop_taking(ledger)
    assert take_piece(ledger) == NO_PIECE
    take_all(ledger, taken)
    assert not taken.any() and not ledger.done.any()


def test_a_single_piece_is_given_as_it_was():
    piece = Piece(3, 7, np.uint64(2**63 + 1), 0.05, 0.025, 100, 200)
    assert piece_at(one_piece(piece), 0) == piece
    whole = Piece(0, 1, np.uint64(1), 0.0, 0.0)
    assert piece_at(one_piece(whole), 0) == whole
