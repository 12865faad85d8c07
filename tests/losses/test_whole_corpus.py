"""The loss of a whole corpus against the sum over its pairs and automatic differentiation."""

from __future__ import annotations

import numpy as np
import pytest

from nw2v.losses import (
    NaiveSoftmax,
    NegativeSampling,
    naive_softmax_loss_and_gradient,
    negative_sampling_loss_and_gradient,
)
from nw2v.losses.whole_corpus import whole_corpus_loss_and_gradient


def example(seed=1, vocabulary=7, dim=3):
    generator = np.random.default_rng(seed)
    counts = generator.integers(0, 4, (vocabulary, vocabulary)).astype(float)
    V, U = generator.normal(size=(2, vocabulary, dim))
    noise = generator.dirichlet(np.ones(vocabulary))
    return counts, V, U, noise


def assert_equal(comp, ref):
    assert comp[0] == pytest.approx(ref[0], rel=1e-10)
    for found, expected in zip(comp[1:], ref[1:], strict=True):
        assert np.linalg.norm(found - expected) <= 1e-10 * np.linalg.norm(expected)


def test_naive_softmax_is_the_sum_of_its_pairs():
    counts, V, U, _ = example()
    ref_loss, ref_V, ref_U = 0.0, np.zeros_like(V), np.zeros_like(U)
    for c, o in zip(*np.nonzero(counts), strict=True):
        loss, gradient_center, gradient_outside = naive_softmax_loss_and_gradient(V[c], o, U)
        ref_loss += counts[c, o] * loss
        ref_V[c] += counts[c, o] * gradient_center
        ref_U += counts[c, o] * gradient_outside
    comp = whole_corpus_loss_and_gradient(counts, V, U, NaiveSoftmax())
    assert_equal(comp, (ref_loss, ref_V, ref_U))


def test_negative_sampling_is_the_expected_sum_of_its_pairs():
    """K = 1: the expectation is a sum over all words that may be drawn."""
    counts, V, U, noise = example()
    ref_loss, ref_V, ref_U = 0.0, np.zeros_like(V), np.zeros_like(U)
    for c, o in zip(*np.nonzero(counts), strict=True):
        for w, p in enumerate(noise):
            loss, gradient_center, gradient_outside = negative_sampling_loss_and_gradient(
                V[c], o, U, [w]
            )
            ref_loss += counts[c, o] * p * loss
            ref_V[c] += counts[c, o] * p * gradient_center
            ref_U += counts[c, o] * p * gradient_outside
    comp = whole_corpus_loss_and_gradient(counts, V, U, NegativeSampling(1), noise)
    assert_equal(comp, (ref_loss, ref_V, ref_U))


@pytest.mark.parametrize("loss", [NaiveSoftmax(), NegativeSampling(4)])
def test_gradients_agree_with_automatic_differentiation(loss):
    autograd = pytest.importorskip("autograd", reason="needs autograd, in the extra dev")
    anp = pytest.importorskip("autograd.numpy")
    counts, V, U, noise = example(2)

    def value(V, U):
        logits = anp.dot(V, U.T)
        totals = counts.sum(axis=1)
        if isinstance(loss, NaiveSoftmax):
            return anp.sum(totals * anp.log(anp.sum(anp.exp(logits), axis=1))) - anp.sum(
                counts * logits
            )
        weights = loss.negatives * totals[:, None] * noise
        return anp.sum(counts * anp.log1p(anp.exp(-logits))) + anp.sum(
            weights * anp.log1p(anp.exp(logits))
        )

    comp = whole_corpus_loss_and_gradient(counts, V, U, loss, noise)
    assert comp[0] == pytest.approx(value(V, U), rel=1e-12)
    for place in (0, 1):
        ref = autograd.grad(value, place)(V, U)
        np.testing.assert_allclose(comp[1 + place], ref, rtol=1e-10, atol=1e-12)


def test_types_are_kept_and_large_scores_do_not_overflow():
    counts, V, U, noise = example(3)
    for loss in (NaiveSoftmax(), NegativeSampling(2)):
        value, gradient_V, gradient_U = whole_corpus_loss_and_gradient(
            counts.astype(np.float32), (1e3 * V).astype(np.float32), U.astype(np.float32),
            loss, noise.astype(np.float32),
        )  # fmt: skip
        assert np.isfinite(value) and gradient_V.dtype == gradient_U.dtype == np.float32
        assert np.isfinite(gradient_V).all() and np.isfinite(gradient_U).all()


def test_a_loss_of_another_package_is_refused():
    counts, V, U, _ = example()
    with pytest.raises(TypeError, match="no exact gradient"):
        whole_corpus_loss_and_gradient(counts, V, U, object())  # type: ignore[arg-type]
