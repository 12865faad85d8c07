from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from nw2v.losses import log_sigmoid, logsumexp, sigmoid, softmax, softplus
from tests import naive
from tests.losses.problems import compiled_only, examples

LARGEST = {dtype: float(np.finfo(dtype).max) for dtype in (np.float32, np.float64)}
FINITE = st.floats(-1e6, 1e6)


@examples(200)
@given(st.lists(st.floats(-30, 30), min_size=1, max_size=20))
def test_softmax_equals_its_twin(scores):
    assert_allclose(softmax(scores), naive.softmax(scores), rtol=1e-12)


@pytest.mark.parametrize("shape", [(1,), (7,), (3, 5), (2, 3, 4), (0, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_runs_over_the_last_axis_and_keeps_the_dtype(shape, dtype):
    scores = np.random.default_rng(1).normal(size=shape).astype(dtype)
    result = softmax(scores)
    assert result.shape == shape
    assert result.dtype == dtype
    assert_allclose(result.sum(axis=-1), 1, rtol=1e-6)
    for row in np.ndindex(shape[:-1]):
        assert_allclose(result[row], naive.softmax(scores[row].astype(np.float64)), rtol=1e-6)


@examples(200)
@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=9), st.integers(-(10**6), 10**6))
def test_softmax_does_not_see_a_constant_added_to_all_scores(scores, constant):
    # Whole numbers, so that the sum itself is not rounded: then not one bit changes.
    shifted = np.array(scores, dtype=np.float64) + constant
    assert_array_equal(softmax(shifted), softmax(np.array(scores, dtype=np.float64)))


@compiled_only
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_overflows_at_the_ends_of_the_range(dtype):
    big = LARGEST[dtype]
    ends = np.array([big, -big], dtype=dtype)
    with np.errstate(all="raise"):
        assert_array_equal(softmax(ends), [1, 0])
        assert_array_equal(softmax(np.array([big, big], dtype=dtype)), [0.5, 0.5])
        assert_array_equal(softmax(np.array([-big, -big], dtype=dtype)), [0.5, 0.5])
        assert_array_equal(sigmoid(ends), [1, 0])
        assert_array_equal(softplus(ends), [dtype(big), 0])
        assert_array_equal(log_sigmoid(ends), [0, -dtype(big)])
        assert logsumexp(ends) == dtype(big)


def test_softmax_of_float32_scores_that_are_further_apart_than_float32_goes():
    assert_array_equal(softmax(np.array([3e38, -3e38], dtype=np.float32)), [1, 0])


@examples(200)
@given(FINITE)
def test_sigmoid_is_a_probability_and_complements_itself(x):
    assert 0 <= sigmoid(x) <= 1
    assert_allclose(sigmoid(x) + sigmoid(-x), 1, rtol=1e-15)
    assert_allclose(sigmoid(x), naive.sigmoid(x), rtol=1e-13, atol=1e-300)


@examples(100)
@given(st.floats(-700, 700))
def test_logarithms_keep_their_digits_where_the_sigmoid_is_close_to_0_or_1(x):
    with localcontext() as context:
        context.prec = 330
        exact = float((1 + Decimal(x).exp()).ln())
    assert_allclose(softplus(x), exact, rtol=1e-14)
    assert_allclose(log_sigmoid(-x), -exact, rtol=1e-14)


@examples(100)
@given(st.lists(st.floats(-300, 300), min_size=1, max_size=6))
def test_logsumexp_keeps_its_digits(scores):
    with localcontext() as context:
        context.prec = 330
        exact = sum((Decimal(s).exp() for s in scores), start=Decimal(0)).ln()
    assert_allclose(logsumexp(scores), float(exact), rtol=1e-14, atol=1e-14)


def test_logsumexp_of_two_axes():
    scores = np.random.default_rng(3).normal(size=(4, 6))
    assert_allclose(logsumexp(scores), np.log(np.exp(scores).sum(axis=1)), rtol=1e-13)


@pytest.mark.parametrize("function", [sigmoid, softplus, log_sigmoid])
def test_a_scalar_gives_a_scalar(function):
    assert isinstance(function(0.5), float)
    assert isinstance(function(1), float)
    assert isinstance(function(np.float32(0.5)), np.float32)
    assert function(np.float32(0.5)).ndim == 0


@pytest.mark.parametrize("function", [softmax, sigmoid, softplus, log_sigmoid, logsumexp])
def test_integers_become_float64_and_the_argument_is_left_alone(function):
    given_scores = np.array([[1, 2, 3], [0, 0, -5]], dtype=np.int32)
    result = function(given_scores)
    assert result.dtype == np.float64
    assert_array_equal(given_scores, [[1, 2, 3], [0, 0, -5]])
    assert_array_equal(result, function(given_scores.astype(np.float64)))


@pytest.mark.parametrize("function", [softmax, sigmoid])
def test_any_memory_layout(function):
    scores = np.random.default_rng(4).normal(size=(6, 8))
    read_only = scores.copy()
    read_only.setflags(write=False)
    assert_array_equal(function(scores.T), function(scores.T.copy()))
    assert_array_equal(function(scores[::2, ::-3]), function(scores[::2, ::-3].copy()))
    assert_array_equal(function(read_only), function(scores))
    assert_array_equal(function(scores.astype(">f8")), function(scores))


def test_sigmoid_of_nothing_is_nothing():
    assert sigmoid([]).shape == (0,)


@pytest.mark.parametrize(
    ("function", "name"),
    [(softmax, "scores"), (logsumexp, "scores"), (sigmoid, "x"), (log_sigmoid, "x")],
)
@pytest.mark.parametrize(
    ("value", "part"),
    [
        ([0.0, float("nan")], r"finite numbers, got nan at \[1\]"),
        ([[0.0], [float("-inf")]], r"finite numbers, got -inf at \[1, 0\]"),
        (np.zeros(3, dtype=np.float16), "float32 or float64 numbers, got dtype float16"),
        (np.array([True, False]), "got dtype bool"),
        (["a", "b"], "float32 or float64"),
        ([1 + 2j], "got dtype complex128"),
        ([[1.0], [1.0, 2.0]], "expected an array of numbers"),
        (None, "got dtype object"),
    ],
)
def test_bad_input_is_named(function, name, value, part):
    with pytest.raises(ValueError, match=f"^{name}: .*{part}"):
        function(value)


@pytest.mark.parametrize("value", [1.0, [], np.zeros((3, 0))])
def test_softmax_needs_a_last_axis_with_scores(value):
    with pytest.raises(ValueError, match=r"^scores: expected shape \(\.\.\., n\)"):
        softmax(value)
