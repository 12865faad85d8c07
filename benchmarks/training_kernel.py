"""The compiled kernel of negative sampling on a text, for benchmarks that look inside a run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nw2v.corpus import EncodedText
from nw2v.corpus.subsampling import keep_probabilities
from nw2v.jit.random import stream_key
from nw2v.kernels.pieces import ledger_for, one_piece
from nw2v.kernels.stream import Piece, Text, window_law
from nw2v.training.negative_sampling_pass import NegativeSamplingPass
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings
from nw2v.training.stream import StreamTrainer

PASSES_OVER_A_ROW = 3
"""Each row of a center is multiplied and added to three times: score, gradient, update."""


class TrainingKernel:
    """Parameters, and the kernel that trains them on pieces of a text.

    Parameters
    ----------
    text : EncodedText
    counts : (V,) integer array
        Occurrences of each word; may be those of a longer text.
    threads : int
        How many will run at once; batches may become smaller.
    **options
        Settings of `nw2v.train`: dim, window, negatives, subsample.
    """

    def __init__(
        self, text: EncodedText, counts: np.ndarray, *, threads: int = 1, **options: Any
    ) -> None:
        self.settings = TrainingSettings(threads=threads, **options).resolved(counts)
        self.parameters = Parameters(
            len(counts),
            self.settings.dim,
            seed=self.settings.seed,
            initial_scale=self.settings.initial_scale,
        )
        self.text = text
        self.counts = np.asarray(counts)
        law = window_law(
            counts,
            window=self.settings.window,
            subsample=self.settings.subsample,
            shrink=self.settings.shrink_window,
        )
        self._pass = NegativeSamplingPass(
            self.parameters,
            Text(np.asarray(text.tokens), np.asarray(text.offsets)),
            law,
            self.counts,
            self.settings,
            threads,
        )

    @property
    def pool(self) -> int:
        """Negatives that a center is trained against, in all steps of its batch."""
        law = self._pass.batch_law
        return law.pool * law.parts

    @property
    def noise(self) -> np.ndarray | None:
        """The noise distribution as it is really sampled, (V,) float64."""
        return self._pass.noise

    def workspace(self) -> Any:
        """Allocate scratch memory of a thread without copies, for any piece of the text."""
        return self._pass.workspaces(1, 1, len(self.text.tokens))[0]

    def run(self, first: int, last: int, workspace: Any, epoch: int = 0) -> tuple[int, int]:
        """Train on sentences first ... last - 1: how many pairs and centers that were."""
        assert self.settings.learning_rate is not None
        rate = self.settings.learning_rate
        piece = Piece(first, last, stream_key(1, epoch, "benchmark"), rate, rate)
        ledger = ledger_for(1)
        self._pass.run(one_piece(piece), ledger, workspace)
        return int(ledger.pairs[0]), int(ledger.centers[0])

    def multiply_adds(self, pairs: float) -> float:
        """Multiply-adds of a center with so many outside words, padding of rows not counted."""
        return PASSES_OVER_A_ROW * self.settings.dim * (pairs + self.pool)


def timed_epoch(
    kernel: TrainingKernel, threads: int, epoch: int, trainer: StreamTrainer | None = None
) -> tuple[StreamTrainer, dict[str, float]]:
    """Make one pass over the kernel's text as training does: seconds, and what they were spent on.

    Returns
    -------
    trainer : StreamTrainer
        To be given back for the next pass.
    measured : dict
        seconds, words, pairs, centers (as many as there are on average).
    """
    if trainer is None:
        values = {**kernel.settings.as_dict(), "threads": threads, "epochs": 1}
        trainer = StreamTrainer(
            kernel.text, kernel.counts, kernel.parameters, TrainingSettings(**values).resolved()
        )
        trainer.prepare()
    reports: list[Any] = []
    # Every pass is the first of a run: the learning rate falls from its highest.
    trainer.run_epoch(0, reports.append)
    tokens = np.asarray(kernel.text.tokens)
    keep = keep_probabilities(kernel.counts, kernel.settings.subsample)
    measured = {
        "seconds": math.fsum(report.seconds for report in reports),
        "words": float(len(tokens)),
        "pairs": float(sum(report.pairs for report in reports)),
        "centers": float(keep[tokens].sum()),
    }
    return trainer, measured
