"""Random problems of every shape for the tests of the mathematics, and how many of them to draw."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import hypothesis
import numba
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_allclose

COMPILED = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]

# An overflow to infinity that the compiled code means to have is a warning of NumPy's elsewhere.
compiled_only = pytest.mark.skipif(
    not COMPILED, reason="run as Python, NumPy warns of what is intended"
)


def examples(number: int) -> hypothesis.settings:
    """The same `number` of examples in every run; fewer where the kernels run as Python."""
    return hypothesis.settings(
        max_examples=number if COMPILED else max(5, number // 20),
        derandomize=True,
        database=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    """Run on so many threads. One starts in microseconds, however busy the machine is."""
    before = numba.get_num_threads()
    numba.set_num_threads(number)
    try:
        yield
    finally:
        numba.set_num_threads(before)


def assert_terms_allclose(comp, ref, rtol, atol=0.0):
    """Compare a loss and its gradients with those of a twin."""
    for one, other in zip(comp, ref, strict=True):
        assert_allclose(one, other, rtol=rtol, atol=atol)


class Problem(NamedTuple):
    """A batch of B windows over V words."""

    center_vectors: npt.NDArray
    outside_vectors: npt.NDArray
    centers: npt.NDArray
    outside: npt.NDArray
    offsets: npt.NDArray
    negatives: npt.NDArray


def draw(
    seed: int,
    words: int,
    dim: int,
    lengths: list[int],
    negatives: int,
    scale: float = 1.0,
    dtype: npt.DTypeLike = np.float64,
) -> Problem:
    rng = np.random.default_rng(seed)
    pairs = sum(lengths)
    return Problem(
        (scale * rng.normal(size=(words, dim))).astype(dtype),
        (scale * rng.normal(size=(words, dim))).astype(dtype),
        rng.integers(0, words, len(lengths)),
        rng.integers(0, words, pairs),
        np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
        rng.integers(0, words, (pairs, negatives)),
    )


@st.composite
def problems(draw_: st.DrawFn, shortest: int = 0, windows: int = 6) -> Problem:
    """Few words, so that centers, outside words and negatives coincide often."""
    return draw(
        draw_(st.integers(0, 2**32 - 1)),
        draw_(st.integers(1, 12)),
        draw_(st.integers(1, 9)),
        draw_(st.lists(st.integers(shortest, 6), min_size=1, max_size=windows)),
        draw_(st.integers(1, 6)),
        draw_(st.sampled_from([0.1, 0.5, 1.0])),
    )
