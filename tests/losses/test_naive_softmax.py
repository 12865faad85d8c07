from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_allclose, assert_array_equal

from nw2v.losses import naive_softmax_loss_and_gradient
from tests import naive
from tests.losses.problems import assert_terms_allclose, compiled_only, examples, problems


@examples(200)
@given(problems(shortest=1, windows=1))
def test_equals_its_twin(problem):
    v_c, U = problem.center_vectors[0], problem.outside_vectors
    comp = naive_softmax_loss_and_gradient(v_c, int(problem.outside[0]), U)
    ref = naive.naive_softmax_loss_and_gradient(v_c, problem.outside[0], U)
    assert_terms_allclose(comp, ref, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_and_dtypes(dtype):
    rng = np.random.default_rng(1)
    v_c, U = rng.normal(size=3).astype(dtype), rng.normal(size=(5, 3)).astype(dtype)
    before = v_c.copy(), U.copy()
    loss, gradient_center, gradient_outside = naive_softmax_loss_and_gradient(v_c, np.int32(4), U)
    assert type(loss) is float
    assert (gradient_center.shape, gradient_center.dtype) == ((3,), dtype)
    assert (gradient_outside.shape, gradient_outside.dtype) == ((5, 3), dtype)
    assert_array_equal(v_c, before[0])
    assert_array_equal(U, before[1])
    ref = naive.naive_softmax_loss_and_gradient(v_c, 4, U)
    assert_allclose(gradient_outside, ref[2], rtol=1e-5)
    assert_allclose(loss, ref[0], rtol=1e-7)


def test_gradients_for_the_outside_vectors_cancel_over_the_vocabulary():
    # The sum over w of (y-hat_w - y_w) is 0: what is taken from others is given to o.
    rng = np.random.default_rng(2)
    v_c, U = rng.normal(size=4), rng.normal(size=(30, 4))
    assert_allclose(naive_softmax_loss_and_gradient(v_c, 7, U)[2].sum(axis=0), 0, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_scores(dtype):
    v_c = np.array([1e18], dtype=dtype)
    U = np.array([[1e18], [-1e18], [0]], dtype=dtype)  # scores +-1e36, beyond exp by far
    loss, gradient_center, gradient_outside = naive_softmax_loss_and_gradient(v_c, 0, U)
    assert loss == 0
    assert_array_equal(gradient_center, [0])
    assert_array_equal(gradient_outside, np.zeros((3, 1)))
    loss, gradient_center, gradient_outside = naive_softmax_loss_and_gradient(v_c, 1, U)
    assert_allclose(loss, 2e36, rtol=1e-6)
    assert_allclose(gradient_center, [2e18], rtol=1e-6)
    assert_allclose(gradient_outside, np.array([[1e18], [-1e18], [0]]), rtol=1e-6)


def test_float32_scores_beyond_the_range_of_float32():
    v_c = np.array([3e38], dtype=np.float32)
    U = np.array([[3e38], [3e38]], dtype=np.float32)
    loss, gradient_center, _ = naive_softmax_loss_and_gradient(v_c, 0, U)
    assert_allclose(loss, np.log(2), rtol=1e-15)
    assert_array_equal(gradient_center, [0])


def test_a_loss_close_to_0_keeps_its_digits():
    # The outside word is 60 nats ahead: J = log(1 + e^-60), and y-hat_o - 1 = -e^-60 / (1 + e^-60),
    # both far below the spacing of float64 at 1.
    with localcontext() as context:
        context.prec = 60
        power = Decimal(-60).exp()
        exact_loss, exact_residual = float((1 + power).ln()), float(-power / (1 + power))
    loss, gradient_center, gradient_outside = naive_softmax_loss_and_gradient(
        np.array([60.0]), 0, np.array([[1.0], [0.0]])
    )
    assert_allclose(loss, exact_loss, rtol=1e-14)
    assert_allclose(gradient_center, [exact_residual], rtol=1e-14)
    assert_allclose(gradient_outside, [[60 * exact_residual], [-60 * exact_residual]], rtol=1e-14)


def test_a_vocabulary_of_one_word_is_certain():
    loss, gradient_center, gradient_outside = naive_softmax_loss_and_gradient([2.0], 0, [[3.0]])
    assert (loss, gradient_center.tolist(), gradient_outside.tolist()) == (0.0, [0.0], [[0.0]])


@compiled_only
def test_inner_products_beyond_float64_are_refused():
    with pytest.raises(ValueError, match=r"inner products u_w\.v_c within the range of float64"):
        naive_softmax_loss_and_gradient(np.array([1e200]), 1, np.array([[1e200], [-1e200]]))


GOOD = (np.zeros(3), 1, np.zeros((5, 3)))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, np.zeros(4), r"center_vector: expected shape \(3,\) .* got shape \(4,\)"),
        (0, np.zeros((1, 3)), r"center_vector: expected a vector \(d,\).*got shape \(1, 3\)"),
        (0, np.float64(1), r"center_vector: expected a vector .* got shape \(\)"),
        (0, np.array([0, np.nan, 0]), r"center_vector: expected finite numbers, got nan at \[1\]"),
        (0, np.zeros(3, np.float32), "center_vector: expected the dtype of outside_vectors"),
        (0, ["a", "b", "c"], "center_vector: expected float32 or float64"),
        (1, 5, "outside_index: expected an index from 0 to 4, got 5"),
        (1, -1, "outside_index: expected an index from 0 to 4, got -1"),
        (1, 2**70, "outside_index: "),
        (1, 1.0, r"outside_index: expected a whole number, got 1\.0"),
        (1, True, "outside_index: expected a whole number, got True"),
        (1, [1], r"outside_index: expected a whole number, got \[1\]"),
        (1, None, "outside_index: expected a whole number, got None"),
        (2, np.zeros(3), r"outside_vectors: expected a matrix \(V, d\).*got shape \(3,\)"),
        (2, np.zeros((0, 3)), r"outside_vectors: .*got shape \(0, 3\)"),
        (2, np.zeros((5, 3), np.float16), "outside_vectors: .*got dtype float16"),
        (2, np.full((5, 3), np.inf), r"outside_vectors: .*got inf at \[0, 0\]"),
    ],
)
def test_bad_input_is_named(place, value, message):
    arguments: list[Any] = list(GOOD)
    arguments[place] = value
    with pytest.raises(ValueError, match=f"^{message}"):
        naive_softmax_loss_and_gradient(*arguments)
