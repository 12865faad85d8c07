"""Which center words make a step of exact training, and how much each of them counts.

A pass over C center words is cut into steps of B words, the last one shorter. Either a pass is a
sweep: every center word is in one step, with weight 1. Or each step draws its words, word c with
probability p_c a place, and weighs a word that it drew m_c times by

    w_c = m_c / (C p_c),    E[w_c] = B / C,

so that on average a step is B / C of the whole sum, as it is in a sweep (docs/derivations.md,
section 12).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from nw2v.jit.random import random_order, raw_words, stream_key

SMALLEST_SHARE = 1e-6
"""Of the mean probability: no center word is drawn more rarely, so that no weight is above 1e6."""


class Batch(NamedTuple):
    """The center words of a step."""

    centers: np.ndarray  # (n,) int32, rising, each once
    weights: np.ndarray | None  # (n,) float64; None: 1 each


class SweptCenters:
    """Every center word once a pass, in an order that follows from seed and pass.

    Parameters
    ----------
    centers : (C,) int32 array
    size : int
        Center words of a step.
    seed : int
    """

    def __init__(self, centers: np.ndarray, size: int, *, seed: int) -> None:
        self._centers, self._size, self._seed = centers, size, seed

    def of_pass(self, epoch: int) -> Iterator[Batch]:
        """Give the steps of a pass, from 0."""
        key = stream_key(self._seed, epoch, "centers")
        order = self._centers[random_order(key, len(self._centers))]
        for first in range(0, len(order), self._size):
            yield Batch(np.sort(order[first : first + self._size]), None)


class DrawnCenters:
    """Center words drawn anew for each step, with probability proportional to n_c^exponent.

    The cumulative probabilities are cut into as many equal stretches as a step has places, and one
    word is drawn from each: expectations are those of independent draws, and a step has fewer words
    twice.

    Parameters
    ----------
    centers : (C,) int32 array
    pairs : (C,) array
        n_c of each, above 0.
    size : int
        Center words of a step.
    exponent : float
    seed : int
    """

    def __init__(
        self, centers: np.ndarray, pairs: np.ndarray, size: int, *, exponent: float, seed: int
    ) -> None:
        self._centers, self._size, self._seed = centers, size, seed
        relative = np.exp(exponent * (np.log(pairs) - np.log(pairs).max()))
        relative = np.maximum(relative, SMALLEST_SHARE * relative.mean())
        self.probabilities = relative / relative.sum()
        self._bounds = np.cumsum(self.probabilities)
        self._bounds[-1] = 1.0  # whatever rounding left

    def of_pass(self, epoch: int) -> Iterator[Batch]:
        """Give the steps of a pass, from 0."""
        total = len(self._centers)
        for number, first in enumerate(range(0, total, self._size)):
            places = min(self._size, total - first)
            bits = raw_words(stream_key(self._seed, epoch, number, "drawn centers"), places)
            within = (bits >> np.uint64(11)) * 2.0**-53  # in [0, 1)
            drawn = np.searchsorted(self._bounds, (np.arange(places) + within) / places, "right")
            # Rounding may make the last place 1 exactly.
            found, times = np.unique(np.minimum(drawn, total - 1), return_counts=True)
            yield Batch(self._centers[found], times / (total * self.probabilities[found]))
