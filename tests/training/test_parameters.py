"""Initial vectors."""

from __future__ import annotations

import numpy as np

from nw2v.training.parameters import Parameters


def test_initial_vectors_follow_the_seed_and_the_scale():
    one, same, other = (
        Parameters(50, 20, seed=1, initial_scale=1.0),
        Parameters(50, 20, seed=1, initial_scale=1.0),
        Parameters(50, 20, seed=2, initial_scale=1.0),
    )
    np.testing.assert_array_equal(one.center_vectors, same.center_vectors)
    assert (one.center_vectors != other.center_vectors).any()
    assert (one.outside_vectors == 0).all()
    largest = np.abs(one.center_vectors).max()
    assert 0.9 * 0.5 / 20 < largest <= 0.5 / 20
    wide = Parameters(50, 20, seed=1, initial_scale=4.0)
    np.testing.assert_allclose(wide.center_vectors, 4 * one.center_vectors, rtol=1e-6)


def test_the_layout_does_not_change_the_vectors():
    padded, portable = (
        Parameters(30, 13, seed=1, initial_scale=1.0),
        Parameters(30, 13, seed=1, initial_scale=1.0, portable=True),
    )
    np.testing.assert_array_equal(padded.center_vectors, portable.center_vectors)
    assert (padded.centers[:, 13:] == 0).all()


def test_a_vocabulary_larger_than_a_block_is_filled():
    large = Parameters(3000, 1000, seed=1, initial_scale=1.0)
    assert (np.abs(large.center_vectors).sum(axis=1) > 0).all()
