from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp

from nw2v.kernels.logit_sums import add_logits, no_logits_yet


def swept(logits: np.ndarray, prior: np.ndarray, noise: np.ndarray, step: int):
    """The sums over blocks of `step` words."""
    sums = no_logits_yet(len(logits))
    with np.errstate(all="ignore"):
        for first in range(0, logits.shape[1], step):
            here = slice(first, first + step)
            add_logits(first, np.ascontiguousarray(logits[:, here]), prior[here], noise[here], sums)
    return sums


@pytest.mark.parametrize("step", [1, 60, 300])
def test_sums_over_blocks_are_those_over_the_vocabulary(step):
    rng = np.random.default_rng(0)
    logits = (5 * rng.standard_normal((3, 300))).astype(np.float32)
    noise = rng.dirichlet(np.ones(300)).astype(np.float32)
    prior = np.log(noise)
    sums = swept(logits, prior, noise, step)
    exact = logits.astype(np.float64)
    assert sums.log_normalisers() == pytest.approx(logsumexp(exact + prior, axis=1), rel=1e-5)
    assert sums.softplus == pytest.approx(np.logaddexp(0, exact) @ noise, rel=1e-5)
    assert sums.likeliest.tolist() == (logits + prior).argmax(axis=1).tolist()
    assert np.array_equal(sums.largest, (logits + prior).max(axis=1))


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_the_first_of_equals_is_the_likeliest(step):
    logits = np.array([[0, 2, 1, 2, 2, 0, 2], [0, 0, 0, 0, 0, 0, 0]], dtype=np.float32)
    zeros = np.zeros(7, dtype=np.float32)
    assert swept(logits, zeros, zeros[:0], step).likeliest.tolist() == [1, 0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_overflow_make_sums_that_are_not_finite(bad):
    logits = np.zeros((1, 40), dtype=np.float32)
    logits[0, 20] = bad
    zeros = np.zeros(40, dtype=np.float32)
    with np.errstate(all="ignore"):
        assert not np.isfinite(swept(logits, zeros, zeros[:0], 16).log_normalisers())
