"""The gradients against two judges that know no formula: differences and a machine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from nw2v.losses import (
    batch_loss_and_gradient,
    naive_softmax_loss_and_gradient,
    negative_sampling_loss_and_gradient,
    skipgram_loss_and_gradient,
)
from tests.losses.problems import examples, problems, threads

LOSSES = ("naive_softmax", "negative_sampling")


def relative_error(gradient, reference):
    # Relative to the gradient, or to 1e-3 where it all but vanishes (a vocabulary of one word).
    return np.linalg.norm(gradient - reference) / max(1e-3, float(np.linalg.norm(reference)))


def central_differences(loss, parameters, step=1e-5):
    gradient = np.empty_like(parameters)
    for i in np.ndindex(parameters.shape):
        kept = parameters[i]
        parameters[i] = kept + step
        above = loss()
        parameters[i] = kept - step
        below = loss()
        parameters[i] = kept
        gradient[i] = (above - below) / (2 * step)
    return gradient


def check_by_differences(function, *parameters):
    """`function` returns the loss and its gradient for each of the parameter arrays."""
    _, *gradients = function()
    for parameter, gradient in zip(parameters, gradients, strict=True):
        reference = central_differences(lambda: function()[0], parameter)
        assert relative_error(gradient, reference) < 1e-6


@examples(200)
@given(problems(shortest=1, windows=1))
def test_naive_softmax_by_differences(problem):
    v_c, U, o = problem.center_vectors[0].copy(), problem.outside_vectors, int(problem.outside[0])
    check_by_differences(lambda: naive_softmax_loss_and_gradient(v_c, o, U), v_c, U)


@examples(200)
@given(problems(shortest=1, windows=1))
def test_negative_sampling_by_differences(problem):
    v_c, U, o = problem.center_vectors[0].copy(), problem.outside_vectors, int(problem.outside[0])
    drawn = problem.negatives[0]
    check_by_differences(lambda: negative_sampling_loss_and_gradient(v_c, o, U, drawn), v_c, U)


@pytest.mark.parametrize("loss", LOSSES)
@examples(100)
@given(problem=problems(windows=1))
def test_skipgram_by_differences(loss, problem):
    V, U, c = problem.center_vectors, problem.outside_vectors, int(problem.centers[0])
    check_by_differences(
        lambda: skipgram_loss_and_gradient(c, problem.outside, V, U, loss, problem.negatives), V, U
    )


@pytest.mark.parametrize("loss", LOSSES)
@examples(40)
@given(problem=problems(windows=4))
def test_batch_by_differences_along_random_directions(loss, problem):
    V, U = problem.center_vectors, problem.outside_vectors
    rng = np.random.default_rng(1)

    def evaluate(V, U):
        with threads(1):
            return batch_loss_and_gradient(
                problem.centers, problem.outside, problem.offsets, V, U, loss, problem.negatives
            )

    gradients = evaluate(V, U)[1:]
    size = max(1e-3, float(np.linalg.norm(np.concatenate(gradients))))
    for _ in range(3):
        directions = [rng.normal(size=gradient.shape) for gradient in gradients]
        steps = [1e-5 * direction for direction in directions]
        above = evaluate(V + steps[0], U + steps[1])[0]
        below = evaluate(V - steps[0], U - steps[1])[0]
        slope = np.vdot(gradients[0], directions[0]) + np.vdot(gradients[1], directions[1])
        assert abs((above - below) / 2e-5 - slope) < 1e-6 * size


@pytest.mark.parametrize("loss", LOSSES)
@examples(200)
@given(problem=problems())
def test_batch_by_automatic_differentiation(loss, problem):
    """The loss written in one line of NumPy and differentiated by the package autograd."""
    autograd = pytest.importorskip("autograd", reason="needs autograd, in the extra dev")
    anp = pytest.importorskip("autograd.numpy")
    centers = np.repeat(problem.centers, np.diff(problem.offsets))

    def summed_loss(V, U):
        scores = anp.dot(V[centers], U.T)
        pairs = np.arange(len(centers))
        if loss == "naive_softmax":
            return anp.sum(
                anp.log(anp.sum(anp.exp(scores), axis=1)) - scores[pairs, problem.outside]
            )
        drawn = scores[pairs[:, np.newaxis], problem.negatives]
        return anp.sum(anp.logaddexp(0, -scores[pairs, problem.outside])) + anp.sum(
            anp.logaddexp(0, drawn)
        )

    V, U = problem.center_vectors, problem.outside_vectors
    with threads(1):
        total, gradient_centers, gradient_outsides = batch_loss_and_gradient(
            problem.centers, problem.outside, problem.offsets, V, U, loss, problem.negatives
        )
    assert total == pytest.approx(summed_loss(V, U), rel=1e-12, abs=1e-12)
    for argument, gradient in enumerate((gradient_centers, gradient_outsides)):
        reference = autograd.grad(summed_loss, argument)(V, U)
        assert relative_error(gradient, reference) < 1e-10
