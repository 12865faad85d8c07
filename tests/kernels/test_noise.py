"""The noise table holds the distribution that it claims."""

from __future__ import annotations

import numpy as np
import pytest

from nw2v.errors import InputError
from nw2v.kernels.noise import (
    ENTRIES_A_WORD,
    SMALLEST_TABLE,
    TABLE_REPEATS,
    noise_counts,
    noise_probabilities,
    noise_table,
)


@pytest.mark.parametrize("words", [1, 2, 1000, 100_000])
def test_entries_sum_to_a_power_of_two_and_leave_no_word_out(words):
    counts = 1e6 / np.arange(1, words + 1)
    distribution = counts**0.75 / (counts**0.75).sum()
    entries = noise_counts(distribution)
    size = int(entries.sum())
    assert size >= max(SMALLEST_TABLE, ENTRIES_A_WORD * words)
    assert size & (size - 1) == 0
    assert entries.min() >= 1
    # One entry a word is given away first: no probability moves by more than that.
    error = np.abs(noise_probabilities(entries) - distribution)
    assert error.max() <= (1 + words * distribution.max()) / size + 1e-12


def test_the_table_has_each_word_as_often_as_it_has_entries():
    entries = noise_counts(np.array([0.7, 0.2, 0.1]))
    table = noise_table(entries, seed=1)
    once, repeats = table[:-TABLE_REPEATS], table[-TABLE_REPEATS:]
    np.testing.assert_array_equal(np.bincount(once), entries)
    np.testing.assert_array_equal(repeats, once[:TABLE_REPEATS])
    np.testing.assert_array_equal(table, noise_table(entries, seed=1))
    assert (table != noise_table(entries, seed=2)).any()


def test_a_distribution_that_is_not_finite_is_refused():
    with pytest.raises(InputError, match=r"loss\.noise_exponent"):
        noise_counts(np.array([np.nan, 0.5]))
