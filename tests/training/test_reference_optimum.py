"""The reference optimum: a stationary point, the known one where vectors can reach it."""

from __future__ import annotations

import numpy as np
import pytest

from nw2v.errors import InputError
from nw2v.losses import NaiveSoftmax, NegativeSampling
from nw2v.losses.whole_corpus import whole_corpus_loss_and_gradient
from nw2v.training.reference_optimum import LARGEST_VOCABULARY, reference_optimum


def example(dim):
    generator = np.random.default_rng(1)
    counts = generator.integers(1, 20, (8, 8)).astype(float)
    V, U = 0.3 * generator.normal(size=(2, 8, dim))
    return counts, V, U, generator.dirichlet(np.full(8, 5.0))


def test_vectors_of_full_dimension_reach_the_entropy_of_the_counts():
    counts, V, U, _ = example(8)
    loss, *_ = reference_optimum(counts, V, U, NaiveSoftmax(), iterations=2000)
    rows = counts / counts.sum(axis=1, keepdims=True)
    entropy = -(counts * np.log(rows)).sum() / counts.sum()
    assert loss == pytest.approx(entropy, abs=1e-4)


def test_negative_sampling_reaches_shifted_pmi():
    """u_o . v_c = log n_co / (K n_c P(o)), its known optimum."""
    counts, V, U, noise = example(8)
    _, v, u = reference_optimum(counts, V, U, NegativeSampling(3), noise, iterations=5000)
    ref = np.log(counts / (3 * counts.sum(axis=1, keepdims=True) * noise))
    np.testing.assert_allclose(v @ u.T, ref, atol=0.02)


@pytest.mark.parametrize("loss", [NaiveSoftmax(), NegativeSampling(2)])
def test_few_dimensions_reach_a_stationary_point(loss):
    counts, V, U, noise = example(2)
    found, v, u = reference_optimum(counts, V, U, loss, noise, weight_decay=1e-3, iterations=2000)
    value, dV, dU = whole_corpus_loss_and_gradient(counts, v, u, loss, noise)
    pairs = counts.sum()
    assert found == pytest.approx(value / pairs)
    for gradient, x in ((dV, v), (dU, u)):
        assert np.abs(gradient / pairs + 1e-3 * x).max() < 1e-4


def test_what_is_too_large_or_empty_is_refused():
    counts, V, U, _ = example(2)
    with pytest.raises(InputError, match="needs pairs of words"):
        reference_optimum(0 * counts, V, U, NaiveSoftmax())
    words = LARGEST_VOCABULARY + 1
    with pytest.raises(InputError, match="at most 5,000 words, got 5,001"):
        reference_optimum(counts, np.zeros((words, 2)), np.zeros((words, 2)), NaiveSoftmax())
