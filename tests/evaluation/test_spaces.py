from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial import procrustes
from scipy.stats import ortho_group

from nw2v.errors import InputError
from nw2v.evaluation import spaces
from nw2v.evaluation.spaces import (
    isotropy,
    neighbour_overlap,
    norms_by_frequency,
    procrustes_distance,
    shifted_pmi_agreement,
)
from tests import naive


def space(words: int = 200, dim: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.1, 1, (words, dim)).astype(np.float32)


def rotated(vectors: np.ndarray, seed: int = 0) -> np.ndarray:
    rotation = ortho_group.rvs(vectors.shape[1], random_state=seed)
    return (vectors.astype(np.float64) @ rotation).astype(np.float32)


def small_blocks(monkeypatch) -> None:
    monkeypatch.setattr(spaces, "_NUMBERS_A_BLOCK", 300)


# --- norms --------------------------------------------------------------------------------------


def test_norms_by_octave_of_the_count():
    vectors = np.array([[3, 4], [0, 1], [0, 3], [1, 0], [0, 0]], dtype=np.float32)
    table = norms_by_frequency(vectors, np.array([17, 7, 4, 1, 1]))
    assert table.to_dict("list") == {
        "least_count": [1, 4, 16],
        "words": [2, 2, 1],
        "mean_norm": [0.5, 2, 5],
        "standard_deviation": [0.5, 1, 0],
    }


def test_octaves_begin_exactly_at_powers_of_two():
    counts = np.array([2**k + step for k in range(2, 50) for step in (-1, 0, 1)])
    table = norms_by_frequency(np.ones((len(counts), 1)), counts)
    expected = np.unique([1 << (int(count).bit_length() - 1) for count in counts])
    assert table["least_count"].tolist() == expected.tolist()


@pytest.mark.parametrize("counts", [np.ones(3), np.zeros(200), np.ones((200, 1))])
def test_counts_that_do_not_fit(counts):
    with pytest.raises(InputError, match="counts must be at least 1 for each of 200 words"):
        norms_by_frequency(space(), counts)


# --- isotropy -----------------------------------------------------------------------------------


@pytest.mark.parametrize("blocks", [False, True])
def test_isotropy_is_the_naive_one(monkeypatch, blocks):
    if blocks:
        small_blocks(monkeypatch)
    vectors = space()
    vectors[5] = 0
    ratio, mean_cosine = naive.isotropy(vectors)
    result = isotropy(vectors)
    assert result.partition_ratio == pytest.approx(ratio)
    assert result.mean_cosine == pytest.approx(mean_cosine, abs=1e-9)


def test_isotropy_by_hand():
    # Along both axes cosh 1 and 1 (two words each way); every angle is 90 or 180 degrees.
    cross = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], dtype=np.float32)
    assert isotropy(cross) == pytest.approx((1, -1 / 3))
    # Along the axis e and 1/e, across it 1.
    assert isotropy(np.array([[1.0, 0.0], [1.0, 0.0]])) == pytest.approx((math.exp(-2), 1))


def test_isotropy_of_long_vectors_does_not_overflow():
    result = isotropy(1000 * space())
    assert 0 <= result.partition_ratio < 1e-6


def test_a_single_direction_or_none_has_no_cosine():
    vectors = np.zeros((3, 2))
    vectors[1] = 1
    assert math.isnan(isotropy(vectors).mean_cosine)
    assert isotropy(np.zeros((3, 2))).partition_ratio == 1


# --- neighbours ---------------------------------------------------------------------------------


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
def test_overlap_is_the_naive_one(monkeypatch, blocks, threads):
    if blocks:
        small_blocks(monkeypatch)
    a, b = space(60), space(60) + space(60, seed=1)
    shares = [naive.common_neighbours(a, b, word, 7) for word in range(60)]
    result = neighbour_overlap(a, b, k=7, words=100, threads=threads)
    assert result.words == 60
    assert result.mean == pytest.approx(np.mean(shares))
    assert result.standard_error == pytest.approx(np.std(shares, ddof=1) / math.sqrt(60))


def test_a_rotated_and_scaled_copy_has_the_same_neighbours():
    a = space()
    result = neighbour_overlap(a, 3 * rotated(a), words=50)
    assert result == (1, 0, 50)


def test_unrelated_spaces_have_neighbours_in_common_by_chance():
    result = neighbour_overlap(space(500), space(500, dim=5, seed=1), k=10, words=500)
    assert abs(result.mean - 10 / 499) < 4 * result.standard_error


def test_a_sample_estimates_the_whole_and_its_error():
    a, b = space(300), space(300) + space(300, seed=1)
    whole = neighbour_overlap(a, b, words=300).mean
    samples = [neighbour_overlap(a, b, words=40, seed=seed, threads=1) for seed in range(60)]
    errors = np.array([(sample.mean - whole) / sample.standard_error for sample in samples])
    assert np.mean(np.abs(errors) < 2) > 0.85
    assert neighbour_overlap(a, b, words=40, seed=3, threads=2) == samples[3]


def test_one_word_has_no_standard_error():
    assert math.isnan(neighbour_overlap(space(), space(), words=1).standard_error)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "k must be from 1 to 199, the number of other words; got 0"),
        ({"k": 200}, "k must be from 1 to 199"),
        ({"words": 0}, "words must be at least 1, got 0"),
        ({"b": space(199)}, "same words, got vectors of 200 and 199 words"),
        ({"b": np.ones((200, 2), dtype=int)}, "must be floats of shape"),
        ({"b": np.full((200, 2), np.nan)}, "not finite in row 0"),
    ],
)
def test_arguments_of_overlap_out_of_range(change, message):
    with pytest.raises(InputError, match=message):
        neighbour_overlap(**({"a": space(), "b": space()} | change))


# --- Procrustes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("blocks", [False, True])
def test_distance_is_procrustes_disparity_of_unit_vectors(monkeypatch, blocks):
    if blocks:
        small_blocks(monkeypatch)
    a, b = space(), space() + space(seed=1)
    units = [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (a, b)]
    expected = procrustes(*np.array(units, dtype=np.float64))[2]
    assert procrustes_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert procrustes_distance(b, a) == pytest.approx(expected, rel=1e-6)


def test_a_rotated_copy_is_at_no_distance():
    a = space()
    lengths = np.random.default_rng(0).uniform(0.5, 2, (200, 1)).astype(np.float32)
    assert procrustes_distance(a, rotated(a) * lengths) == pytest.approx(0, abs=1e-6)
    with_zeros = np.concatenate([a, np.zeros((200, 3), dtype=np.float32)], axis=1)
    assert procrustes_distance(a, with_zeros) == pytest.approx(0, abs=1e-6)


def test_unrelated_spaces_are_far():
    assert procrustes_distance(space(5000, 4), space(5000, 4, seed=1)) > 0.99


def test_equal_vectors_are_no_space():
    assert math.isnan(procrustes_distance(np.full((50, 3), 0.1, dtype=np.float32), space(50)))
    assert math.isnan(procrustes_distance(np.zeros((50, 3)), space(50)))


# --- shifted PMI --------------------------------------------------------------------------------


def co_occurrences(words: int = 40, seed: int = 0):
    """Rows of counts as (offsets, words, counts), and the table they come from."""
    rng = np.random.default_rng(seed)
    table = rng.poisson(rng.gamma(0.5, 4, (words, words))).astype(np.float32)
    table[7] = 0
    rows, columns = np.nonzero(table)
    offsets = np.searchsorted(rows, np.arange(words + 1)).astype(np.int64)
    return offsets, columns.astype(np.int32), table[rows, columns], table


def test_agreement_is_the_naive_one():
    offsets, words, counts, table = co_occurrences()
    noise = np.random.default_rng(1).dirichlet(np.ones(40))
    v, u = space(40), space(40, seed=1)
    points = []
    for c in range(40):
        for o in range(40):
            if table[c, o]:
                target = math.log(table[c, o] / (5 * sum(table[c]) * noise[o]))
                points.append((float(v[c] @ u[o]), target, table[c, o]))
    dots, targets, weights = np.array(points).T
    result = shifted_pmi_agreement(v, u, offsets, words, counts, noise, 5)
    assert result.entries == len(points)
    assert result.correlation == pytest.approx(np.corrcoef(dots, targets)[0, 1], abs=1e-6)
    covariance = np.cov(dots, targets, aweights=weights)
    assert result.correlation_weighted == pytest.approx(
        covariance[0, 1] / math.sqrt(covariance[0, 0] * covariance[1, 1]), abs=1e-6
    )
    assert result.mean_difference == pytest.approx(np.mean(dots - targets), abs=1e-6)
    assert result.mean_difference_weighted == pytest.approx(
        np.average(dots - targets, weights=weights), abs=1e-6
    )


@pytest.mark.parametrize("negatives", [1, 15])
def test_the_optimum_of_negative_sampling_agrees_entirely(negatives):
    offsets, words, counts, table = co_occurrences()
    noise = np.random.default_rng(1).dirichlet(np.ones(40))
    with np.errstate(divide="ignore", invalid="ignore"):
        optimum = np.log(table / (negatives * table.sum(axis=1, keepdims=True) * noise))
    v = np.nan_to_num(optimum, nan=0, neginf=-30)
    result = shifted_pmi_agreement(
        v, np.eye(40), offsets, words, counts, noise, negatives, centers=25
    )
    assert result.entries < len(words)
    assert result[1:] == pytest.approx((1, 1, 0, 0), abs=1e-5)
    # Against another number of negatives it is off by the logarithm of their ratio.
    off = shifted_pmi_agreement(v, np.eye(40), offsets, words, counts, noise, 2 * negatives)
    assert off.mean_difference == pytest.approx(math.log(2), abs=1e-5)


def test_entries_of_no_count_do_not_count():
    v, noise = space(2), np.array([0.5, 0.5])
    with_zero = np.array([0, 2, 4]), np.array([0, 1, 0, 1]), np.array([4.0, 0.0, 2.0, 3.0])
    without = np.array([0, 1, 3]), np.array([0, 0, 1]), np.array([4.0, 2.0, 3.0])
    result = shifted_pmi_agreement(v, v, *with_zero, noise, 5)
    assert result.entries == 3
    assert result == shifted_pmi_agreement(v, v, *without, noise, 5)


def test_dots_that_are_all_equal_have_no_correlation():
    offsets, words, counts, _ = co_occurrences()
    zeros = np.zeros((40, 3))
    result = shifted_pmi_agreement(zeros, zeros, offsets, words, counts, np.full(40, 1 / 40), 5)
    assert math.isnan(result.correlation) and math.isnan(result.correlation_weighted)
    assert not math.isnan(result.mean_difference)


def test_the_seed_decides_the_centers():
    offsets, words, counts, _ = co_occurrences()
    v, u, noise = space(40), space(40, seed=1), np.full(40, 1 / 40)
    first, again, other = (
        shifted_pmi_agreement(v, u, offsets, words, counts, noise, 5, centers=10, seed=seed)
        for seed in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outside_vectors": space(40, 3)}, "same dimension, got 8 and 3"),
        ({"negatives": 0}, "negatives and centers must be at least 1, got 0 and 1000"),
        ({"centers": 0}, "at least 1, got 5 and 0"),
        ({"noise": np.ones(3)}, "noise must be 40 probabilities above 0"),
        ({"noise": np.zeros(40)}, "noise must be 40 probabilities above 0"),
        ({"offsets": np.arange(41)}, "offsets must rise from 0 to the number of entries"),
        ({"offsets": np.zeros(3, dtype=int)}, "in 41 numbers; got shape"),
        ({"words": "shifted"}, "words must be ids from 0 to 39, got 1 to 40"),
        ({"counts": "negative"}, "counts must be at least 0, got -1"),
        ({"counts": "zero"}, "no co-occurrences"),
        ({"offsets": np.zeros(41, dtype=int), "words": "empty", "counts": "empty"}, "no co-occ"),
    ],
)
def test_arguments_of_agreement_that_do_not_fit(change, message):
    offsets, words, counts, _ = co_occurrences()
    arguments = {
        "center_vectors": space(40),
        "outside_vectors": space(40),
        "offsets": offsets,
        "words": words,
        "counts": counts,
        "noise": np.full(40, 1 / 40),
        "negatives": 5,
    }
    named = {
        "shifted": words + 1,
        "negative": np.where(np.arange(len(counts)) == 3, -1, counts),
        "zero": np.zeros(len(counts)),
        "empty": words[:0],
    }
    for name, value in change.items():
        arguments[name] = named[value] if isinstance(value, str) else value
    with pytest.raises(InputError, match=message):
        shifted_pmi_agreement(**arguments)
