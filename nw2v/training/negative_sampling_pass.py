"""Negative sampling for the stream trainer: its tables, its scratch memory, its kernel."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from nw2v.corpus.subsampling import keep_probabilities
from nw2v.jit import COMPILED
from nw2v.kernels import negative_sampling
from nw2v.kernels.crew import members_of
from nw2v.kernels.noise import noise_counts, noise_probabilities, noise_table
from nw2v.kernels.pieces import Ledger, Pieces
from nw2v.kernels.stream import Text, WindowLaw
from nw2v.losses import NegativeSampling
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings, mean_outside_words
from nw2v.training.stream_passes import NAP_SECONDS, Helper


class NegativeSamplingPass:
    """Negative sampling in batches of windows that share their negatives.

    Each thread takes pieces of its own. With `settings.deterministic`, all threads work together on
    one piece after the other: one of them begins, the others help.
    """

    tokens_a_piece = 10_000
    cuts_sentences = False
    is_slow = False
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
        outside_words = mean_outside_words(settings.window, law.shrink)
        parts = negative_sampling.parts_of(settings.negatives * outside_words)
        # How far a step goes for each pair, which is one outside word and K negatives, and how much
        # of it concerns one word at the most: the center, or the most frequent negative.
        pair_push = settings.learning_rate * (1 + settings.negatives) / parts
        window_push = outside_words * pair_push
        kept = counts * keep_probabilities(counts, settings.subsample)
        as_center = kept / kept.sum()
        as_negative = probabilities * settings.negatives / (1 + settings.negatives)
        of_window = np.maximum(as_center, as_negative)
        push = window_push * float(of_window.max())
        # Of all threads, two may well be at work on pieces that name the same words.
        at_once, alike_at_once = threads, min(threads, 2)
        if settings.deterministic:
            at_once, alike_at_once = negative_sampling.batches_at_once(push), 1
        changes = outside_words * (1 + settings.negatives) * float(probabilities @ of_window)
        remembered = negative_sampling.remembered_negatives(changes, at_once)
        pool = negative_sampling.pool_size(
            settings.negatives * outside_words / parts, settings.learning_rate, remembered
        )
        self._negatives = negative_sampling.Negatives(
            table=noise_table(entries, settings.seed),
            pool=pool,
            per_pair=float(settings.negatives),
            windows=negative_sampling.batch_size(push, at_once),
            parts=parts,
            alike=negative_sampling.windows_alike(window_push),
            pairs_alike=negative_sampling.LARGEST_LOCAL_DRIFT / (pair_push * alike_at_once),
            remembered=remembered,
            sigmas=np.zeros(len(counts), dtype=np.float32),
        )
        self.initial_loss = (1 + settings.negatives) * math.log(2)
        # Without compilation, only one thread may take pieces (`nw2v.jit.atomics`).
        self.threads = threads if COMPILED else 1
        self._parameters, self._law = parameters, law
        # What all calls of the kernels begin with.
        self._matrices = parameters.lanes, parameters.centers, parameters.outsides
        self._drawn_from = text, law, self._negatives
        self._team: negative_sampling.Team | None = None
        if settings.deterministic:
            vocabulary, length = parameters.centers.shape
            self._team = negative_sampling.team_for(
                vocabulary, settings.window, pool, length, threads=threads, at_once=at_once
            )
            self.threads = 1
            members = members_of(self._team.crew) if COMPILED else 1
            self.helpers = [functools.partial(self._help, member) for member in range(1, members)]

    def workspace(self, tokens: int) -> negative_sampling.Workspace | negative_sampling.Team:
        """Allocate one thread's scratch memory, or that of all threads together."""
        if self._team is not None:
            self._team = negative_sampling.with_room(self._team, tokens, self._law.window)
            return self._team
        vocabulary, length = self._parameters.centers.shape
        return negative_sampling.workspace_for(
            tokens, vocabulary, self._law.window, self._negatives.pool, length
        )

    def run(self, pieces: Pieces, ledger: Ledger, workspace: Any) -> None:
        """Take pieces and train on them, until none is left."""
        if self._team is None:
            negative_sampling.negative_sampling_pass(
                *self._matrices, *self._drawn_from, pieces, ledger, workspace
            )
            return
        negative_sampling.begin_together(*self._drawn_from, pieces, ledger, self._team)
        while not self._work(0, pieces, ledger):
            time.sleep(NAP_SECONDS)

    def _work(self, member: int, pieces: Pieces, ledger: Ledger) -> bool:
        return negative_sampling.work_together(
            *self._matrices, *self._drawn_from, pieces, ledger, self._team, member
        )

    def _help(self, member: int, pieces: Pieces, ledger: Ledger, done: threading.Event) -> None:
        while not done.is_set():
            self._work(member, pieces, ledger)
            time.sleep(NAP_SECONDS)
