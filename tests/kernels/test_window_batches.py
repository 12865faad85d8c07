"""What steps are about: where batches end, and which pairs and negatives they have."""

from __future__ import annotations

import numpy as np
import pytest

from nw2v.jit.batches import COPIED
from nw2v.jit.random import stream_key
from nw2v.kernels import window_batches
from nw2v.kernels.hot_rows import no_copies
from nw2v.kernels.piece_plans import COUNTERS, plan_piece
from nw2v.kernels.stream import Piece, draw_windows, new_windows, window_law
from nw2v.kernels.window_batches import (
    BATCH_COUNTERS,
    begin_course,
    has_steps_left,
    list_step,
    new_lists,
)
from tests import naive
from tests.kernels.texts import batch_law_for, random_text


@pytest.mark.parametrize("pool", [4, 8, 12, 16])
def test_negatives_are_read_on_from_the_beginning_of_the_table(pool):
    law = batch_law_for(np.arange(1, 50), pool=pool)
    size = window_batches._position_mask(law) + 1
    table = law.table[:size]
    for before in (0, 2, 4, pool):
        position = (size - before) % size
        words = np.zeros(pool + COPIED, dtype=np.int32)
        window_batches._list_negatives((), law, no_copies(8), pool, position, words)
        np.testing.assert_array_equal(words[:pool], table[(position + np.arange(pool)) % size])


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_parts_of_a_window_are_all_of_its_outside_words_in_order(parts):
    for before, after in ((0, 0), (0, 5), (4, 0), (3, 2), (9, 9)):
        window = [f"-{i}" for i in range(before)] + [f"+{i}" for i in range(after)]
        found = []
        for part in range(parts):
            first, split, end = window_batches._part_of_window(before, before + after, part, parts)
            assert first <= split <= end
            assert all(word[0] == "-" for word in window[first:split])
            assert all(word[0] == "+" for word in window[split:end])
            found += window[first:end]
        assert found == window


def batches_by_kernel(given, most, alike):
    words = np.array(given, dtype=np.int32)
    tally = np.zeros(BATCH_COUNTERS, dtype=np.int64)
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


@pytest.mark.parametrize(("parts", "most"), [(1, 8), (2, 32)])
def test_a_step_lists_what_the_next_one_needs(parts, most):
    _, text, counts = random_text(seed=4, sentences=12)
    law = window_law(counts, window=3, subsample=0.0, shrink=True)
    batch_law = batch_law_for(counts, pool=4, windows=most, parts=parts, alike=4)
    windows = new_windows(len(text.tokens) + 64)
    tally = np.zeros(max(COUNTERS, len(counts)), dtype=np.int64)
    piece = Piece(0, len(text.offsets) - 1, stream_key(3), 0.05, 0.01)
    total = draw_windows(text, law, piece.key, 0, piece.last_sentence, windows)
    plan = plan_piece(windows, total, batch_law, piece, tally)
    assert (plan.centers, plan.batch_windows, plan.pool) == (total, most, 4)
    course = begin_course(batch_law, piece, 0)
    done, part, before = 0, 0, None
    while has_steps_left(course, plan):
        lists = new_lists(law.window, 4)
        size, course = list_step(
            (), windows, law.window, batch_law, plan, no_copies(8), course, tally, lists
        )
        assert not tally.any()
        words = windows.words[done : done + size.centers]
        np.testing.assert_array_equal(lists.centers[: size.centers], words)
        assert size.rate == pytest.approx(0.05 - 0.04 * done / total)
        if before is not None:
            size_before, lists_before = before
            np.testing.assert_array_equal(lists.negatives[:4], lists_before.next_outsides[:4])
            if part == 0:
                # The batch may end earlier than was expected.
                np.testing.assert_array_equal(words, lists_before.next_centers[: size.centers])
                assert size.centers <= size_before.next_centers
        after = done + size.centers
        expected = min(most, total - after)
        assert size.next_centers == expected
        new = windows.words[after + law.window : min(after + law.window + expected, total)]
        assert size.next_outsides == 4 + len(new)
        np.testing.assert_array_equal(lists.next_outsides[4 : 4 + len(new)], new)
        before, part = (size, lists), (part + 1) % parts
        done = after if part == 0 else done
    assert done == total > 3 * most / 2
