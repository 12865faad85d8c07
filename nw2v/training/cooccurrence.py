"""Training on co-occurrence counts: the exact gradient, whatever the length of the text."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import numpy as np

from nw2v.errors import InputError
from nw2v.jit.random import random_order, stream_key
from nw2v.kernels.exact_tiles import Counts
from nw2v.kernels.optimizers import adagrad_rows, adam_rows, sgd_rows
from nw2v.losses import NegativeSampling
from nw2v.training.exact_gradients import SamplingGradient, SoftmaxGradient, Work
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings
from nw2v.training.trainer import Progress

REPORTS_A_RUN = 200
"""Reports of all passes together, about."""
PROBED_BLOCKS = 2
OUTSIDE_SHARE = 2.0
"""The rate for outside vectors, times the square root of the steps that a pass makes on them."""

BlockGradient = SoftmaxGradient | SamplingGradient


class CooccurrenceTrainer:
    """Mini-batches of center words, each with all its pairs at one time.

    A pass visits every center word that has pairs once, in an order of its own. Gradients are those
    of the loss divided by the mean number of pairs of a center word, so that learning rates do not
    depend on the length of the text.

    Parameters
    ----------
    counts : Counts
        Expected co-occurrence counts.
    occurrences : (V,) integer array
        Of each word in the training text, for the noise distribution.
    tokens : int
        Of the training text: a pass counts as so many steps.
    parameters : Parameters
    settings : TrainingSettings
        Resolved.
    """

    def __init__(
        self,
        counts: Counts,
        occurrences: np.ndarray,
        tokens: int,
        parameters: Parameters,
        settings: TrainingSettings,
    ) -> None:
        assert settings.epochs and settings.learning_rate and settings.threads
        assert settings.min_learning_rate is not None and settings.optimizer is not None
        assert settings.batch_centers is not None and settings.warm_up is not None
        assert settings.weight_decay is not None
        self.parameters = parameters
        self.epochs = settings.epochs
        self.total_steps = tokens * settings.epochs
        self.noise: np.ndarray | None = None
        self.initial_loss = math.log(len(occurrences))
        if settings.loss == "negative_sampling":
            loss = NegativeSampling(settings.negatives, settings.noise_exponent)
            self.noise = loss.noise_distribution(occurrences)
            self.initial_loss = (1 + settings.negatives) * math.log(2)
        self._settings, self._counts, self._tokens = settings, counts, tokens
        self._rates = settings.learning_rate, settings.min_learning_rate
        self._warm_up, self._weight_decay = settings.warm_up, settings.weight_decay
        self._pairs = counts.row_sums
        self._centers = np.flatnonzero(self._pairs > 0).astype(np.int32)
        if not len(self._centers):
            raise InputError(
                "the text has no pair of words: every sentence has one word, or subsampling leaves "
                "nothing (model.subsample)"
            )
        self._scale = np.float32(len(self._centers) / self._pairs.sum())
        self._block = min(settings.batch_centers, len(self._centers))
        self._blocks = -(-len(self._centers) // self._block)
        self._outside_share = outside_rate_share(settings.optimizer, self._blocks)
        dim = parameters.dim
        self._center_steps = Optimizer(settings.optimizer, parameters.centers, dim=dim)
        self._outside_steps = Optimizer(settings.optimizer, parameters.outsides, dim=dim)

    def prepare(self) -> None:
        """Compile, on a block without centers."""
        with self._gradient(1, 1) as gradient:
            nothing = np.zeros(0, dtype=np.int32)
            vectors = np.zeros((0, self.parameters.dim), dtype=np.float32)
            gradient(nothing, vectors, lambda tile, values: None)
        for optimizer in (self._center_steps, self._outside_steps):
            optimizer.step(nothing, vectors, 0.0, 0.0, 1)

    def estimated_seconds(self) -> float | None:
        """Time the gradients of some blocks."""
        began = time.perf_counter()
        blocks = min(PROBED_BLOCKS, self._blocks)
        with self._gradient(self._block, self._threads) as gradient:
            for number in range(blocks):
                centers = self._centers[number * self._block : (number + 1) * self._block]
                gradient(
                    centers, self.parameters.center_vectors[centers], lambda tile, values: None
                )
        return self.epochs * self._blocks * (time.perf_counter() - began) / blocks

    def run_epoch(self, epoch: int, report: Callable[[Progress], None]) -> None:
        """Make one pass over all center words."""
        order = self._centers[
            random_order(stream_key(self._settings.seed, epoch, "centers"), len(self._centers))
        ]
        began, done, loss, pairs = time.perf_counter(), 0, 0.0, 0.0
        with self._gradient(self._block, self._threads) as gradient:
            for number in range(self._blocks):
                centers = np.sort(order[number * self._block : (number + 1) * self._block])
                loss += self._step(gradient, centers, epoch, number)
                pairs += float(self._pairs[centers].sum())
                until = self._tokens * (number + 1) // self._blocks
                if number + 1 == self._blocks or self._reports(number):
                    now = time.perf_counter()
                    report(
                        Progress(
                            step=epoch * self._tokens + until,
                            tokens=until - done,
                            loss=loss,
                            pairs=pairs,
                            seconds=now - began,
                            learning_rate=self._rate(epoch * self._blocks + number + 1),
                        )
                    )
                    began, done, loss, pairs = now, until, 0.0, 0.0

    @property
    def _threads(self) -> int:
        assert self._settings.threads is not None
        return self._settings.threads

    def _reports(self, number: int) -> bool:
        """Whether a block ends one of the stretches that are reported."""
        reports = min(self._blocks, max(1, REPORTS_A_RUN // self.epochs))
        return number * reports // self._blocks < (number + 1) * reports // self._blocks

    def _step(self, gradient: BlockGradient, centers: np.ndarray, epoch: int, number: int) -> float:
        """Make the step of one block: the sum of its losses before."""
        steps_before = epoch * self._blocks + number
        rate = self._rate(steps_before)
        shrink = rate * self._weight_decay

        def outside_step(tile: slice, values: np.ndarray) -> None:
            values *= self._scale
            words = np.arange(tile.start, tile.stop, dtype=np.int32)
            self._outside_steps.step(
                words, values, rate * self._outside_share, shrink / self._blocks, steps_before + 1
            )

        loss, values = gradient(centers, self.parameters.center_vectors[centers], outside_step)
        values *= self._scale
        self._center_steps.step(centers, values, rate, shrink, epoch + 1)
        return loss

    def _rate(self, steps: int) -> float:
        """Learning rate after so many blocks: rises during the warm-up, then falls."""
        highest, lowest = self._rates
        done = steps / (self.epochs * self._blocks)
        warm_up = self._warm_up
        if done < warm_up:
            return highest * (steps + 1) / (warm_up * self.epochs * self._blocks + 1)
        return float(highest - (highest - lowest) * (done - warm_up) / (1 - warm_up))

    @contextmanager
    def _gradient(self, block: int, threads: int) -> Iterator[BlockGradient]:
        """Give what computes gradients, while its threads live."""
        from threadpoolctl import threadpool_limits

        outsides = self.parameters.outside_vectors
        with (
            threadpool_limits(limits=1, user_api="blas"),
            ThreadPoolExecutor(threads) if threads > 1 else nullcontext() as executor,
        ):
            work = Work(self._counts, outsides, block, executor, threads)
            if self.noise is not None:
                yield SamplingGradient(work, self.noise, self._settings.negatives)
            else:
                assert self._settings.memory_limit is not None
                yield SoftmaxGradient(work, self._settings.memory_limit * 2**20)


def outside_rate_share(optimizer: str, blocks: int) -> float:
    """Part of the learning rate that steps on outside vectors have.

    A pass makes one step on each center vector, but one for every block on each outside vector. An
    optimizer whose steps are about as long as the rate, however small the gradient, would let
    outside vectors run away from center vectors.
    """
    return 1.0 if optimizer == "sgd" else min(1.0, OUTSIDE_SHARE / math.sqrt(blocks))


class Optimizer:
    """Steps on rows of one matrix, with what they remember.

    Parameters
    ----------
    name : {"adam", "adagrad", "sgd"}
    matrix : (V, length) float32 array
        Changed in place, its first `dim` columns.
    dim : int
    """

    def __init__(self, name: str, matrix: np.ndarray, *, dim: int) -> None:
        self._name, self._matrix = name, matrix
        squares, means = (len(matrix) * (name in names) for names in (("adam", "adagrad"), "adam"))
        self._squares = np.zeros((squares, dim), dtype=np.float32)
        self._means = np.zeros((means, dim), dtype=np.float32)

    def step(
        self, rows: np.ndarray, gradients: np.ndarray, rate: float, shrink: float, number: int
    ) -> None:
        """Make a step on some rows (n,) int32, the `number`-th of theirs, from 1."""
        given = self._matrix, rows, gradients, np.float32(rate), np.float32(shrink)
        if self._name == "adam":
            adam_rows(*given, self._means, self._squares, number)
        elif self._name == "adagrad":
            adagrad_rows(*given, self._squares)
        else:
            sgd_rows(*given)
