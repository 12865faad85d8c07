"""What the training loop asks of a trainer, and what a trainer reports to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nw2v.training.parameters import Parameters

NO_PAIRS = (
    "the text has no pair of words: every sentence has one word, or subsampling leaves nothing "
    "(model.subsample)"
)
"""What is wrong with a text that nothing can be learnt from."""


@dataclass(frozen=True)
class Progress:
    """What a trainer reports of the part of a pass that it has come through since the last report.

    Attributes
    ----------
    step : int
        Tokens processed since training began.
    tokens : int
        Tokens of the part.
    loss : float
        Sum of the losses of all its pairs.
    pairs : float
        How many pairs that were.
    seconds : float
        Its share of the training time: threads may have begun it before the last report.
    learning_rate : float
        The rate now.
    """

    step: int
    tokens: int
    loss: float
    pairs: float
    seconds: float
    learning_rate: float


class Trainer(Protocol):
    """A way to obtain gradients and follow them, pass by pass."""

    parameters: Parameters
    epochs: int
    total_steps: int
    noise: np.ndarray | None
    """The noise distribution (V,) as it is really sampled, if there is one."""
    initial_loss: float
    """Mean loss a pair of vectors that know nothing: all scores zero."""

    def prepare(self) -> None:
        """Compile and allocate, so that the first pass measures training alone."""

    def estimated_seconds(self) -> float | None:
        """Estimate the time of all passes, or None where it is not worth a measurement."""

    def run_epoch(self, epoch: int, report: Callable[[Progress], None]) -> None:
        """Make pass number `epoch` (from 0), calling `report` at fixed places of the text."""
