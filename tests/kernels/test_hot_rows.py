"""Copies of frequent words' rows: who has them, and that nothing is lost when they are merged."""

from __future__ import annotations

import numpy as np
import pytest

from nw2v.jit.random import stream_key
from nw2v.kernels.hot_rows import (
    FLOATS_A_PIECE,
    LARGEST_LAG,
    LEAST_MERGES,
    MOST_COPIES,
    MOST_SLICES,
    Copies,
    copies_for,
    copy_rows,
    merge_all_copies,
    merge_copies,
    no_copies,
    replace_by_copies,
)
from nw2v.kernels.negative_sampling import negative_sampling_pass, new_workspace
from nw2v.kernels.stream import window_law
from tests.kernels.texts import (
    PORTABLE,
    batch_law_for,
    parameters_for,
    pieces_of,
    random_text,
    sums,
    vectors_of,
)

VOCABULARY, LENGTH = 30, 16


def copies_of_words(words=7, slices=3, step=1, vocabulary=VOCABULARY, length=LENGTH):
    bases = np.zeros((2, words, length), dtype=np.float32)
    return Copies(words, vocabulary, slices, 0, step, *bases)


def random_matrices(copies, seed=0):
    generator = np.random.default_rng(seed)
    rows = VOCABULARY + copies.copied
    centers, outsides = generator.normal(size=(2, rows, LENGTH)).astype(np.float32)
    return centers, outsides


def changed(matrices, copies, seed):
    """Matrices whose copies were equal to the rows, and then both changed: what each learnt."""
    copy_rows(matrices[0], matrices[1], copies)
    generator = np.random.default_rng(seed)
    changes = [generator.normal(size=m.shape).astype(np.float32) for m in matrices]
    for matrix, change in zip(matrices, changes, strict=True):
        matrix += change
    return changes


def test_one_thread_alone_has_no_copies():
    assert copies_for(50_000, 112, push_a_piece=1.0, pieces=1e4, mergers=0).copied == 0
    assert no_copies(112).copied == 0


@pytest.mark.parametrize("mergers", [1, 2, 3, 8])
@pytest.mark.parametrize("vocabulary", [100, 1000, 50_000])
@pytest.mark.parametrize("pieces", [10.0, 39.9, 40.0, 155.0, 1e5])
@pytest.mark.parametrize("push", [0.0, 20.0, 68.0, 700.0])
def test_copies_are_merged_often_enough_or_there_are_none(mergers, vocabulary, pieces, push):
    copies = copies_for(vocabulary, 24, push_a_piece=push, pieces=pieces, mergers=mergers)
    if copies.copied == 0:
        slices = mergers
        assert slices > MOST_SLICES or pieces < LEAST_MERGES * slices or push * slices > LARGEST_LAG
        return
    # Each piece merges one slice, and all threads together merge all of them.
    assert copies.slices % mergers == 0 and copies.stride == mergers
    assert pieces / copies.slices >= LEAST_MERGES and push * copies.slices <= LARGEST_LAG
    assert 0 < copies.copied <= min(vocabulary, MOST_COPIES)
    assert copies.copied / copies.slices * 24 <= FLOATS_A_PIECE
    assert copies.first_row == vocabulary
    assert copies.center_bases.shape == copies.outside_bases.shape == (copies.copied, 24)


def test_more_words_have_copies_in_longer_texts():
    found = [
        copies_for(50_000, 128, push_a_piece=1.0, pieces=n, mergers=1) for n in (39, 50, 100, 1000)
    ]
    assert [copies.copied for copies in found] == [0, 1024, 2048, 2048]


def test_fewer_words_have_copies_where_rows_are_long():
    found = [
        copies_for(50_000, n, push_a_piece=100.0, pieces=1e3, mergers=1) for n in (64, 128, 512)
    ]
    assert [copies.copied for copies in found] == [2048, 2048, 512]


def test_words_that_have_copies_stand_for_these():
    copies = copies_of_words(words=7)
    words = np.array([0, 6, 7, 29, 3, 5], dtype=np.int32)
    replace_by_copies(copies, words, 5)
    assert words.tolist() == [30, 36, 7, 29, 33, 5]
    replace_by_copies(no_copies(LENGTH), words, 6)
    assert words.tolist() == [30, 36, 7, 29, 33, 5]


def test_merged_rows_have_what_both_have_learnt():
    copies = copies_of_words()
    matrices = random_matrices(copies)
    before = [m.copy() for m in matrices]
    changes = changed(matrices, copies, seed=1)
    merge_all_copies(matrices[0], matrices[1], copies)
    for now, was, change in zip(matrices, before, changes, strict=True):
        both = was[:7] + change[:7] + change[VOCABULARY:]
        np.testing.assert_allclose(now[:7], both, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(now[VOCABULARY:], now[:7])
        np.testing.assert_array_equal(now[7:VOCABULARY], (was + change)[7:VOCABULARY])
    for bases, now in zip((copies.center_bases, copies.outside_bases), matrices, strict=True):
        np.testing.assert_array_equal(bases, now[:7])


@pytest.mark.parametrize(("slices", "step"), [(1, 1), (3, 1), (4, 2), (6, 3), (8, 1)])
def test_all_slices_of_all_threads_are_all_copies(slices, step):
    copies = copies_of_words(slices=slices, step=step)
    matrices = random_matrices(copies)
    changed(matrices, copies, seed=1)
    centers, outsides = matrices
    found, expected = (centers.copy(), outsides.copy()), (centers.copy(), outsides.copy())
    bases = copies.center_bases.copy(), copies.outside_bases.copy()
    merge_all_copies(expected[0], expected[1], copies)
    copies = copies._replace(center_bases=bases[0], outside_bases=bases[1])
    for merger in range(step):
        its = copies._replace(first_slice=merger)
        number, numbers = its.first_slice, []
        for _ in range(slices // step):
            numbers.append(number)
            number = merge_copies(found[0], found[1], its, number)
        assert numbers == list(range(merger, slices, step)) and number == merger
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


def test_a_row_whose_copy_has_not_changed_keeps_its_bits():
    copies = copies_of_words()
    matrices = random_matrices(copies)
    copy_rows(matrices[0], matrices[1], copies)
    changes = random_matrices(copies, seed=3)
    for matrix, change in zip(matrices, changes, strict=True):
        matrix[:VOCABULARY] += change[:VOCABULARY]
    before = [m.copy() for m in matrices]
    for number in range(3):
        merge_copies(matrices[0], matrices[1], copies, number)
    merge_all_copies(matrices[0], matrices[1], copies)
    for now, was in zip(matrices, before, strict=True):
        np.testing.assert_array_equal(now[:VOCABULARY], was[:VOCABULARY])
        np.testing.assert_array_equal(now[VOCABULARY:], was[:7])


@pytest.mark.parametrize("portable", PORTABLE)
def test_a_thread_learns_on_copies_what_it_learns_on_the_words_own_rows(portable):
    """Every word of a step, negative or not, stands for the row that the thread works on."""
    _, text, counts = random_text(seed=5, sentences=60)
    law = window_law(counts, window=3, subsample=0.0, shrink=True)
    batch_law = batch_law_for(counts, pool=8, memory=100.0)
    bounds = np.linspace(0, len(text.offsets) - 1, 7).astype(int)
    results = []
    for words in (0, 11):
        comp = parameters_for(len(counts), 20, portable)
        centers, outsides = comp.center_rows, comp.outside_rows
        length = centers.shape[1]
        copies = copies_of_words(words, 2, vocabulary=len(counts), length=length)
        copy_rows(centers, outsides, copies)
        workspace = new_workspace(
            len(text.tokens), len(centers), law.window, 8, length, copies if words else None
        )
        pieces, ledger = pieces_of(text, stream_key(1), 0.05, bounds)
        negative_sampling_pass(vectors_of(comp), text, law, batch_law, pieces, ledger, workspace)
        if words:
            # Six pieces merged the two slices in turn, the second one (words 5 to 10) last.
            copied = centers[len(counts) : len(counts) + words]
            np.testing.assert_array_equal(copied[5:], centers[5:words])
            assert (copied[:5] != centers[:5]).any()
        merge_all_copies(centers, outsides, copies)
        results.append((comp.centers.copy(), comp.outsides.copy(), sums(ledger)))
    (v, u, amounts), (v_by_copies, u_by_copies, amounts_by_copies) = results
    np.testing.assert_allclose(v_by_copies, v, rtol=0, atol=2e-5)
    np.testing.assert_allclose(u_by_copies, u, rtol=0, atol=2e-5)
    assert amounts_by_copies[0] == pytest.approx(amounts[0], rel=1e-5)
    assert amounts_by_copies[1:] == amounts[1:]
