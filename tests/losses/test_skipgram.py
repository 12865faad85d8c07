from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_allclose, assert_array_equal

from nw2v.losses import (
    naive_softmax_loss_and_gradient,
    negative_sampling_loss_and_gradient,
    skipgram_loss_and_gradient,
)
from tests import naive
from tests.losses.problems import assert_terms_allclose, examples, problems

LOSSES = ("naive_softmax", "negative_sampling")


@pytest.fixture
def published_vectors():
    """Ten unit vectors of Stanford CS224n's second assignment: five centers, five outsides."""
    state = np.random.RandomState(9265)
    vectors = state.randn(10, 3)
    vectors /= np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    return vectors[:5], vectors[5:]


def published_center_gradient(row):
    gradient = np.zeros((5, 3))
    gradient[2] = row
    return gradient


def test_published_naive_softmax(published_vectors):
    """Center c = 2 and the window a, b, e, d, b, c, as the assignment prints it."""
    V, U = published_vectors
    loss, gradient_centers, gradient_outsides = skipgram_loss_and_gradient(
        2, [0, 1, 4, 3, 1, 2], V, U
    )
    assert_allclose(loss, 11.16610900153398, rtol=1e-14)
    assert_allclose(
        gradient_centers,
        published_center_gradient([-1.26947339, -1.36873189, 2.45158957]),
        atol=5e-9,
    )
    assert_allclose(
        gradient_outsides,
        [
            [-0.41045956, 0.18834851, 1.43272264],
            [0.38202831, -0.17530219, -1.33348241],
            [0.07009355, -0.03216399, -0.24466386],
            [0.09472154, -0.04346509, -0.33062865],
            [-0.13638384, 0.06258276, 0.47605228],
        ],
        atol=5e-9,
    )


def test_published_negative_sampling(published_vectors):
    """Center c = 2, window a, b, 10 negatives a pair, none of them the outside word itself.

    The assignment prints the sums but not what was drawn. Each row of dJ/dU is a multiple of v_c
    that only a whole number of draws explains: a 4, b 4, c 4, d 3 and e 5 times. How c, d and e
    were shared between the two pairs changes no sum.
    """
    V, U = published_vectors
    a, b, c, d, e = range(5)
    negatives = [[b, b, b, b, c, c, d, d, e, e], [a, a, a, a, c, c, d, e, e, e]]
    loss, gradient_centers, gradient_outsides = skipgram_loss_and_gradient(
        c, [a, b], V, U, "negative_sampling", negatives
    )
    assert_allclose(loss, 16.15119285363322, rtol=1e-14)
    assert_allclose(
        gradient_centers,
        published_center_gradient([-4.54650789, -1.85942252, 0.76397441]),
        atol=5e-9,
    )
    assert_allclose(
        gradient_outsides,
        [
            [-0.69148188, 0.31730185, 2.41364029],
            [-0.22716495, 0.10423969, 0.79292674],
            [-0.45528438, 0.20891737, 1.58918512],
            [-0.31602611, 0.14501561, 1.10309954],
            [-0.80620296, 0.36994417, 2.81407799],
        ],
        atol=5e-9,
    )


@pytest.mark.parametrize("loss", LOSSES)
@examples(150)
@given(problem=problems(windows=1))
def test_equals_its_twin(loss, problem):
    arguments = (problem.outside, problem.center_vectors, problem.outside_vectors, loss)
    center = int(problem.centers[0])
    comp = skipgram_loss_and_gradient(center, *arguments, problem.negatives)
    ref = naive.skipgram_loss_and_gradient(center, *arguments, problem.negatives)
    assert_terms_allclose(comp, ref, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("loss", LOSSES)
@examples(100)
@given(problem=problems(shortest=1, windows=1))
def test_is_the_sum_of_the_pair_losses(loss, problem):
    center = int(problem.centers[0])
    v_c, U = problem.center_vectors[center], problem.outside_vectors
    total, gradient_centers, gradient_outsides = skipgram_loss_and_gradient(
        center, problem.outside, problem.center_vectors, U, loss, problem.negatives
    )
    if loss == "naive_softmax":
        pairs = [naive_softmax_loss_and_gradient(v_c, int(o), U) for o in problem.outside]
    else:
        pairs = [
            negative_sampling_loss_and_gradient(v_c, int(o), U, drawn)
            for o, drawn in zip(problem.outside, problem.negatives, strict=True)
        ]
    assert_allclose(total, sum(pair[0] for pair in pairs), rtol=1e-12)
    assert_allclose(gradient_centers[center], sum(pair[1] for pair in pairs), atol=1e-12)
    assert_allclose(gradient_outsides, sum(pair[2] for pair in pairs), atol=1e-12)
    others = np.arange(len(U)) != center
    assert_array_equal(gradient_centers[others], 0)


@pytest.mark.parametrize("loss", LOSSES)
def test_float32_is_kept_and_the_loss_is_a_float(loss):
    rng = np.random.default_rng(5)
    V, U = (rng.normal(size=(7, 4)).astype(np.float32) for _ in range(2))
    negatives = rng.integers(0, 7, (3, 2))
    comp = skipgram_loss_and_gradient(1, [0, 3, 3], V, U, loss, negatives)
    ref = naive.skipgram_loss_and_gradient(1, [0, 3, 3], V, U, loss, negatives)
    assert type(comp[0]) is float
    assert_allclose(comp[0], ref[0], rtol=1e-7)
    for c, r in zip(comp[1:], ref[1:], strict=True):
        assert c.dtype == np.float32
        assert_allclose(c, r, rtol=1e-5, atol=1e-6)


def test_a_window_of_one_word_said_again_and_again_keeps_its_digits():
    # m y-hat - m would be 0 by subtraction; the residual is -m e^-60 / (1 + e^-60).
    m = 5
    loss, gradient_centers, gradient_outsides = skipgram_loss_and_gradient(
        1, [0] * m, [[0.0], [60.0]], [[1.0], [0.0]]
    )
    assert_allclose(loss, m * np.exp(-60.0), rtol=1e-14)
    assert_allclose(gradient_centers, [[0], [-m * np.exp(-60.0)]], rtol=1e-14)
    assert_allclose(gradient_outsides[0], -60 * m * np.exp(-60.0), rtol=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
def test_an_empty_window_costs_nothing(loss):
    V, U = np.ones((3, 2)), np.ones((3, 2))
    total, gradient_centers, gradient_outsides = skipgram_loss_and_gradient(0, [], V, U, loss, [])
    assert total == 0
    assert_array_equal(gradient_centers, np.zeros((3, 2)))
    assert_array_equal(gradient_outsides, np.zeros((3, 2)))


GOOD: dict[str, Any] = {
    "center_index": 1,
    "outside_indices": [0, 2],
    "center_vectors": np.zeros((3, 2)),
    "outside_vectors": np.zeros((3, 2)),
    "loss": "negative_sampling",
    "negative_indices": [[0, 1], [2, 2]],
}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("center_index", 3, "expected an index from 0 to 2, got 3"),
        ("outside_indices", [0, 3], r"expected indices from 0 to 2, got 3 at \[1\]"),
        ("outside_indices", [0.0, 1.0], "expected whole numbers, got dtype float64"),
        ("outside_indices", [[0]], r"expected shape \(m,\), got shape \(1, 1\)"),
        ("center_vectors", np.zeros((4, 2)), r"expected the shape .* \(3, 2\), got shape \(4, 2\)"),
        ("center_vectors", np.zeros((3, 2), np.float32), "expected the dtype of outside_vectors"),
        (
            "center_vectors",
            np.full((3, 2), np.nan),
            r"expected finite numbers, got nan at \[0, 0\]",
        ),
        ("outside_vectors", np.zeros((3, 2, 1)), r"expected a matrix \(V, d\)"),
        ("loss", "naive_sofmax", "got 'naive_sofmax'; did you mean 'naive_softmax'"),
        ("loss", None, "expected one of naive_softmax, negative_sampling, got None"),
        ("negative_indices", None, r"needs the negatives .* shape \(2, K\), got None"),
        ("negative_indices", [[0, 1]], r"expected shape \(2, K\).*got shape \(1, 2\)"),
        ("negative_indices", [0, 1], r"expected shape \(m, K\), got shape \(2,\)"),
        ("negative_indices", [[], []], r"at least one negative a pair, got shape \(2, 0\)"),
        ("negative_indices", [[0, 1], [2, 3]], r"from 0 to 2, got 3 at \[1, 1\]"),
    ],
)
def test_bad_input_is_named(name, value, message):
    with pytest.raises(ValueError, match=f"^{name}: .*{message}"):
        skipgram_loss_and_gradient(**{**GOOD, name: value})
