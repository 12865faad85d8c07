"""A loss over co-occurrence counts, as the trainers on counts see it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import numpy as np

from nw2v.errors import InputError
from nw2v.kernels.exact_tiles import Counts
from nw2v.losses import NegativeSampling
from nw2v.training.exact_gradients import SamplingGradient, SoftmaxGradient, Work
from nw2v.training.settings import TrainingSettings
from nw2v.training.trainer import NO_PAIRS

BlockGradient = SoftmaxGradient | SamplingGradient


class LossOverCounts:
    """What is minimised.

    Parameters
    ----------
    counts : Counts
        Expected co-occurrence counts.
    occurrences : (V,) integer array
        Of each word in the training text, for the noise distribution.
    settings : TrainingSettings
        Resolved.

    Attributes
    ----------
    pairs : (V,) float64 array
        n_c.
    centers : (C,) int32 array
        The words that have pairs.
    scale : float
        1 / the mean number of pairs of these words. Losses and gradients are multiplied by it, so
        that learning rates and weight decay do not depend on the length of the text.
    noise : (V,) array or None
        The noise distribution, if there is one.
    initial : float
        Mean loss a pair where all scores are zero.

    Raises
    ------
    InputError
        If there are no pairs.
    """

    def __init__(self, counts: Counts, occurrences: np.ndarray, settings: TrainingSettings) -> None:
        self._counts, self._settings = counts, settings
        self.pairs = counts.row_sums
        self.centers = np.flatnonzero(self.pairs > 0).astype(np.int32)
        if not len(self.centers):
            raise InputError(NO_PAIRS)
        self.scale = float(len(self.centers) / self.pairs.sum())
        self.noise: np.ndarray | None = None
        self.initial = math.log(len(occurrences))
        if settings.loss == "negative_sampling":
            loss = NegativeSampling(settings.negatives, settings.noise_exponent)
            self.noise = loss.noise_distribution(occurrences)
            self.initial = (1 + settings.negatives) * math.log(2)

    @contextmanager
    def gradient(
        self, outsides: np.ndarray, block: int, *, threads: int, memory_limit: int
    ) -> Iterator[BlockGradient]:
        """Give what computes gradients, while its threads live and BLAS has one thread.

        Parameters
        ----------
        outsides : (V, d) float32 array
            Outside vectors; may change between blocks.
        block : int
            Center words of a block, at most.
        threads : int
        memory_limit : int
            Bytes for the logits of the softmax.
        """
        from threadpoolctl import threadpool_limits

        with (
            threadpool_limits(limits=1, user_api="blas"),
            ThreadPoolExecutor(threads) if threads > 1 else nullcontext() as executor,
        ):
            work = Work(self._counts, outsides, block, executor, threads)
            if self.noise is not None:
                yield SamplingGradient(work, self.noise, self._settings.negatives)
            else:
                yield SoftmaxGradient(work, memory_limit)
