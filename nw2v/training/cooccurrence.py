"""Training on co-occurrence counts: the exact gradient, whatever the length of the text."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np

from nw2v.kernels.optimizers import adagrad_rows, adam_rows, sgd_rows
from nw2v.training.center_batches import Batch, DrawnCenters, SweptCenters
from nw2v.training.loss_over_counts import BlockGradient, LossOverCounts
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings
from nw2v.training.trainer import Progress

REPORTS_A_RUN = 200
"""Reports of all passes together, about."""
PROBED_BLOCKS = 2
OUTSIDE_SHARE = 2.0
"""The rate for outside vectors, times the square root of the steps that a pass makes on them."""


class CooccurrenceTrainer:
    """Mini-batches of center words, each with all its pairs at one time.

    A pass visits every center word that has pairs once, in an order of its own; or it draws as many
    by their number of pairs, and weighs them so that the expected gradient is the same. Gradients
    are those of the loss divided by the mean number of pairs of a center word, so that learning
    rates do not depend on the length of the text.

    Parameters
    ----------
    loss : LossOverCounts
    tokens : int
        Of the training text: a pass counts as so many steps.
    parameters : Parameters
    settings : TrainingSettings
        Resolved.
    """

    def __init__(
        self,
        loss: LossOverCounts,
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
        self._loss = loss
        self.noise, self.initial_loss = loss.noise, loss.initial
        self._settings, self._tokens = settings, tokens
        self._rates = settings.learning_rate, settings.min_learning_rate
        self._warm_up, self._weight_decay = settings.warm_up, settings.weight_decay
        centers = loss.centers
        self._scale = np.float32(loss.scale)
        self._block = min(settings.batch_centers, len(centers))
        self._blocks = -(-len(centers) // self._block)
        self._batches: SweptCenters | DrawnCenters
        if settings.center_order == "weight":
            assert settings.center_exponent is not None
            self._batches = DrawnCenters(
                centers, loss.pairs[centers], self._block,
                exponent=settings.center_exponent, seed=settings.seed,
            )  # fmt: skip
        else:
            self._batches = SweptCenters(centers, self._block, seed=settings.seed)
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
            optimizer.step(nothing, vectors, 0.0, 0.0)

    def estimated_seconds(self) -> float | None:
        """Time the gradients of some blocks."""
        began = time.perf_counter()
        blocks = min(PROBED_BLOCKS, self._blocks)
        with self._gradient(self._block, self._threads) as gradient:
            for number in range(blocks):
                centers = self._loss.centers[number * self._block : (number + 1) * self._block]
                gradient(
                    centers, self.parameters.center_vectors[centers], lambda tile, values: None
                )
        return self.epochs * self._blocks * (time.perf_counter() - began) / blocks

    def run_epoch(self, epoch: int, report: Callable[[Progress], None]) -> None:
        """Make one pass over all center words, or one of as many."""
        began, done, loss, pairs = time.perf_counter(), 0, 0.0, 0.0
        with self._gradient(self._block, self._threads) as gradient:
            for number, batch in enumerate(self._batches.of_pass(epoch)):
                loss += self._step(gradient, batch, epoch * self._blocks + number)
                counted = self._loss.pairs[batch.centers]
                pairs += float(counted.sum() if batch.weights is None else counted @ batch.weights)
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

    def _step(self, gradient: BlockGradient, batch: Batch, steps_before: int) -> float:
        """Make the step of one block: the sum of its losses before."""
        rate = self._rate(steps_before)
        shrink = rate * self._weight_decay
        centers, weights = batch

        def outside_step(tile: slice, values: np.ndarray) -> None:
            values *= self._scale
            words = np.arange(tile.start, tile.stop, dtype=np.int32)
            self._outside_steps.step(
                words, values, rate * self._outside_share, shrink / self._blocks
            )

        center_vectors = self.parameters.center_vectors
        loss, values = gradient(centers, center_vectors[centers], outside_step, weights)
        values *= self._scale
        if weights is None:
            self._center_steps.step(centers, values, rate, shrink)
        else:
            # Some words are drawn often, others in few passes: decay is the same for all.
            center_vectors[self._loss.centers] *= np.float32(1 - shrink / self._blocks)
            self._center_steps.step(centers, values, rate, 0.0)
        return loss

    def _rate(self, steps: int) -> float:
        """Learning rate after so many blocks: rises during the warm-up, then falls."""
        highest, lowest = self._rates
        done = steps / (self.epochs * self._blocks)
        warm_up = self._warm_up
        if done < warm_up:
            return highest * (steps + 1) / (warm_up * self.epochs * self._blocks + 1)
        return float(highest - (highest - lowest) * (done - warm_up) / (1 - warm_up))

    def _gradient(self, block: int, threads: int) -> AbstractContextManager[BlockGradient]:
        assert self._settings.memory_limit is not None
        return self._loss.gradient(
            self.parameters.outside_vectors, block,
            threads=threads, memory_limit=self._settings.memory_limit * 2**20,
        )  # fmt: skip


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
        self._steps = np.zeros(len(matrix), dtype=np.int64)  # of each row

    def step(self, rows: np.ndarray, gradients: np.ndarray, rate: float, shrink: float) -> None:
        """Make a step on some rows (n,) int32, each at most once."""
        given = self._matrix, rows, gradients, np.float32(rate), np.float32(shrink)
        self._steps[rows] += 1
        if self._name == "adam":
            adam_rows(*given, self._means, self._squares, self._steps[rows])
        elif self._name == "adagrad":
            adagrad_rows(*given, self._squares)
        else:
            sgd_rows(*given)
