"""What steps are about: where batches end, and which negatives they have."""

from __future__ import annotations

import numpy as np
import pytest

from nw2v.jit.batches import COPIED
from nw2v.jit.random import stream_key
from nw2v.kernels import window_batches
from nw2v.kernels.hot_rows import no_copies
from nw2v.kernels.stream import Piece, Windows, window_law, windows_for
from nw2v.kernels.window_batches import (
    ALL_CENTERS,
    BATCH_COUNTERS,
    COUNT,
    COUNTERS,
    SOON_CENTERS,
    SOON_OUTSIDES,
    begin_piece,
    course_for,
    is_left,
    list_step,
    step_for,
)
from tests import naive
from tests.kernels.texts import negatives_for, random_text


@pytest.mark.parametrize("pool", [4, 8, 12, 16])
def test_negatives_are_read_on_from_the_beginning_of_the_table(pool):
    negatives = negatives_for(np.arange(1, 50), pool=pool)
    places = window_batches._last_place(negatives) + 1
    table = negatives.table[:places]
    for before in (0, 2, 4, pool):
        place = (places - before) % places
        words = np.zeros(pool + COPIED, dtype=np.int32)
        after = window_batches._draw_negatives((), negatives, no_copies(8), pool, place, words)
        np.testing.assert_array_equal(words[:pool], table[(place + np.arange(pool)) % places])
        assert after == (place + pool) % places


def batches_by_kernel(given, most, alike):
    words = np.array(given, dtype=np.int32)
    tally = np.zeros(BATCH_COUNTERS, dtype=np.int32)
    found, first = [], 0
    while first < len(given):
        end = min(first + most, len(given))
        last = window_batches._end_of_batch(words, first, end, alike, tally)
        found.append(list(range(first, last)))
        first = last
    assert not tally.any()
    return found


def test_a_batch_ends_before_a_word_is_center_too_often():
    given = [3, 3, 5, 3, 3, 3, 7, 8, 9, 9]
    expected = [[0, 1, 2], [3, 4], [5, 6, 7, 8], [9]]
    assert batches_by_kernel(given, 4, 2) == naive.batches_of(given, 4, 2) == expected


def test_words_that_share_a_counter_do_not_end_a_batch():
    other = 3 + BATCH_COUNTERS
    assert batches_by_kernel([3, other, 3, other], 4, 2) == [[0, 1, 2, 3]]
    given = [3, other, 3, 3, other, other]
    assert batches_by_kernel(given, 6, 2) == naive.batches_of(given, 6, 2) == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("other", [2, 1 + COUNTERS])
def test_a_batch_has_fewer_windows_where_one_word_has_most_pairs(other):
    words = np.array([1, other, 1, 3, 1, 4], dtype=np.int32)
    windows = Windows(words, np.zeros(6, dtype=np.int32), np.array([4, 4, 4, 4, 5, 5], np.int32))
    tally = np.zeros(2 * COUNTERS, dtype=np.int32)
    # Word 1 has 3 + 3 + 4 of 20 pairs; with the other word, which shares its counter, it has 13.
    for pairs_alike, most in ((0.01, 1), (10.0, 6), (50.0, 30), (100.0, 32)):
        negatives = negatives_for(np.ones(5), pairs_alike=pairs_alike)
        found = window_batches._suit_piece(windows, 6, negatives, 1e-6, tally)
        assert found == (most, 8, 100.0)
        assert not tally.any()


@pytest.mark.parametrize("parts", [1, 2])
def test_a_piece_that_names_few_words_has_more_negatives_and_less_memory(parts):
    tally = np.zeros(2 * COUNTERS, dtype=np.int32)
    # Each window has 4 outside words: the average word takes part in 4 (1 + K) / words a window.
    last, found = np.full(200, 5, dtype=np.int32), []
    for words in (200, 40, 25, 10):
        windows = Windows(np.arange(200, dtype=np.int32) % words, 0 * last, last)
        negatives = negatives_for(
            np.ones(5), remembered=256.0, most_changes=120.0, largest_pool=12, concentration=0.005,
            parts=parts,
        )  # fmt: skip
        found.append(window_batches._suit_piece(windows, 200, negatives, 0.075, tally))
    # K' negatives may be pushed by 2.15 K' full pairs, and half as far where nothing is remembered.
    assert found[0] == (32, 8, 256.0)
    assert [few[1:] for few in found[1:]] == [(12, 100.0), (12, 62.5), (12, 0.0)]
    assert [few[0] for few in found[1:]] == ([10, 9, 8] if parts == 1 else [21, 19, 17])


def test_words_that_share_a_counter_do_not_make_a_piece_one_of_few_words():
    words = np.arange(6000, dtype=np.int32)
    windows = Windows(words, np.zeros_like(words), np.full_like(words, 31))
    negatives = negatives_for(
        np.ones(5), K=20, remembered=256.0, most_changes=120.0, concentration=1e-5
    )
    tally = np.zeros(6000, dtype=np.int32)
    assert window_batches._suit_piece(windows, 6000, negatives, 1e-6, tally) == (32, 8, 256.0)


@pytest.mark.parametrize(("parts", "most"), [(1, 8), (2, 32)])
def test_a_step_lists_what_is_needed_soon(parts, most):
    _, text, counts = random_text(seed=4, sentences=12)
    law = window_law(counts, window=3, subsample=0.0, shrink=True)
    negatives = negatives_for(counts, pool=4, windows=most, parts=parts, alike=4)
    windows = windows_for(len(text.tokens) + 64)
    tally = np.zeros(max(COUNTERS, len(counts)), dtype=np.int32)
    piece, course = Piece(0, len(text.offsets) - 1, stream_key(3), 0.05, 0.01), course_for()
    plan = begin_piece(text, law, negatives, no_copies(8), piece, windows, tally, course)
    assert (plan.batch, plan.pool, plan.first_rate) == (most, 4, 0.05)
    total = course.state[ALL_CENTERS]
    done, part, soon = 0, 0, None
    while is_left(course):
        step = step_for(law.window, 4)
        list_step((), windows, law, negatives, no_copies(8), plan, course, step)
        count = step.state[COUNT]
        words = windows.words[done : done + count]
        np.testing.assert_array_equal(step.centers[:count], words)
        if soon is not None:
            np.testing.assert_array_equal(step.negatives[:4], soon.soon_outsides[:4])
            if part == 0:
                # The batch may end earlier than was expected.
                np.testing.assert_array_equal(words, soon.soon_centers[:count])
                assert count <= soon.state[SOON_CENTERS]
        after = done + count
        expected = min(most, total - after)
        assert step.state[SOON_CENTERS] == expected
        new = windows.words[after + law.window : min(after + law.window + expected, total)]
        assert step.state[SOON_OUTSIDES] == 4 + len(new)
        np.testing.assert_array_equal(step.soon_outsides[4 : 4 + len(new)], new)
        soon, part = step, (part + 1) % parts
        done = after if part == 0 else done
    assert done == total > 3 * most / 2
