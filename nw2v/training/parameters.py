"""The matrices that training changes."""

from __future__ import annotations

import numpy as np

from nw2v.jit.random import stream_key
from nw2v.jit.registers import aligned_zeros, row_layout
from nw2v.kernels.hot_rows import MOST_COPIES

_ROWS_AT_ONCE = 256


class Parameters:
    """Center vectors V and outside vectors U, laid out for the kernels.

    Parameters
    ----------
    vocabulary_size, dim : int
    seed : int
        Decides the initial center vectors, whatever the number of threads.
    initial_scale : float
        Center vectors start uniform in +-initial_scale / (2 dim), outside vectors at zero.
        1 is word2vec.c's choice, 2 gensim's; more helps small texts.
    portable : bool
        Lay rows out for the path without register code.

    Attributes
    ----------
    lanes : tuple
        What the kernels take first; see `nw2v.jit.registers`.
    centers, outsides : (vocabulary_size, length) float32 arrays
        Rows padded with zeros to the length the kernels work on.
    center_rows, outside_rows : float32 arrays
        The same, with room behind for copies of the most frequent words' rows (see
        `nw2v.kernels.hot_rows`).
    """

    def __init__(
        self,
        vocabulary_size: int,
        dim: int,
        *,
        seed: int,
        initial_scale: float,
        portable: bool = False,
    ) -> None:
        self.dim = dim
        self.lanes, length = row_layout(dim, portable=portable)
        with_copies = vocabulary_size + min(vocabulary_size, MOST_COPIES)
        self.center_rows = aligned_zeros(with_copies, length)
        self.outside_rows = aligned_zeros(with_copies, length)
        self.centers = self.center_rows[:vocabulary_size]
        self.outsides = self.outside_rows[:vocabulary_size]
        block = max(1, (1 << 20) // dim)
        for first in range(0, vocabulary_size, block):
            # The raw words of a bit generator are the same in every version of NumPy.
            bits = np.random.Philox(key=int(stream_key(seed, "initial vectors", first)))
            last = min(first + block, vocabulary_size)
            for start in range(first, last, _ROWS_AT_ONCE):
                rows = self.center_vectors[start : min(start + _ROWS_AT_ONCE, last)]
                # The top 24 bits: a float32 holds no more.
                words = bits.random_raw(rows.size) >> np.uint64(40)
                rows[:] = words.astype(np.float32).reshape(rows.shape)
                rows *= np.float32(2.0**-24)
                rows -= np.float32(0.5)
                rows *= np.float32(initial_scale / dim)

    @property
    def center_vectors(self) -> np.ndarray:
        """The (vocabulary_size, dim) center vectors: a view."""
        return self.centers[:, : self.dim]

    @property
    def outside_vectors(self) -> np.ndarray:
        """The (vocabulary_size, dim) outside vectors: a view."""
        return self.outsides[:, : self.dim]
