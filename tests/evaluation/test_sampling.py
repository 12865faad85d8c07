from __future__ import annotations

import numpy as np

from nw2v.evaluation import sampling
from nw2v.evaluation.sampling import resample_multiplicities, sample_without_replacement
from nw2v.jit.random import stream_key


def test_every_number_is_as_likely(monkeypatch):
    monkeypatch.setattr(sampling, "_RANKS_A_BLOCK", 7)  # more than one block
    drawn = np.zeros(30)
    for seed in range(3000):
        numbers = sample_without_replacement(30, 10, stream_key(seed))
        assert len(set(numbers.tolist())) == 10
        drawn[numbers] += 1
    assert np.abs(drawn / 3000 - 1 / 3).max() < 5 * np.sqrt(2 / 9 / 3000)


def test_blocks_do_not_change_the_sample(monkeypatch):
    whole = sample_without_replacement(1000, 100, stream_key(1))
    monkeypatch.setattr(sampling, "_RANKS_A_BLOCK", 64)
    assert np.array_equal(whole, sample_without_replacement(1000, 100, stream_key(1)))


def test_a_sample_of_more_than_there_are_is_all():
    assert sample_without_replacement(5, 9, stream_key(0)).tolist() == [0, 1, 2, 3, 4]
    assert sample_without_replacement(0, 9, stream_key(0)).tolist() == []


def resampled(strata: list[int], resamples: int, seed: int = 0) -> np.ndarray:
    blocks = resample_multiplicities(np.array(strata), resamples, stream_key(seed))
    return np.concatenate(list(blocks))


def test_each_stratum_keeps_its_size_in_every_resample():
    strata = [2, 0, 2, 2, 0, 5]
    multiplicities = resampled(strata, 500)
    assert multiplicities.shape == (500, 6)
    assert multiplicities.min() >= 0
    for stratum, size in ((0, 2), (2, 3), (5, 1)):
        assert (multiplicities[:, np.array(strata) == stratum].sum(axis=1) == size).all()


def test_multiplicities_are_multinomial():
    multiplicities = resampled([0] * 8, 20_000)
    covariance = np.cov(multiplicities.T)
    assert np.abs(multiplicities.mean(axis=0) - 1).max() < 0.03
    assert np.abs(np.diag(covariance) - 7 / 8).max() < 0.05
    assert np.abs(covariance[~np.eye(8, dtype=bool)] + 1 / 8).max() < 0.03


def test_blocks_do_not_change_resamples(monkeypatch):
    whole = resampled([0, 0, 1, 1, 1], 100)
    monkeypatch.setattr(sampling, "_DRAWS_A_BLOCK", 17)
    assert np.array_equal(whole, resampled([0, 0, 1, 1, 1], 100))
    assert not np.array_equal(whole, resampled([0, 0, 1, 1, 1], 100, seed=1))


def test_draws_are_what_they_always_were():
    assert resampled([0, 0, 0, 0, 1, 1], 3).tolist() == [
        [3, 1, 0, 0, 0, 2],
        [1, 1, 1, 1, 1, 1],
        [1, 2, 1, 0, 1, 1],
    ]
    assert sample_without_replacement(100, 5, stream_key(0)).tolist() == [34, 68, 71, 73, 80]
