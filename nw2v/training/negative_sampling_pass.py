"""Negative sampling for the stream trainer: its tables, its scratch memory, its kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nw2v.kernels import negative_sampling
from nw2v.kernels.noise import noise_counts, noise_probabilities, noise_table
from nw2v.kernels.stream import Piece, Text, WindowLaw
from nw2v.losses import NegativeSampling
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings, mean_outside_words
from nw2v.training.stream_passes import Helper


class NegativeSamplingPass:
    """Negative sampling with a pool of shared negatives."""

    tokens_a_piece = 10_000
    cuts_sentences = False
    is_slow = False
    repeats_on_any_threads = False
    helpers: Sequence[Helper] = ()

    def __init__(
        self,
        parameters: Parameters,
        text: Text,
        law: WindowLaw,
        counts: np.ndarray,
        settings: TrainingSettings,
        threads: int,
    ) -> None:
        loss = NegativeSampling(settings.negatives, settings.noise_exponent)
        entries = noise_counts(loss.noise_distribution(counts))
        probabilities = noise_probabilities(entries)
        self.noise: np.ndarray | None = probabilities
        assert settings.learning_rate is not None
        mean_negatives = settings.negatives * mean_outside_words(settings.window, law.shrink)
        pool = negative_sampling.pool_size(mean_negatives)
        merged_every, merged_words = negative_sampling.merging(
            settings.learning_rate, mean_negatives, probabilities, pool, threads
        )
        self._negatives = negative_sampling.Negatives(
            table=noise_table(entries, settings.seed),
            pool=pool,
            merged_every=merged_every,
            merged_words=merged_words,
            per_pair=float(settings.negatives),
        )
        self.initial_loss = (1 + settings.negatives) * math.log(2)
        self.threads = threads
        self._parameters, self._text, self._law = parameters, text, law

    def workspace(self, tokens: int) -> negative_sampling.Workspace:
        """Allocate one thread's scratch memory."""
        length = self._parameters.centers.shape[1]
        return negative_sampling.workspace_for(
            tokens, self._law.window, self._negatives.pool, length
        )

    def run(self, piece: Piece, workspace: negative_sampling.Workspace) -> tuple[float, int, int]:
        """Train on a piece of the text: sum of losses, pairs, centers."""
        p = self._parameters
        return negative_sampling.negative_sampling_pass(
            p.lanes,
            p.centers,
            p.outsides,
            self._text,
            self._law,
            self._negatives,
            piece,
            workspace,
        )
