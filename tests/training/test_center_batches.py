"""Which center words make a step: expectations, order, repetition."""

from __future__ import annotations

import numpy as np
import pytest

from nw2v.training.center_batches import SMALLEST_SHARE, DrawnCenters, SweptCenters

CENTERS = np.array([0, 2, 3, 5, 6, 7, 9, 12, 13, 20], dtype=np.int32)
PAIRS = np.array([900.0, 400, 100, 90, 50, 30, 10, 4, 2, 1])


def drawn(exponent=1.0, size=4, seed=1):
    return DrawnCenters(CENTERS, PAIRS, size, exponent=exponent, seed=seed)


def counted(batches, passes):
    """How often each word was drawn in each step, and its weights, (steps, words)."""
    weights = []
    for epoch in range(passes):
        for batch in batches.of_pass(epoch):
            row = np.zeros(CENTERS.max() + 1)
            row[batch.centers] = 1 if batch.weights is None else batch.weights
            weights.append(row[CENTERS])
    return np.array(weights)


def test_a_sweep_has_every_center_once_and_another_order_each_pass():
    batches = SweptCenters(CENTERS, 4, seed=1)
    first, second = [list(batches.of_pass(epoch)) for epoch in (0, 1)]
    assert [len(batch.centers) for batch in first] == [4, 4, 2]
    np.testing.assert_array_equal(np.sort(np.concatenate([b.centers for b in first])), CENTERS)
    assert all((np.diff(batch.centers) > 0).all() for batch in first)
    assert any(not np.array_equal(a.centers, b.centers) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_a_pass_of_drawn_centers_weighs_every_center_once_on_average(exponent):
    weights = counted(drawn(exponent), 4000).reshape(4000, 3, len(CENTERS)).sum(axis=1)
    error = weights.std(axis=0) / np.sqrt(len(weights))
    assert (np.abs(weights.mean(axis=0) - 1) < 4 * error + 1e-12).all()


def test_centers_are_drawn_by_their_pairs_to_a_power():
    probabilities = PAIRS**0.5 / (PAIRS**0.5).sum()
    batches = drawn(0.5)
    np.testing.assert_allclose(batches.probabilities, probabilities)
    times = counted(batches, 4000) * len(CENTERS) * probabilities  # m_c
    np.testing.assert_allclose(times, np.round(times), atol=1e-9)
    assert times.sum(axis=1) == pytest.approx(np.tile([4, 4, 2], 4000))
    np.testing.assert_allclose(times.sum(axis=0) / 40_000, probabilities, atol=0.01)


def test_drawn_centers_follow_from_seed_pass_and_step():
    def listed(seed, epoch):
        return [(b.centers.tolist(), b.weights.tolist()) for b in drawn(seed=seed).of_pass(epoch)]

    assert listed(1, 3) == listed(1, 3)
    assert listed(1, 3) != listed(1, 4) and listed(1, 3) != listed(2, 3)
    steps = listed(1, 3)
    assert steps[0] != steps[1]


def test_a_center_is_drawn_at_most_once_in_a_stretch_of_its_own():
    """Of equal probabilities, as many places as words: nearly all words are in a step."""
    same = DrawnCenters(CENTERS, np.ones(10), 10, exponent=1.0, seed=1)
    for epoch in range(20):
        (batch,) = same.of_pass(epoch)
        np.testing.assert_array_equal(batch.centers, CENTERS)
        assert batch.weights is not None
        np.testing.assert_allclose(batch.weights, 1.0)


def test_no_weight_is_without_bound():
    batches = DrawnCenters(CENTERS[:2], np.array([1e9, 1e-9]), 2, exponent=3.0, seed=1)
    assert batches.probabilities.min() == pytest.approx(SMALLEST_SHARE / 2, rel=1e-3)
