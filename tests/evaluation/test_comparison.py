from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nw2v.errors import InputError
from nw2v.evaluation.comparison import (
    CLUSTER_SENTENCES,
    cross_entropy_difference,
    holm,
    interval_over_seeds,
    paired_difference_over_seeds,
)
from nw2v.evaluation.statistics import ratio_and_standard_error


def test_an_interval_by_hand():
    # mean 3, s = sqrt(2.5), t at 4 degrees of freedom 2.776445
    mean, low, high = interval_over_seeds([1, 2, 3, 4, 5])
    assert mean == 3
    assert (low, high) == pytest.approx((3 - 1.963243, 3 + 1.963243), abs=1e-6)


@pytest.mark.parametrize("n", [2, 3, 5, 30])
def test_interval_and_test_equal_scipys(n):
    rng = np.random.default_rng(n)
    a, b = rng.normal(0.4, 0.1, (2, n))
    result = paired_difference_over_seeds(a, b)
    expected = stats.ttest_rel(a, b)
    bounds = expected.confidence_interval(0.95)
    assert result.difference == pytest.approx(np.mean(a - b))
    assert result.standard_error == pytest.approx(stats.sem(a - b))
    assert result.p_value == pytest.approx(expected.pvalue)
    assert (result.low, result.high) == pytest.approx((bounds.low, bounds.high))
    assert interval_over_seeds(a - b) == pytest.approx((result.difference, *result[2:4]))


def test_one_seed_has_a_mean_and_no_more():
    mean, low, high = interval_over_seeds([0.25])
    assert mean == 0.25
    assert math.isnan(low) and math.isnan(high)
    result = paired_difference_over_seeds([0.5], [0.25])
    assert result.difference == 0.25
    assert all(math.isnan(value) for value in result[1:])


def test_differences_that_are_all_the_same():
    assert paired_difference_over_seeds([1, 2, 3], [1, 2, 3]) == (0, 0, 0, 0, 1)
    assert paired_difference_over_seeds([2, 3, 4], [1, 2, 3]) == (1, 0, 1, 1, 0)


def test_five_seeds_cover_the_truth_and_err_as_often_as_promised():
    rng = np.random.default_rng(0)
    covered = rejected = 0
    for _ in range(2000):
        common = rng.normal(0, 3, 5)  # what a seed does to both systems
        result = paired_difference_over_seeds(
            common + rng.normal(1, 0.5, 5), common + rng.normal(1, 0.5, 5)
        )
        covered += result.low <= 0 <= result.high
        rejected += result.p_value < 0.05
    assert covered + rejected == 2000
    assert abs(rejected / 2000 - 0.05) < 3.5 * math.sqrt(0.05 * 0.95 / 2000)


@pytest.mark.parametrize("values", [[], [0.1, math.nan], [math.inf], [[0.1, 0.2]]])
def test_scores_that_are_none(values):
    with pytest.raises(InputError, match="values must be finite numbers, one a seed"):
        interval_over_seeds(values)


def test_as_many_seeds_of_both():
    with pytest.raises(InputError, match="a score for each seed, got 2 and 3"):
        paired_difference_over_seeds([1, 2], [1, 2, 3])


# --- held-out text ------------------------------------------------------------------------------


def test_a_cross_entropy_difference_by_hand():
    # Differences 1, -1, 2, 0 and 3 of five clusters: mean 1, residuals 0, -2, 1, -1 and 2, variance
    # 5 / 4 * 10 / 25; t at 4 degrees of freedom 2.776445. Sentences 0 and 31 are one cluster.
    result = cross_entropy_difference(
        [2.0, 1.0, 1.0, 4.0, 2.0, 5.0], [2.0, 0.0, 2.0, 2.0, 2.0, 2.0],
        np.array([0.5, 0.5, 1, 1, 1, 1]), np.array([0, 31, 32, 64, 96, 128]),
    )  # fmt: skip
    assert result.difference == 1
    assert result.standard_error == pytest.approx(math.sqrt(0.5))
    assert (result.low, result.high) == pytest.approx((1 - 1.963243, 1 + 1.963243), abs=1e-6)
    assert result.p_value == pytest.approx(2 * stats.t.sf(math.sqrt(2), 4))


def test_the_difference_is_that_of_the_cross_entropies_averaged_over_seeds():
    rng = np.random.default_rng(0)
    sizes, sentences = rng.integers(1, 9, 50), np.repeat(np.arange(10), 5)
    a, b = rng.gamma(5, 1, (3, 50)), rng.gamma(5, 1, (2, 50))
    result = cross_entropy_difference(a, b, sizes, sentences)
    means = [
        np.mean([ratio_and_standard_error(row, sizes, sentences)[0] for row in rows])
        for rows in (a, b)
    ]
    assert result.difference == pytest.approx(means[0] - means[1])


@pytest.mark.parametrize("clusters", [5, 100])
def test_neighbouring_sentences_are_clusters_for_error_and_coverage(clusters):
    rng = np.random.default_rng(3)
    rejected = 0
    for _ in range(1000):
        sentences = np.repeat(np.arange(clusters), 4)
        sizes = rng.integers(1, 8, len(sentences))
        hard = sizes * rng.gamma(8, 1, clusters)[sentences]  # for both systems: cancels
        a, b = hard + sizes * rng.normal(0, 0.3, (2, clusters))[:, sentences]
        places = CLUSTER_SENTENCES * sentences
        rejected += cross_entropy_difference(a, b, sizes, places).p_value < 0.05
    assert 0.03 < rejected / 1000 < 0.085


def test_equal_systems_and_too_few_clusters():
    a, sizes = np.array([1.0, 2.0, 4.0, 1.0, 3.0]), np.array([1, 1, 2, 1, 1])
    places = CLUSTER_SENTENCES * np.arange(5)
    assert cross_entropy_difference(a, a, sizes, places) == (0, 0, 0, 0, 1)
    few = cross_entropy_difference(a, a - 1, sizes, np.arange(5))
    assert few.difference == pytest.approx(5 / 6)
    assert all(math.isnan(value) for value in few[1:])


@pytest.mark.parametrize("a", [np.zeros(2), np.zeros((2, 2)), np.zeros((0, 3)), 1.0])
def test_centers_that_do_not_fit(a):
    with pytest.raises(InputError, match=r"a must have shape \(3,\) or \(seeds, 3\)"):
        cross_entropy_difference(a, np.zeros(3), np.ones(3), np.arange(3))


# --- several comparisons ------------------------------------------------------------------------


def test_holm_by_hand():
    # 0.01 * 4, 0.02 * 3, 0.03 * 2 (not below the one before), 0.5 * 1
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.6, 0.7]).tolist() == [1, 1]
    assert holm([]).tolist() == []


def test_a_missing_p_value_is_no_comparison():
    adjusted = holm([0.01, math.nan, 0.04])
    assert adjusted[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(adjusted[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.001, 0.5))
def test_holm_rejects_what_the_stepwise_procedure_rejects(p_values, level):
    rejected = set()
    for step, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[i] * (len(p_values) - step) > level:
            break
        rejected.add(i)
    assert set(np.flatnonzero(holm(p_values) <= level).tolist()) == rejected


def test_holm_keeps_the_family_wise_error():
    rng = np.random.default_rng(0)
    false_calls = [(holm(rng.random(10)) < 0.05).any() for _ in range(3000)]
    assert np.mean(false_calls) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 3000)


@pytest.mark.parametrize("p_values", [[0.2, -0.1], [1.5], [[0.1]], 0.1])
def test_p_values_that_are_none(p_values):
    with pytest.raises(InputError, match="p_values must be numbers from 0 to 1"):
        holm(p_values)
