from __future__ import annotations

import math

import numpy as np
import pytest

from nw2v.errors import InputError
from nw2v.evaluation import AnalogySet
from nw2v.evaluation.bootstrap import (
    QuestionPairs,
    analogy_difference,
    analogy_differences,
    question_pairs,
    similarity_difference,
    similarity_differences,
)
from nw2v.evaluation.sampling import resample_multiplicities
from nw2v.jit.random import stream_key
from tests import naive


def multiplicities(strata: np.ndarray, resamples: int, seed: int, what: str) -> np.ndarray:
    key = stream_key(seed, "bootstrap", what)
    return np.concatenate(list(resample_multiplicities(strata, resamples, key)))


def ring(pairs: int, partners: int) -> QuestionPairs:
    """Each pair is asked about the next `partners` ones, in one section."""
    first = np.repeat(np.arange(pairs), partners)
    second = (first + np.tile(np.arange(1, partners + 1), pairs)) % pairs
    return QuestionPairs(first, second, np.zeros(pairs, dtype=np.int64))


def check_against(result, observed: float, resampled: list[float]) -> None:
    below = sum(value <= 0 for value in resampled) + 1
    above = sum(value >= 0 for value in resampled) + 1
    assert result.difference == pytest.approx(observed)
    assert result.standard_error == pytest.approx(np.std(resampled, ddof=1))
    assert (result.low, result.high) == pytest.approx(np.percentile(resampled, [2.5, 97.5]))
    assert result.p_value == pytest.approx(min(1, 2 * min(below, above) / (len(resampled) + 1)))


# --- analogies ----------------------------------------------------------------------------------


def test_the_pairs_of_questions():
    pairs = question_pairs(
        AnalogySet(
            "mine",
            {
                "capitals": [
                    ("athens", "greece", "rome", "italy"),
                    ("rome", "italy", "oslo", ("norway", "norge")),
                    ("oslo", ("norway", "norge"), "athens", "greece"),
                ],
                "more": [("athens", "greece", "oslo", "norway")],
            },
        )
    )
    assert pairs.first.tolist() == [0, 1, 2, 3]
    assert pairs.second.tolist() == [1, 2, 0, 4]
    assert pairs.sections.tolist() == [0, 0, 0, 1, 1]


def test_an_analogy_difference_is_the_naive_one():
    rng = np.random.default_rng(0)
    first, second = rng.permutation(12)[:11], rng.permutation(12)[:11]
    first, second = np.concatenate([first, 12 + first]), np.concatenate([second, 12 + second])
    pairs = QuestionPairs(first, second, np.repeat([0, 1], 12))
    a, b = rng.random((3, 22)) < 0.6, rng.random((2, 22)) < 0.4
    used = np.unique([first, second])
    result = analogy_difference(a, b, pairs, resamples=300, seed=4)
    drawn = multiplicities(pairs.sections[used], 300, 4, "analogies")
    resampled = [
        naive.resampled_accuracy(a, first, second, dict(zip(used, row, strict=True)))
        - naive.resampled_accuracy(b, first, second, dict(zip(used, row, strict=True)))
        for row in drawn
    ]
    check_against(result, a.mean() - b.mean(), resampled)


def test_questions_that_are_not_answerable_and_their_pairs_do_not_count():
    pairs = ring(20, 3)
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 60)) < 0.5
    answerable = (pairs.first < 15) & (pairs.second < 15)
    without = QuestionPairs(pairs.first[answerable], pairs.second[answerable], pairs.sections[:15])
    assert analogy_difference(a, b, pairs, answerable) == analogy_difference(
        a[answerable], b[answerable], without
    )


def test_equal_systems_do_not_differ():
    right = np.arange(60) % 3 == 0
    assert analogy_difference(right, right, ring(20, 3)) == (0, 0, 0, 0, 1)


def test_the_seed_decides():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 60)) < 0.5
    first, again, other = (analogy_difference(a, b, ring(20, 3), seed=s) for s in (1, 1, 2))
    assert first == again
    assert first.low != other.low or first.standard_error != other.standard_error


def test_too_few_pairs_to_resample():
    result = analogy_difference([1.0, 0.0], [0.0, 0.0], ring(2, 1))
    assert result.difference == 0.5
    assert all(math.isnan(value) for value in result[1:])


def test_a_single_resample_says_nothing():
    result = analogy_difference(np.ones(60), np.zeros(60), ring(20, 3), resamples=1)
    assert result.difference == 1
    assert all(math.isnan(value) for value in result[1:])


def test_resamples_without_a_question_do_not_count():
    # Of three pairs drawn with replacement all are the same one time in nine.
    result = analogy_difference([1, 1, 0], [0, 0, 0], ring(3, 1), resamples=500)
    assert result.difference == pytest.approx(2 / 3)
    assert not any(math.isnan(value) for value in result)


def answers_of_random_pairs(rng: np.random.Generator, pairs: QuestionPairs, easier: float):
    """Answers of two systems that find the same pairs easy only in part."""
    n = len(pairs.sections)
    answers = []
    common = rng.normal(size=n)
    for shift in (easier, 0.0):
        ease = common + rng.normal(size=n)
        noise = rng.normal(0, 0.7, len(pairs.first))
        answers.append(ease[pairs.first] + ease[pairs.second] + noise + shift > 0)
    return answers


@pytest.mark.parametrize("easier", [0.0, 1.0])
@pytest.mark.parametrize(("number", "partners"), [(60, 10), (20, 19)])
def test_intervals_over_random_pairs_cover_the_truth(number, partners, easier):
    pairs = ring(number, partners)
    # Two pairs, each as easy as a common and an own part of variance 1 make it, and noise.
    sd = math.sqrt(2 * (1 + 1) + 0.7**2)
    truth = 0.5 * math.erfc(-easier / sd / math.sqrt(2)) - 0.5
    rng = np.random.default_rng(1)
    covered = rejected = covered_if_independent = 0
    for seed in range(400):
        a, b = answers_of_random_pairs(rng, pairs, easier)
        result = analogy_difference(a, b, pairs, resamples=400, seed=seed)
        covered += result.low <= truth <= result.high
        rejected += result.p_value < 0.05
        margin = 1.96 * np.std(a.astype(float) - b) / math.sqrt(len(a))
        covered_if_independent += abs(result.difference - truth) < margin
    assert 0.91 < covered / 400 < 0.99
    assert covered_if_independent / 400 < 0.6  # which is why pairs are resampled
    if easier == 0:
        assert rejected / 400 < 0.09
    else:
        assert rejected / 400 > (0.5 if number == 60 else 0.2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": np.zeros(59)}, r"a must have shape \(60,\) or \(seeds, 60\)"),
        ({"answerable": np.zeros(60, dtype=bool)}, "with 0 True"),
        ({"answerable": np.ones(5, dtype=bool)}, r"got shape \(5,\)"),
        ({"resamples": 0}, "resamples must be at least 1, got 0"),
    ],
)
def test_arguments_of_analogies_that_do_not_fit(change, message):
    arguments = {"a": np.zeros(60), "b": np.zeros(60), "pairs": ring(20, 3)} | change
    with pytest.raises(InputError, match=message):
        analogy_difference(**arguments)


# --- similarity ---------------------------------------------------------------------------------


def test_a_similarity_difference_is_the_naive_one():
    rng = np.random.default_rng(0)
    judgements = rng.integers(0, 8, 25) / 2  # with equals
    a = judgements + rng.normal(0, 1, (3, 25))
    b = (judgements + rng.normal(0, 3, (2, 25))).round()
    a[1, 3] = judgements[7] = np.nan
    known = np.delete(np.arange(25), [3, 7])
    result = similarity_difference(a, b, judgements, resamples=200, seed=5)
    judged, a, b = judgements[known], a[:, known], b[:, known]

    def difference(rows: np.ndarray) -> float:
        mean_a, mean_b = (
            np.mean([naive.spearman(judged[rows], system[rows]) for system in systems])
            for systems in (a, b)
        )
        return mean_a - mean_b

    drawn = multiplicities(np.zeros(23, dtype=np.int64), 200, 5, "similarity")
    resampled = [difference(np.repeat(np.arange(23), row)) for row in drawn]
    check_against(result, difference(np.arange(23)), resampled)


def test_equal_similarities_do_not_differ():
    cosines = np.random.default_rng(0).normal(size=40)
    assert similarity_difference(cosines, cosines, np.arange(40)) == (0, 0, 0, 0, 1)


@pytest.mark.parametrize("better", [False, True])
def test_intervals_over_random_rated_pairs_cover_the_truth(better):
    rng = np.random.default_rng(2)
    # Of normal variables with correlation r, Spearman's is 6 / pi asin(r / 2).
    noise = (0.7 if better else 1.2), 1.2
    correlations = [6 / math.pi * math.asin(1 / math.sqrt(1 + s**2) / 2) for s in noise]
    truth = correlations[0] - correlations[1]
    covered = rejected = 0
    for seed in range(300):
        judgements = rng.normal(size=120)
        a, b = (judgements + s * rng.normal(size=120) for s in noise)
        result = similarity_difference(a, b, judgements, resamples=300, seed=seed)
        covered += result.low <= truth <= result.high
        rejected += result.p_value < 0.05
    assert 0.91 < covered / 300 < 0.985
    if better:
        assert rejected / 300 > 0.5
    else:
        assert rejected / 300 < 0.09


def test_a_correlation_that_does_not_exist():
    for a, judgements in (([0.1, np.nan], [1.0, 2.0]), ([0.5, 0.5, 0.5], [1.0, 2.0, 3.0])):
        result = similarity_difference(a, np.arange(len(a)), np.array(judgements))
        assert all(math.isnan(value) for value in result)


def test_resamples_without_a_correlation_do_not_count():
    rising, falling = np.arange(3.0), -np.arange(3.0)
    result = similarity_difference(rising, falling, rising, resamples=500)
    assert result[:4] == pytest.approx((2, 0, 2, 2))


def test_two_rated_pairs_have_a_difference_and_no_more():
    result = similarity_difference([1.0, 2.0], [2.0, 1.0], np.array([1.0, 2.0]))
    assert result.difference == 2
    assert all(math.isnan(value) for value in result[1:])


def test_arguments_of_similarity_that_do_not_fit():
    with pytest.raises(InputError, match=r"b must have shape \(3,\) or \(seeds, 3\)"):
        similarity_difference(np.zeros(3), np.zeros(2), np.zeros(3))
    with pytest.raises(InputError, match="resamples must be at least 1, got 0"):
        similarity_difference(np.arange(3), np.arange(3), np.arange(3), resamples=0)


# --- several systems ----------------------------------------------------------------------------


def test_several_systems_at_one_time_differ_as_each_two_do():
    rng = np.random.default_rng(5)
    pairs, some = ring(12, 3), rng.random(36) < 0.8
    right = [(rng.random((seeds, 36)) < 0.4).astype(float) for seeds in (1, 2, 3)]
    ref = [
        analogy_difference(right[a], right[b], pairs, some, resamples=200)
        for a, b in ((0, 1), (0, 2), (1, 2))
    ]
    assert analogy_differences(right, pairs, some, resamples=200) == ref
    judgements, cosines = rng.random(20), [rng.random((seeds, 20)) for seeds in (1, 2, 3)]
    cosines[0][0, 3] = math.nan
    known = np.arange(20) != 3
    ref = [
        similarity_difference(
            cosines[a][:, known], cosines[b][:, known], judgements[known], resamples=200
        )
        for a, b in ((0, 1), (0, 2), (1, 2))
    ]
    assert similarity_differences(cosines, judgements, resamples=200) == ref
    with pytest.raises(InputError, match=r"systems\[2\] must have shape"):
        similarity_differences([*cosines[:2], np.zeros(3)], judgements)


def test_systems_that_are_right_equally_often_differ_by_nothing():
    # The same answers by other seeds: no rounding error may decide on which side of 0 they lie.
    right = np.zeros((3, 36))
    right[0] = 1
    (difference,) = analogy_differences([right, right[::-1]], ring(12, 3), resamples=50)
    assert difference[:4] == (0, 0, 0, 0) and difference.p_value == 1
