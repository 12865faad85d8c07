"""What the stream trainer asks of a loss."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from nw2v.kernels.pieces import Ledger, Pieces

NAP_SECONDS = 2e-5
"""How long a thread sleeps that found nothing to do for a while."""

Helper = Callable[[Pieces, Ledger, threading.Event], None]
"""What a thread does that helps those that run a pass over some pieces, until the event is set."""


class StreamPass(Protocol):
    """One loss over pieces of a text.

    Made from (parameters, text, law, counts, settings, threads), the last being how many threads
    there are to be in all.

    Attributes
    ----------
    tokens_a_piece : int
        About how long a piece should be: some milliseconds of work.
    cuts_sentences : bool
        Whether a piece may begin and end inside a sentence.
    is_slow : bool
        Whether an estimate of the training time is worth measuring before it begins.
    initial_loss : float
        Mean loss a pair where all scores are zero.
    noise : (V,) float64 array or None
        The distribution that negatives are really drawn from.
    threads : int
        How many threads are to call `run` at the same time.
    helpers : sequence of Helper
        What all other threads do.
    """

    tokens_a_piece: int
    cuts_sentences: bool
    is_slow: bool
    initial_loss: float
    noise: np.ndarray | None
    threads: int
    helpers: Sequence[Helper]

    def workspaces(self, threads: int, pieces: int, tokens: int) -> list[Any]:
        """Allocate scratch memory for each thread that takes pieces.

        There are so many pieces in a pass, and the sentences that one touches have at most `tokens`
        tokens.
        """

    def begin(self) -> None:
        """Prepare the vectors for threads that are to call `run`."""

    def end(self) -> None:
        """Complete the vectors: no thread is at work any more."""

    def run(self, pieces: Pieces, ledger: Ledger, workspace: Any) -> None:
        """Take pieces and train on them until none is left; write down what came of each.

        A pass that has helpers needs those of the same pieces and ledger.
        """
