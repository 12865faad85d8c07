"""The exact gradient of a block of centers from co-occurrence counts, on all cores.

The vocabulary is cut into tiles, as many as it asks for, whatever the number of threads. A thread
takes a tile, multiplies, turns logits into residuals, multiplies again, and hands over the gradient
of the tile's outside vectors. What the tiles contribute to the centers is added up in their order,
and BLAS runs on one thread inside each of ours: so results are the same bit for bit for any number
of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import NamedTuple

import numpy as np

from nw2v.kernels.exact_tiles import (
    Counts,
    sampling_residuals,
    softmax_exponentials,
    softmax_residuals,
)

LARGEST_TILE, SMALLEST_TILE = 1024, 256
"""Words of a tile,"""
TILES = 16
"""and how many there are if these bounds allow it."""

OutsideStep = Callable[[slice, np.ndarray], None]
"""Is given dJ/dU (n, d) of a tile of words, once all products with these vectors are done."""


def tiles_of(vocabulary: int) -> list[slice]:
    """Cut the words of a vocabulary into tiles of nearly one size."""
    size = max(SMALLEST_TILE, min(LARGEST_TILE, -(-vocabulary // TILES)))
    tiles = -(-vocabulary // size)
    bounds = [vocabulary * t // tiles for t in range(tiles + 1)]
    return [slice(*bounds[t : t + 2]) for t in range(tiles)]


class Work(NamedTuple):
    """What gradients are computed of, and by whom."""

    counts: Counts
    outsides: np.ndarray  # (V, d) float32; rows may lie apart
    block: int  # centers of a block, at most
    executor: Executor | None  # whose threads do the work; None: the caller's
    threads: int


class _Tiled:
    """Work on all tiles of the vocabulary for blocks of centers."""

    def __init__(self, work: Work) -> None:
        self._counts, self._outsides, self._executor = work.counts, work.outsides, work.executor
        self._tiles = tiles_of(len(work.outsides))
        dim = work.outsides.shape[1]
        self._partial = np.empty((len(self._tiles), work.block, dim), dtype=np.float32)
        widest = max(tile.stop - tile.start for tile in self._tiles)
        self._buffers: SimpleQueue[np.ndarray] = SimpleQueue()
        for _ in range(work.threads):
            self._buffers.put(np.empty(work.block * widest, dtype=np.float32))

    def _each(self, work: Callable[[int], None]) -> None:
        numbers = range(len(self._tiles))
        if self._executor is None:
            for number in numbers:
                work(number)
        else:
            list(self._executor.map(work, numbers))

    @contextmanager
    def _buffer(self) -> Iterator[np.ndarray]:
        buffer = self._buffers.get()
        try:
            yield buffer
        finally:
            self._buffers.put(buffer)

    def _multiply(self, number: int, vectors: np.ndarray, buffer: np.ndarray) -> np.ndarray:
        """Compute the logits of a tile: vectors (B, d) by its outside vectors, (B, n)."""
        outsides = self._outsides[self._tiles[number]]
        logits = buffer[: len(vectors) * len(outsides)].reshape(len(vectors), len(outsides))
        return np.matmul(vectors, outsides.T, out=logits)

    def _finish(
        self, number: int, weighted: np.ndarray, residuals: np.ndarray, step: OutsideStep
    ) -> None:
        """Multiply residuals; center vectors, where centers have weights, come with theirs."""
        tile = self._tiles[number]
        np.matmul(residuals, self._outsides[tile], out=self._partial[number, : len(weighted)])
        step(tile, residuals.T @ weighted)

    def _center_gradient(self, centers: int, weights: np.ndarray | None) -> np.ndarray:
        total = self._partial[0, :centers].copy()
        for part in self._partial[1:, :centers]:
            total += part
        return _weighted(total, weights)


def _weighted(rows: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Multiply rows (B, d) float32 by weights (B,)."""
    return rows if weights is None else rows * weights.astype(np.float32)[:, None]


def _sum_of(losses: np.ndarray, weights: np.ndarray | None) -> float:
    return math.fsum(losses if weights is None else losses * weights)


class SoftmaxGradient(_Tiled):
    """The naive softmax: two visits to each tile, as no residual is known before all logits are.

    Parameters
    ----------
    work : Work
    memory_limit : int
        Bytes. If all logits of a block take more, those of a tile are computed again on the second
        visit instead of being kept.
    """

    def __init__(self, work: Work, memory_limit: int) -> None:
        super().__init__(work)
        tiles, block = len(self._tiles), work.block
        self.keeps_logits = 4 * block * len(work.outsides) <= memory_limit
        self._kept = [
            np.empty(block * (tile.stop - tile.start), dtype=np.float32)
            for tile in self._tiles
            if self.keeps_logits
        ]
        self._largest = np.empty((tiles, block), dtype=np.float32)
        self._totals, self._attained = np.empty((tiles, block)), np.empty((tiles, block))

    def __call__(
        self,
        centers: np.ndarray,
        vectors: np.ndarray,
        step: OutsideStep,
        weights: np.ndarray | None = None,
    ) -> tuple[float, np.ndarray]:
        """Compute the gradient of a block.

        Parameters
        ----------
        centers : (B,) int32 array
            The center words.
        vectors : (B, d) float32 array
            Theirs.
        step : callable
            Receives dJ/dU, tile by tile, in any order, from several threads at the same time.
        weights : (B,) float64 array, optional
            Each center's loss, and with it the gradient, counts so many times. Default: once.

        Returns
        -------
        loss : float
            The sum over the block's pairs.
        gradient : (B, d) float32 array
            dJ/dV.
        """
        count = len(centers)
        weighted = _weighted(vectors, weights)
        largest, totals = self._largest[:, :count], self._totals[:, :count]

        def exponentials(number: int, buffer: np.ndarray) -> np.ndarray:
            first = self._tiles[number].start
            logits = self._multiply(number, vectors, buffer)
            softmax_exponentials(
                logits, centers, first, self._counts,
                largest[number], totals[number], self._attained[number],
            )  # fmt: skip
            return logits

        def first_visit(number: int) -> None:
            if self.keeps_logits:
                exponentials(number, self._kept[number])
                return
            with self._buffer() as buffer:
                exponentials(number, buffer)

        self._each(first_visit)
        top = largest.max(axis=0)
        with np.errstate(invalid="ignore"):  # infinite scores: the loss shows them
            shifts = np.exp((largest - top).astype(np.float64))
        normalisers = (totals * shifts).sum(axis=0)
        row_sums = self._counts.row_sums[centers]
        loss = _sum_of(row_sums * (top + np.log(normalisers)), weights)
        loss -= _sum_of(self._attained[:, :count].sum(axis=0), weights)
        factors = (row_sums / normalisers * shifts).astype(np.float32)

        def second_visit(number: int) -> None:
            tile = self._tiles[number]

            def finish(values: np.ndarray) -> None:
                softmax_residuals(values, centers, tile.start, self._counts, factors[number])
                self._finish(number, weighted, values, step)

            if self.keeps_logits:
                width = tile.stop - tile.start
                finish(self._kept[number][: count * width].reshape(count, width))
                return
            with self._buffer() as buffer:
                finish(exponentials(number, buffer))

        self._each(second_visit)
        return loss, self._center_gradient(count, weights)


class SamplingGradient(_Tiled):
    """Negative sampling in expectation over the noise distribution: one visit to each tile.

    Parameters
    ----------
    work : Work
    noise : (V,) array
        The noise distribution P.
    negatives : int
        K.
    """

    def __init__(self, work: Work, noise: np.ndarray, negatives: int) -> None:
        super().__init__(work)
        self._noise, self._negatives = noise.astype(np.float32), negatives
        self._losses = np.empty((len(self._tiles), work.block))

    def __call__(
        self,
        centers: np.ndarray,
        vectors: np.ndarray,
        step: OutsideStep,
        weights: np.ndarray | None = None,
    ) -> tuple[float, np.ndarray]:
        """Compute the gradient of a block, as `SoftmaxGradient` does."""
        weighted = _weighted(vectors, weights)
        pushes = (self._negatives * self._counts.row_sums[centers]).astype(np.float32)

        def visit(number: int) -> None:
            tile = self._tiles[number]
            with self._buffer() as buffer:
                logits = self._multiply(number, vectors, buffer)
                pulls = np.empty(logits.shape[1], dtype=np.float32)
                sampling_residuals(
                    logits, centers, tile.start, self._counts,
                    self._noise[tile], pushes, pulls, self._losses[number],
                )  # fmt: skip
                self._finish(number, weighted, logits, step)

        self._each(visit)
        count = len(centers)
        losses = self._losses[:, :count].sum(axis=0)
        return _sum_of(losses, weights), self._center_gradient(count, weights)
