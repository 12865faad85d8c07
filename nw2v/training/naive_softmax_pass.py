"""The naive softmax for the stream trainer: one piece at a time, on which all threads work."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Sequence

import numpy as np

from nw2v.corpus.subsampling import keep_probabilities
from nw2v.errors import InputError
from nw2v.jit import COMPILED
from nw2v.kernels import naive_softmax
from nw2v.kernels.crew import members_of
from nw2v.kernels.pieces import NO_PIECE, Ledger, Pieces, complete_piece, piece_at, take_piece
from nw2v.kernels.stream import Text, WindowLaw
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings
from nw2v.training.stream_passes import NAP_SECONDS, Helper

PRODUCTS_A_PIECE = 1e9
"""Products and sums in a piece: a tenth of a second or so."""
BATCHES_A_PIECE = 4
"""At least so many, however long they take: the last one of a piece is seldom full."""
MOST_TOKENS_A_PIECE = 10_000
MOST_LOGITS = 1024 * 2**20
"""Bytes that the logits of a step may take."""


class NaiveSoftmaxPass:
    """The exact softmax, in mini-batches of windows.

    Raises
    ------
    InputError
        If the logits of a step would take more memory than `MOST_LOGITS`.
    """

    cuts_sentences = True
    is_slow = True
    noise: np.ndarray | None = None
    threads = 1

    def __init__(
        self,
        parameters: Parameters,
        text: Text,
        law: WindowLaw,
        counts: np.ndarray,
        settings: TrainingSettings,
        threads: int,
    ) -> None:
        assert settings.batch_windows is not None
        _check_memory(settings.batch_windows, len(counts))
        self.initial_loss = math.log(len(counts))
        self.tokens_a_piece = _tokens_a_piece(
            parameters.outsides.size, settings.batch_windows, counts, settings.subsample
        )
        self._parameters, self._text, self._law = parameters, text, law
        self._team = naive_softmax.team_for(
            *parameters.outsides.shape, windows=settings.batch_windows, threads=threads
        )
        members = members_of(self._team.crew) if COMPILED else 1
        self.helpers: Sequence[Helper] = [
            functools.partial(self._help, member) for member in range(1, members)
        ]

    def workspaces(self, threads: int, pieces: int, tokens: int) -> list[naive_softmax.Team]:
        """Allocate the scratch memory, which all threads share."""
        self._team = naive_softmax.with_room(self._team, tokens)
        return [self._team] * threads

    def begin(self) -> None:
        """Nothing has to be prepared."""

    def end(self) -> None:
        """Nothing is left to do: all threads change the same vectors."""

    def run(self, pieces: Pieces, ledger: Ledger, workspace: naive_softmax.Team) -> None:
        """Take pieces and train on them, until none is left."""
        p = self._parameters
        while (place := take_piece(ledger)) != NO_PIECE:
            piece = piece_at(pieces, place)
            centers = naive_softmax.begin_piece(p.centers, self._text, self._law, piece, workspace)
            while not naive_softmax.work(p.lanes, p.centers, p.outsides, workspace, 0):
                time.sleep(NAP_SECONDS)
            complete_piece(ledger, place, *naive_softmax.result(workspace), centers)

    def _help(self, member: int, pieces: Pieces, ledger: Ledger, done: threading.Event) -> None:
        p = self._parameters
        while not done.is_set():
            naive_softmax.work(p.lanes, p.centers, p.outsides, self._team, member)
            time.sleep(NAP_SECONDS)


def _check_memory(windows: int, words: int) -> None:
    logits = windows * words * np.dtype(np.float32).itemsize
    if logits > MOST_LOGITS:
        raise InputError(
            f"trainer.batch_windows={windows}: the logits of so many windows and {words:,} words "
            f"take {logits >> 20:,} MiB, more than {MOST_LOGITS >> 20:,}: lower it or "
            "corpus.max_vocabulary"
        )


def _tokens_a_piece(size: int, windows: int, counts: np.ndarray, subsample: float) -> int:
    """Choose how long a piece is, by the size of U and the windows of a batch."""
    batches = max(BATCHES_A_PIECE, round(PRODUCTS_A_PIECE / (3 * size * windows)))
    kept = float(counts @ keep_probabilities(counts, subsample)) / max(1, int(counts.sum()))
    return min(MOST_TOKENS_A_PIECE, max(1, round(batches * windows / kept)))
