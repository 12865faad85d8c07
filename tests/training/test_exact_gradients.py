"""Blocks of centers against the readable reference, on any number of threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nw2v.kernels.exact_tiles import Counts
from nw2v.losses import NaiveSoftmax, NegativeSampling
from nw2v.losses.whole_corpus import whole_corpus_loss_and_gradient
from nw2v.training.exact_gradients import (
    LARGEST_TILE,
    SMALLEST_TILE,
    SamplingGradient,
    SoftmaxGradient,
    Work,
    tiles_of,
)

VOCABULARY, DIM, K = 700, 9, 5


def sparse(dense):
    rows, words = np.nonzero(dense)
    offsets = np.searchsorted(rows, np.arange(len(dense) + 1))
    values = dense[rows, words].astype(np.float32)
    row_sums = dense.sum(axis=1, dtype=np.float64)
    return Counts(offsets.astype(np.int64), words.astype(np.int32), values, row_sums)


def example(scale=1.0, seed=1):
    generator = np.random.default_rng(seed)
    dense = generator.gamma(0.5, 4.0, (VOCABULARY, VOCABULARY))
    dense *= generator.random(dense.shape) < 0.05
    dense[3] = 0  # a word without pairs
    dense = dense.astype(np.float32)
    padded = np.zeros((VOCABULARY, 16), dtype=np.float32)
    padded[:, :DIM] = scale * generator.normal(size=(VOCABULARY, DIM))
    V = generator.normal(size=(VOCABULARY, DIM)).astype(np.float32)
    noise = generator.dirichlet(np.ones(VOCABULARY))
    return dense, V, padded[:, :DIM], noise


def gradient_for(loss, dense, U, noise, block, executor=None, threads=1, memory_limit=2**30):
    work = Work(sparse(dense), U, block, executor, threads)
    if isinstance(loss, NaiveSoftmax):
        return SoftmaxGradient(work, memory_limit)
    return SamplingGradient(work, noise, loss.negatives)


def of_block(gradient, centers, V):
    dU = np.full((VOCABULARY, DIM), np.nan, dtype=np.float32)

    def step(tile, values):
        dU[tile] = values

    loss, dV = gradient(centers, V[centers], step)
    return loss, dV, dU


LOSSES = [NaiveSoftmax(), NegativeSampling(K)]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("scale", [0.0, 0.3, 30.0])
@pytest.mark.parametrize("memory_limit", [0, 2**30])
def test_a_block_equals_the_reference(loss, scale, memory_limit):
    dense, V, U, noise = example(scale)
    centers = np.array([0, 3, 5, 6, 300, 698, 699], dtype=np.int32)
    gradient = gradient_for(loss, dense, U, noise, 10, memory_limit=memory_limit)
    comp = of_block(gradient, centers, V)
    ref = whole_corpus_loss_and_gradient(
        dense[centers].astype(np.float64), V[centers].astype(np.float64), U.astype(np.float64),
        loss, noise,
    )  # fmt: skip
    assert comp[0] == pytest.approx(ref[0], rel=1e-5)
    for found, expected in zip(comp[1:], ref[1:], strict=True):
        assert np.linalg.norm(found - expected) <= 1e-5 * (np.linalg.norm(expected) + 1e-3)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_blocks_add_up_to_the_whole_corpus(loss):
    dense, V, U, noise = example(0.3, seed=2)
    gradient = gradient_for(loss, dense, U, noise, 256)
    loss_sum, dV, dU = 0.0, [], np.zeros_like(U)
    for first in range(0, VOCABULARY, 256):
        centers = np.arange(first, min(first + 256, VOCABULARY), dtype=np.int32)
        some, dV_block, dU_block = of_block(gradient, centers, V)
        loss_sum += some
        dV.append(dV_block)
        dU += dU_block
    ref = whole_corpus_loss_and_gradient(
        dense.astype(np.float64), V.astype(np.float64), U.astype(np.float64), loss, noise
    )
    assert loss_sum == pytest.approx(ref[0], rel=1e-5)
    for found, expected in zip((np.concatenate(dV), dU), ref[1:], strict=True):
        assert np.linalg.norm(found - expected) <= 1e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("memory_limit", [0, 2**30])
def test_any_number_of_threads_gives_the_same_bits(loss, memory_limit):
    dense, V, U, noise = example(0.5)
    centers = np.arange(100, dtype=np.int32)
    found = []
    for threads in (1, 2, 5):
        with ThreadPoolExecutor(threads) as executor:
            gradient = gradient_for(
                loss, dense, U, noise, 100, executor if threads > 1 else None, threads,
                memory_limit=memory_limit,
            )  # fmt: skip
            found.append(of_block(gradient, centers, V))
    for loss_sum, dV, dU in found[1:]:
        assert loss_sum == found[0][0]
        np.testing.assert_array_equal(dV, found[0][1])
        np.testing.assert_array_equal(dU, found[0][2])


def test_tiles_cover_the_vocabulary_whatever_its_size():
    for vocabulary in (1, 255, 256, 700, 5_000, 20_000, 200_001):
        tiles = tiles_of(vocabulary)
        assert [tile.start for tile in tiles] == [0, *(tile.stop for tile in tiles[:-1])]
        assert tiles[-1].stop == vocabulary
        sizes = [tile.stop - tile.start for tile in tiles]
        assert max(sizes) <= LARGEST_TILE and max(sizes) - min(sizes) <= 1
        assert vocabulary < SMALLEST_TILE or min(sizes) > SMALLEST_TILE // 2
