"""L-BFGS on the exact gradient of all counts: one iteration a pass (Liu and Nocedal 1989).

What is minimised is, with the vectors x = (V, U), C center words and N pairs,

    F(x) = C / N * J(V, U) + weight_decay / 2 * (|V|^2 + |U|^2),

the loss of all pairs at the scale of `CooccurrenceTrainer`, and an L2 term. Losses and gradients
come from the same tiles; what is done with them is in float64 and in one thread, so that the bits
do not depend on the number of threads.

The state (x, its gradient, the last steps) is held here and not inside a call of SciPy's L-BFGS-B,
which runs from beginning to end: between two passes a model is evaluated and may be saved. The line
search is SciPy's. `reference_optimum` is SciPy's alone, and tests compare the two.
"""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

import numpy as np

from nw2v.errors import InputError
from nw2v.training.loss_over_counts import BlockGradient, LossOverCounts
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings
from nw2v.training.trainer import Progress

REMEMBERED = 10
"""Steps, each with the change of the gradient, that stand for the curvature."""
OTHER_ARRAYS = 10
"""Arrays of the size of x beside those: what an iteration works with."""
BLOCK = 512
"""Center words whose logits are computed at one time."""
LINE_SEARCHES = 20
"""Steps of a line search, at most."""
MEBIBYTE = 2**20


def memory_of(vocabulary: int, dim: int) -> int:
    """Bytes that L-BFGS needs beside the model and the logits of a block."""
    return (2 * REMEMBERED + OTHER_ARRAYS) * 8 * 2 * vocabulary * dim


def refuse_what_does_not_fit(vocabulary: int, settings: TrainingSettings) -> None:
    """Raise InputError if that is more than `memory_limit`."""
    assert settings.memory_limit is not None
    needed = -(-memory_of(vocabulary, settings.dim) // MEBIBYTE)
    if needed > settings.memory_limit:
        raise InputError(
            f"trainer.optimizer=lbfgs: {vocabulary:,} words in {settings.dim:,} dimensions need "
            f"{needed:,} MiB, more than trainer.memory_limit={settings.memory_limit}: lower "
            "corpus.max_vocabulary or model.dim, raise the limit, or use adam"
        )


class LbfgsTrainer:
    """Iterations of L-BFGS, each on all center words.

    After the last iteration that finds a lower loss, further passes change nothing.

    Parameters
    ----------
    loss : LossOverCounts
    tokens : int
        Of the training text: a pass counts as so many steps.
    parameters : Parameters
    settings : TrainingSettings
        Resolved.

    Raises
    ------
    InputError
        If it would take more memory than `memory_limit`.
    """

    def __init__(
        self,
        loss: LossOverCounts,
        tokens: int,
        parameters: Parameters,
        settings: TrainingSettings,
    ) -> None:
        assert settings.epochs and settings.weight_decay is not None
        words = len(loss.pairs)
        refuse_what_does_not_fit(words, settings)
        self.parameters = parameters
        self.epochs = settings.epochs
        self.total_steps = tokens * settings.epochs
        self._loss = loss
        self.noise, self.initial_loss = loss.noise, loss.initial
        self._tokens, self._settings = tokens, settings
        self._decay = settings.weight_decay
        self._pairs = float(self._loss.pairs.sum())
        self._block = min(BLOCK, len(self._loss.centers))
        self._shape = 2, words, parameters.dim
        self._x = np.stack([parameters.center_vectors, parameters.outside_vectors]).astype(float)
        self._x = self._x.ravel()
        self._here: _Point | None = None  # x, measured
        self._memory: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=REMEMBERED)
        self._converged = False

    def prepare(self) -> None:
        """Import and compile, the latter on a block without centers."""
        import scipy.optimize  # noqa: F401  # not within the first pass

        with self._gradient(1, 1) as gradient:
            nothing = np.zeros(0, dtype=np.int32)
            vectors = np.zeros((0, self.parameters.dim), dtype=np.float32)
            gradient(nothing, vectors, lambda tile, values: None)

    def estimated_seconds(self) -> float | None:
        """Time the gradient of all center words, which is measured once in most iterations."""
        began = time.perf_counter()
        with self._gradient(self._block, self._threads) as gradient:
            self._here = self._measured(gradient, self._x)
        return self.epochs * (time.perf_counter() - began)

    def run_epoch(self, epoch: int, report: Callable[[Progress], None]) -> None:
        """Make one iteration; the loss that is reported is that of the vectors after it."""
        began, length = time.perf_counter(), 0.0
        with self._gradient(self._block, self._threads) as gradient:
            if self._here is None:
                self._here = self._measured(gradient, self._x)
            if not self._converged:
                length = self._iterate(gradient, self._here)
        report(
            Progress(
                step=(epoch + 1) * self._tokens,
                tokens=self._tokens,
                loss=self._here.loss,
                pairs=self._pairs,
                seconds=time.perf_counter() - began,
                learning_rate=length,
            )
        )

    def _iterate(self, gradient: BlockGradient, here: _Point) -> float:
        """Go to a point that satisfies the Wolfe conditions: how far, in lengths of the direction.

        0 where none is lower, neither along the direction that curvature gives nor along the
        gradient.
        """
        from scipy.optimize import line_search

        last = here

        def at(x: np.ndarray) -> _Point:
            nonlocal last
            if not np.array_equal(x, last.x):
                last = self._measured(gradient, x)
            return last

        while True:
            direction = self._direction(here.gradient)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # that it found none: seen below
                length, *_ = line_search(
                    lambda x: at(x).value, lambda x: at(x).gradient, here.x, direction,
                    gfk=here.gradient, old_fval=here.value, maxiter=LINE_SEARCHES,
                )  # fmt: skip
            if length is not None or not self._memory:
                break
            self._memory.clear()
        there = here if length is None else at(here.x + length * direction)
        self._converged = not there.value < here.value
        if self._converged:
            self._place(here.x)
            return 0.0
        step, change = there.x - here.x, there.gradient - here.gradient
        if step @ change > 0:  # as the Wolfe conditions have it, up to rounding
            self._memory.append((step, change))
        self._here = there
        self._place(there.x)
        return float(length)

    def _direction(self, gradient: np.ndarray) -> np.ndarray:
        """Multiply by what the last steps say of the inverse of the Hessian: the two loops."""
        direction = -gradient
        if not self._memory:
            # Of curvature nothing is known: the search begins with a step of length 1 at most.
            return direction / max(1.0, float(np.sqrt(gradient @ gradient)))
        parts = []
        for step, change in reversed(self._memory):
            part = (step @ direction) / (step @ change)
            direction -= part * change
            parts.append(part)
        step, change = self._memory[-1]
        direction *= (step @ change) / (change @ change)
        for (step, change), part in zip(self._memory, reversed(parts), strict=True):
            direction += (part - (change @ direction) / (step @ change)) * step
        return direction

    def _measured(self, gradient: BlockGradient, x: np.ndarray) -> _Point:
        """Measure F and its gradient at x, in blocks of center words."""
        self._place(x)
        total = 0.0
        slopes = np.zeros(self._shape)

        def add(tile: slice, values: np.ndarray) -> None:
            slopes[1, tile] += values

        centers = self._loss.centers
        for first in range(0, len(centers), self._block):
            some = centers[first : first + self._block]
            loss, slopes[0, some] = gradient(some, self.parameters.center_vectors[some], add)
            total += loss
        value = self._loss.scale * total + self._decay / 2 * float(x @ x)
        slope = slopes.reshape(-1)
        slope *= self._loss.scale
        slope += self._decay * x
        # Scores that overflow: too far, which the line search understands.
        return _Point(x, value if np.isfinite(value) else np.inf, slope, total)

    def _place(self, x: np.ndarray) -> None:
        v, u = x.reshape(self._shape)
        self.parameters.center_vectors[:], self.parameters.outside_vectors[:] = v, u

    @property
    def _threads(self) -> int:
        assert self._settings.threads is not None
        return self._settings.threads

    def _gradient(self, block: int, threads: int) -> AbstractContextManager[BlockGradient]:
        assert self._settings.memory_limit is not None
        limit = self._settings.memory_limit * MEBIBYTE - memory_of(*self._shape[1:])
        return self._loss.gradient(
            self.parameters.outside_vectors, block, threads=threads, memory_limit=limit
        )


class _Point(NamedTuple):
    """A place and what was measured there."""

    x: np.ndarray  # (2 V d,) float64
    value: float  # F
    gradient: np.ndarray  # of F
    loss: float  # J, the sum over all pairs
