from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nw2v.evaluation.statistics import (
    average_ranks,
    calibration_error,
    rank_correlation,
    ratio_and_standard_error,
)
from tests import naive


def test_equal_values_share_their_mean_rank():
    assert average_ranks(np.array([3.0, 1.0, 3.0, 2.0, 3.0])).tolist() == [4, 1, 4, 2, 4]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30))
def test_rank_correlation_equals_scipys(pairs):
    stats = pytest.importorskip("scipy.stats")
    x, y = np.array(pairs, dtype=float).T
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert np.isnan(rank_correlation(x, y))
    else:
        assert rank_correlation(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)


def test_rank_correlation_of_perfect_order():
    x = np.array([1.0, 2.0, 5.0])
    assert rank_correlation(x, x**3) == pytest.approx(1)
    assert rank_correlation(x, -x) == pytest.approx(-1)
    assert np.isnan(rank_correlation(x[:1], x[:1]))


def test_with_equal_sizes_and_no_clusters_it_is_the_standard_error_of_a_mean():
    rng = np.random.default_rng(0)
    means = rng.normal(size=200)
    ratio, error = ratio_and_standard_error(means * 4, np.full(200, 4), np.arange(200))
    assert ratio == pytest.approx(means.mean())
    assert error == pytest.approx(means.std(ddof=1) / np.sqrt(200))


def test_standard_error_is_the_spread_of_repeated_samples():
    rng = np.random.default_rng(1)
    ratios, errors = [], []
    for _ in range(600):
        clusters = np.repeat(np.arange(80), rng.integers(1, 6, 80))
        level = rng.normal(5, 1, 80)[clusters]  # what units of a cluster have in common
        sizes = rng.integers(1, 10, len(clusters))
        totals = sizes * level + rng.normal(0, np.sqrt(sizes))
        ratio, error = ratio_and_standard_error(totals, sizes, clusters)
        ratios.append(ratio)
        errors.append(error)
    assert np.mean(ratios) == pytest.approx(5, abs=0.02)
    assert np.mean(errors) == pytest.approx(np.std(ratios), rel=0.1)


def test_one_cluster_has_no_standard_error():
    ratio, error = ratio_and_standard_error(np.array([2.0, 4.0]), np.array([1, 1]), np.zeros(2))
    assert ratio == 3
    assert np.isnan(error)


def test_calibration_error_by_hand():
    # Two bins of two events: 0.1 and 0.3 stated, one of two comes true; 0.6 and 0.8, none does.
    confidence, hits = np.array([0.8, 0.1, 0.6, 0.3]), np.array([0, 1, 0, 0])
    gaps = abs(1 - 0.4) + abs(0 - 1.4)
    error = calibration_error(confidence, hits, np.ones(4), bins=2)
    assert error == pytest.approx(gaps / 4)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4)), min_size=1, max_size=40),
    st.integers(1, 12),
)
def test_calibration_error_equals_the_naive_one(units, bins):
    levels, sizes = np.array(units).T
    confidence = levels / 7
    hits = sizes // 2
    events = [(p, i < h) for p, h, m in zip(confidence, hits, sizes, strict=True) for i in range(m)]
    expected = naive.calibration_error([p for p, _ in events], [hit for _, hit in events], bins)
    assert calibration_error(confidence, hits, sizes, bins=bins) == pytest.approx(
        expected, abs=1e-12
    )


def test_calibration_error_of_equal_confidences_is_their_distance_from_the_frequency():
    hits = np.array([1] * 30 + [0] * 70)
    assert calibration_error(np.full(100, 0.25), hits, np.ones(100)) == pytest.approx(0.05)


def test_chance_makes_the_calibration_error_that_is_said():
    rng = np.random.default_rng(0)
    p = np.full(4000, 0.1) + rng.uniform(0, 1e-6, 4000)
    errors = [calibration_error(p, rng.random(4000) < p, np.ones(4000)) for _ in range(100)]
    assert np.mean(errors) == pytest.approx(0.8 * np.sqrt(0.1 * 0.9 * 10 / 4000), rel=0.1)
