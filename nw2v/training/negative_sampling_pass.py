"""Negative sampling for the stream trainer: its tables, its scratch memory, its kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nw2v.corpus.subsampling import keep_probabilities
from nw2v.jit import COMPILED
from nw2v.kernels import batch_sizes, hot_rows
from nw2v.kernels.negative_sampling import (
    Vectors,
    Workspace,
    negative_sampling_pass,
    new_workspace,
)
from nw2v.kernels.noise import noise_counts, noise_probabilities, noise_table
from nw2v.kernels.piece_plans import BatchLaw
from nw2v.kernels.pieces import Ledger, Pieces
from nw2v.kernels.stream import Text, WindowLaw
from nw2v.losses import NegativeSampling
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings, most_outside_words
from nw2v.training.stream_passes import Helper


class NegativeSamplingPass:
    """Negative sampling in batches of windows that share their negatives.

    Each thread takes pieces of its own. One alone does everything in the same order always.

    Attributes
    ----------
    batch_law : BatchLaw
        How windows are put together in steps, and which negatives they share.
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
        # At lower rates nothing that depends on them is bounded.
        rate = max(settings.learning_rate, 1e-9)
        outside_words = most_outside_words(settings.window, law.shrink, text.offsets)
        parts = batch_sizes.parts_of(settings.negatives * outside_words)
        # How far a step pushes (`batch_sizes`) for each pair, which is one outside word and K
        # negatives, and how much of it concerns one word: as center, or as negative.
        pair_push = rate * (1 + settings.negatives) / parts
        window_push = outside_words * pair_push
        kept = counts * keep_probabilities(counts, settings.subsample)
        as_center = kept / kept.sum()
        as_negative = probabilities * settings.negatives / (1 + settings.negatives)
        of_window = np.maximum(as_center, as_negative)
        busiest_push = window_push * float(of_window.max())
        changes = outside_words * (1 + settings.negatives) * float(probabilities @ of_window)
        most_changes = batch_sizes.MOST_CHANGES
        # Threads for which there is no piece do not begin.
        at_once = min(threads, -(-len(text.tokens) // self.tokens_a_piece), len(text.offsets) - 1)
        memory = batch_sizes.memory_length(changes * at_once, most_changes)
        pool = batch_sizes.pool_size(settings.negatives * outside_words / parts, rate, memory)
        self.batch_law = BatchLaw(
            table=noise_table(entries, settings.seed),
            pool=pool,
            local_pool=batch_sizes.LARGEST_POOL,
            negatives_a_pair=float(settings.negatives),
            batch_windows=batch_sizes.batch_size(busiest_push, at_once),
            parts=parts,
            windows_of_one_center=batch_sizes.windows_of_one_center(window_push),
            pairs_of_one_center=batch_sizes.LARGEST_LOCAL_DRIFT / pair_push,
            memory=memory,
            most_changes=most_changes,
            concentration=float((as_center**2).sum()),
        )
        self.initial_loss = (1 + settings.negatives) * math.log(2)
        # Without compilation, only one thread may take pieces (`nw2v.jit.atomics`).
        self.threads = threads if COMPILED else 1
        self._push_a_pass = busiest_push * parts * float(kept.sum())
        self._vocabulary, length = parameters.centers.shape
        self._copies = hot_rows.no_copies(length)
        self._text, self._law = text, law
        self._vectors = Vectors(parameters.lanes, parameters.center_rows, parameters.outside_rows)

    def workspaces(self, threads: int, pieces: int, tokens: int) -> list[Workspace]:
        """Allocate each thread's scratch memory; every second one has copies, if any has."""
        rows, length = self._vectors.V.shape
        mergers = threads // 2
        # The others do as many pieces meanwhile, or more if there is an odd number of threads.
        others = (threads - mergers) / max(1, mergers)
        self._copies = hot_rows.copies_for(
            self._vocabulary,
            length,
            push_a_piece=others * self._push_a_pass / pieces,
            pieces=pieces * mergers / threads,
            mergers=mergers,
        )
        own = hot_rows.no_copies(length)
        return [
            new_workspace(
                tokens,
                rows,
                self._law.window,
                self.batch_law.local_pool,
                length,
                self._copies._replace(first_slice=number // 2) if number % 2 else own,
            )
            for number in range(threads)
        ]

    def begin(self) -> None:
        """Let the copies of rows be what the words' own are."""
        hot_rows.copy_rows(self._vectors.V, self._vectors.U, self._copies)

    def end(self) -> None:
        """Let the words' own rows have all that the copies have learnt."""
        hot_rows.merge_all_copies(self._vectors.V, self._vectors.U, self._copies)

    def run(self, pieces: Pieces, ledger: Ledger, workspace: Any) -> None:
        """Take pieces and train on them, until none is left."""
        negative_sampling_pass(
            self._vectors, self._text, self._law, self.batch_law, pieces, ledger, workspace
        )
