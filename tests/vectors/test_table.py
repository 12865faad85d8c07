"""Checks that every table of vectors passes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from nw2v.errors import InputError
from nw2v.vectors.table import Table, check_finite, shown, without_repeated_words


def test_check_finite():
    check_finite(np.eye(2), ["a", "b"], "x")
    with pytest.raises(InputError, match=r"x: the vector of 'b' \(row 1, from 0\) has inf in col"):
        check_finite(np.array([[1, 2], [3, np.inf], [np.nan, 1]]), ["a", "b", "c"], "x")


def test_repeated_words_keep_their_first_vector():
    table = Table(["a", "b", "a", "c", "b"], np.arange(10.0).reshape(5, 2), np.arange(5))
    with pytest.warns(UserWarning, match=r"x: 2 rows repeat a word \(the first is 'a'\)"):
        comp = without_repeated_words(table, "x")
    assert comp.words == ["a", "b", "c"]
    assert_array_equal(comp.vectors, [[0, 1], [2, 3], [6, 7]])
    assert_array_equal(comp.counts, [0, 1, 3])


def test_without_repetition_nothing_is_copied():
    table = Table(["a", "b"], np.eye(2))
    assert without_repeated_words(table, "x") is table


def test_shown_is_one_short_line():
    assert shown("a\nb") == r"'a\nb'"
    assert len(shown("x" * 1000)) < 100
