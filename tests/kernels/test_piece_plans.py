"""How the steps of a piece of text are planned: as for the whole text, or apart from it."""

from __future__ import annotations

import numpy as np
import pytest

from nw2v.kernels import piece_plans
from nw2v.kernels.piece_plans import COUNTERS, plan_piece
from nw2v.kernels.stream import Piece, Windows
from tests.kernels.texts import batch_law_for


@pytest.mark.parametrize("other", [2, 1 + COUNTERS])
def test_a_batch_has_fewer_windows_where_one_word_has_most_pairs(other):
    words = np.array([1, other, 1, 3, 1, 4], dtype=np.int32)
    windows = Windows(words, np.zeros(6, dtype=np.int32), np.array([4, 4, 4, 4, 5, 5], np.int32))
    tally = np.zeros(2 * COUNTERS, dtype=np.int64)
    # Word 1 has 3 + 3 + 4 of 20 pairs; with the other word, which shares its counter, it has 13.
    for pairs_alike, most in ((0.01, 1), (10.0, 6), (50.0, 30), (100.0, 32)):
        law = batch_law_for(np.ones(5), pairs_alike=pairs_alike)
        found = piece_plans._sizes(windows, 6, law, 1e-6, tally)
        assert found == (most, 8, 100.0)
        assert not tally.any()


@pytest.mark.parametrize("parts", [1, 2])
def test_a_piece_that_names_few_words_has_more_negatives_and_less_memory(parts):
    tally = np.zeros(2 * COUNTERS, dtype=np.int64)
    # Each window has 4 outside words: the average word takes part in 4 (1 + K) / words a window.
    last, found = np.full(200, 5, dtype=np.int32), []
    for words in (200, 40, 25, 10):
        windows = Windows(np.arange(200, dtype=np.int32) % words, 0 * last, last)
        law = batch_law_for(
            np.ones(5), memory=256.0, most_changes=120.0, local_pool=12, concentration=0.005,
            parts=parts,
        )  # fmt: skip
        found.append(piece_plans._sizes(windows, 200, law, 0.075, tally))
    # K' negatives may be pushed by 2.15 K' full pairs, and half as far without a memory.
    assert found[0] == (32, 8, 256.0)
    assert [few[1:] for few in found[1:]] == [(12, 100.0), (12, 62.5), (12, 0.0)]
    assert [few[0] for few in found[1:]] == ([10, 9, 8] if parts == 1 else [21, 19, 17])


def test_words_that_share_a_counter_do_not_make_a_piece_one_of_few_words():
    words = np.arange(6000, dtype=np.int32)
    windows = Windows(words, np.zeros_like(words), np.full_like(words, 31))
    law = batch_law_for(np.ones(5), K=20, memory=256.0, most_changes=120.0, concentration=1e-5)
    tally = np.zeros(6000, dtype=np.int64)
    assert piece_plans._sizes(windows, 6000, law, 1e-6, tally) == (32, 8, 256.0)


def test_a_pieces_rate_falls_from_center_to_center():
    words, last = np.arange(50, dtype=np.int32), np.full(50, 3, dtype=np.int32)
    windows, tally = Windows(words, 0 * last, last), np.zeros(COUNTERS, dtype=np.int64)
    piece = Piece(0, 1, np.uint64(1), 0.05, 0.04)
    plan = plan_piece(windows, 50, batch_law_for(np.ones(50)), piece, tally)
    assert (plan.centers, plan.first_rate) == (50, 0.05)
    assert plan.first_rate + 50 * plan.slope == pytest.approx(0.04)
    nothing = plan_piece(windows, 0, batch_law_for(np.ones(50)), piece, tally)
    assert (nothing.centers, nothing.batch_windows) == (0, 32)


def test_batches_are_full_at_rates_so_low_that_nothing_bounds_them():
    words, last = np.zeros(50, dtype=np.int32), np.full(50, 3, dtype=np.int32)
    windows, tally = Windows(words, 0 * last, last), np.zeros(COUNTERS, dtype=np.int64)
    law = batch_law_for(np.ones(50), pairs_alike=1e300)
    assert piece_plans._sizes(windows, 50, law, 1e-300, tally) == (32, 8, 100.0)


def test_pairs_of_a_word_are_counted_beyond_31_bits():
    words, last = np.zeros(4, dtype=np.int32), np.full(4, 2**30 + 1, dtype=np.int32)
    windows, tally = Windows(words, 0 * last, last), np.zeros(COUNTERS, dtype=np.int64)
    counts = piece_plans._count_pairs(windows, 4, tally, piece_plans._OWN)
    assert counts == (2**32, 2.0**64, 2**32)
