"""The trainer that follows the exact gradient of counts as the settings say."""

from __future__ import annotations

import numpy as np

from nw2v.corpus.cooccurrence import Cooccurrences
from nw2v.kernels.exact_tiles import Counts
from nw2v.training.cooccurrence import CooccurrenceTrainer
from nw2v.training.lbfgs import LbfgsTrainer
from nw2v.training.loss_over_counts import LossOverCounts
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings


def trainer_on_counts(
    found: Cooccurrences,
    occurrences: np.ndarray,
    tokens: int,
    parameters: Parameters,
    settings: TrainingSettings,
) -> CooccurrenceTrainer | LbfgsTrainer:
    """Make the trainer for `settings.optimizer`.

    Parameters
    ----------
    found : Cooccurrences
        Of the training text.
    occurrences : (V,) integer array
        Of each word in the training text.
    tokens : int
        Of the training text.
    parameters : Parameters
    settings : TrainingSettings
        Resolved.

    Raises
    ------
    InputError
        If there are no pairs, or L-BFGS would need more memory than it may have.
    """
    counts = Counts(found.offsets, found.words, found.counts, found.row_sums())
    kind = LbfgsTrainer if settings.optimizer == "lbfgs" else CooccurrenceTrainer
    return kind(LossOverCounts(counts, occurrences, settings), tokens, parameters, settings)
