"""Rows of expected counts against the plain twin, and the twin against all that can happen."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nw2v.corpus.cooccurrence_rows import (
    Occurrences,
    PairLaw,
    collect,
    count_rows,
    rows_for,
    scratch_for,
    sum_rows,
)
from nw2v.jit import COMPILED
from tests import naive
from tests.kernels.texts import random_text

VOCABULARY = 30


def collected(text, words, vocabulary=VOCABULARY):
    words = np.asarray(words, dtype=np.int32)
    counts = np.bincount(text.tokens, minlength=vocabulary)
    starts = np.concatenate([[0], np.cumsum(counts[words])])
    places = np.full(vocabulary, -1, dtype=np.int64)
    places[words] = starts[:-1]
    found = (np.zeros(starts[-1], dtype=np.int64) for _ in range(2))
    occurrences = Occurrences(words, starts, *found)
    collect(text.tokens, text.offsets, 0, len(text.tokens), 0, places, occurrences)
    return occurrences


def dense(text, keep, window, shrink, cutoff):
    """Count all rows, and write them into a matrix."""
    V = len(keep)
    rows = rows_for(V, V * V + V)
    occurrences = collected(text, np.arange(V), V)
    law = PairLaw(np.asarray(keep), window, shrink, cutoff)
    done, written = count_rows(
        text.tokens, text.offsets, law, occurrences, 0, V, scratch_for(V, window), rows
    )
    assert done == V
    assert written == rows.sizes.sum()
    counts = np.zeros((V, V))
    ends = np.cumsum(rows.sizes)
    for row, (end, size) in enumerate(zip(ends, rows.sizes, strict=True)):
        words = rows.words[end - size : end]
        assert (np.diff(words) > 0).all()
        counts[row, words] = rows.counts[end - size : end]
    return counts


# --- the twin -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shrink", [True, False])
@pytest.mark.parametrize("window", [1, 2, 3])
def test_the_twin_is_the_mean_of_all_that_can_happen(window, shrink):
    sentence, keep = [0, 1, 2, 1, 0, 2], np.array([0.9, 0.5, 0.2])
    ref = np.zeros((3, 3))
    widths = range(1, window + 1) if shrink else [window]
    for kept in itertools.product([False, True], repeat=len(sentence)):
        chance = np.where(kept, keep[sentence], 1 - keep[sentence]).prod()
        words = list(itertools.compress(sentence, kept))
        for i, j in itertools.permutations(range(len(words)), 2):
            within = sum(abs(i - j) <= width for width in widths) / len(widths)
            ref[words[i], words[j]] += chance * within
    np.testing.assert_allclose(
        naive.cooccurrence_counts([sentence], keep, window, shrink), ref, rtol=1e-12
    )


# --- the kernel -----------------------------------------------------------------------------------


@settings(max_examples=40 if COMPILED else 8, derandomize=True)
@given(
    seed=st.integers(0, 100),
    window=st.integers(1, 12),
    keeping=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    shrink=st.booleans(),
    cutoff=st.sampled_from([1e-12, 1e-3, 0.1]),
)
def test_rows_equal_the_plain_twin(seed, window, keeping, shrink, cutoff):
    sentences, text, _ = random_text(seed)
    generator = np.random.default_rng(seed)
    keep = np.minimum(1.0, keeping + generator.random(VOCABULARY) * (keeping < 1))
    ref = naive.cooccurrence_counts(sentences, keep, window, shrink, cutoff)
    comp = dense(text, keep, window, shrink, cutoff)
    np.testing.assert_allclose(comp, ref, rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(comp, comp.T, rtol=1e-6, atol=1e-15)


def test_a_wide_window_over_a_long_sentence():
    generator = np.random.default_rng(3)
    keep = np.array([0.05, 0.3, 0.9, 1.0, 1e-9])
    sentence = [int(w) for w in generator.integers(0, 5, 90)]
    text = random_text()[1]._replace(
        tokens=np.array(sentence, dtype=np.int32), offsets=np.array([0, 90])
    )
    ref = naive.cooccurrence_counts([sentence], keep, 25, True, 1e-6)
    np.testing.assert_allclose(dense(text, keep, 25, True, 1e-6), ref, rtol=1e-6)


def test_words_that_are_never_kept_have_no_entries():
    sentences, text, _ = random_text(4)
    keep = np.ones(VOCABULARY)
    keep[[0, 3]] = 0
    comp = dense(text, keep, 3, True, 1e-3)
    np.testing.assert_allclose(comp, naive.cooccurrence_counts(sentences, keep, 3, True), rtol=1e-6)
    assert not comp[[0, 3]].any()


def test_no_pair_crosses_the_end_of_a_sentence():
    text = random_text()[1]._replace(
        tokens=np.array([0, 1, 2, 3], dtype=np.int32), offsets=np.array([0, 2, 2, 4])
    )
    ref = np.zeros((4, 4))
    ref[0, 1] = ref[1, 0] = ref[2, 3] = ref[3, 2] = 1
    np.testing.assert_array_equal(dense(text, np.ones(4), 5, False, 1e-3), ref)


def test_rows_stop_where_there_may_be_no_room():
    _, text, _ = random_text(2)
    law = PairLaw(np.ones(VOCABULARY), 3, True, 1e-3)
    occurrences, scratch = collected(text, [0, 1, 5]), scratch_for(VOCABULARY, 3)
    rows = rows_for(3, VOCABULARY)
    done, written = count_rows(text.tokens, text.offsets, law, occurrences, 0, 3, scratch, rows)
    assert (done, written) == (1, rows.sizes[0])
    assert not scratch.row.any()
    again = count_rows(text.tokens, text.offsets, law, occurrences, 1, 3, scratch, rows)
    assert again == (2, rows.sizes[0])


@pytest.mark.parametrize("vocabulary", [2, 3, 16, 17, 255, 257, 70_000])
def test_scratch_has_two_digits_for_every_word(vocabulary):
    scratch = scratch_for(vocabulary, 5)
    assert len(scratch.digits) == 2**scratch.half
    assert len(scratch.digits) ** 2 >= vocabulary


def test_rows_are_sorted_in_a_large_vocabulary():
    V = 1000
    generator = np.random.default_rng(1)
    tokens = generator.permutation(V).astype(np.int32)
    text = random_text()[1]._replace(tokens=tokens, offsets=np.array([0, V]))
    rows, scratch = rows_for(1, V), scratch_for(V, 300)
    occurrences = collected(text, [tokens[500]], V)
    law = PairLaw(np.ones(V), 300, False, 1e-3)
    count_rows(text.tokens, text.offsets, law, occurrences, 0, 1, scratch, rows)
    near = np.concatenate([tokens[200:500], tokens[501:801]])
    np.testing.assert_array_equal(rows.words[: rows.sizes[0]], np.sort(near))


def test_sums_of_rows():
    sums = np.zeros(3)
    sum_rows(np.array([0, 2, 2, 3]), np.array([1, 0.5, 4], dtype=np.float32), sums)
    np.testing.assert_array_equal(sums, [1.5, 0, 4])
