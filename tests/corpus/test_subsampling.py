"""The probabilities of keeping tokens of frequent words."""

from __future__ import annotations

import numpy as np

from nw2v.corpus.subsampling import CERTAIN, LIMITS, keep_limits, keep_probabilities


def test_keep_probability_is_that_of_word2vec() -> None:
    counts = np.array([900, 90, 9, 1])
    keep = keep_probabilities(counts, 1e-2)
    f = counts / 1000
    np.testing.assert_allclose(keep, np.minimum(1, np.sqrt(1e-2 / f) + 1e-2 / f))
    assert (keep_probabilities(counts, 0.0) == 1).all()


def test_limits_are_the_probabilities_to_31_bits() -> None:
    counts = np.array([900, 90, 9, 1])
    assert (keep_limits(counts, 0.0) == CERTAIN).all()
    limits = keep_limits(counts, 1e-2)
    assert limits.dtype == np.int32
    rounded = (limits.astype(np.float64) + 1) / LIMITS
    np.testing.assert_allclose(rounded, keep_probabilities(counts, 1e-2), rtol=0, atol=0.5 / LIMITS)
