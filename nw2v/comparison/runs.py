"""What is kept of the trainings of a comparison while it goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nw2v.comparison.systems import System

if TYPE_CHECKING:
    import pandas as pd

    from nw2v.api import Model

VECTORS = ("center", "sum")
"""The vectors that are scored: V, and V + U."""
CROSS_ENTROPY = "cross-entropy"


@dataclass
class Run:
    """What is kept of one training."""

    model: Model | None
    history: pd.DataFrame
    noise: np.ndarray | None
    # By vectors and metric: the score, and what it is made of, center by center, question by
    # question or pair by pair.
    scores: dict[tuple[str, str], float] = field(default_factory=dict)
    details: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    # Of each metric with a set, which questions or pairs the vocabulary knows.
    known: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, vectors: str, metric: str, score: float, details: np.ndarray) -> None:
        """Take a score, unless it does not exist."""
        if not math.isnan(score):
            self.scores[vectors, metric], self.details[vectors, metric] = score, details


# By system and seed: those that came to their end.
Runs = Mapping[System, Mapping[int, Run]]
