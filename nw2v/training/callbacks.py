"""What training tells the outside: a small protocol of a few moments."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nw2v.errors import InputError

if TYPE_CHECKING:
    from nw2v.training.parameters import Parameters

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingStart:
    """What is known when training begins.

    Attributes
    ----------
    total_steps : int
        Tokens that will be processed: passes times the in-vocabulary training tokens.
    settings : mapping
        Every setting of the run under the keyword of `nw2v.train`, defaults resolved.
    facts : mapping
        What follows from the corpus: vocabulary_size, corpus_tokens, heldout_tokens,
        corpus (its name), corpus_source, corpus_fingerprint; and, where training will take
        long, estimated_seconds.
    parameters : Parameters
        The live matrices of center and outside vectors. Not to be written to.
    history : sequence of mapping of str to float
        The live list of all that is measured: "step" and the metrics, one mapping a step. Not to
        be written to.
    """

    total_steps: int
    settings: Mapping[str, Any]
    facts: Mapping[str, Any]
    parameters: Parameters
    history: Sequence[Mapping[str, float]] = ()


@dataclass(frozen=True)
class Report:
    """Measurements at one moment of a run.

    Attributes
    ----------
    step : int
        Tokens processed so far.
    epoch : int
        Passes completed so far.
    metrics : mapping of str to float
        Values under their MLflow names, such as "train/loss".
    seconds : float
        Training time so far; reading and evaluation are not counted.
    seconds_left : float
        Estimate of the training time that remains.
    """

    step: int
    epoch: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    seconds_left: float = float("nan")


class Pruned(Exception):
    """Raised by a callback: the training is not worth finishing, but what was learnt is kept.

    Attributes
    ----------
    epoch : int
        Passes completed.
    model : nw2v.Model or None
        What was learnt so far; set by `nw2v.train`.
    """

    def __init__(self, epoch: int) -> None:
        super().__init__(f"pruned after pass {epoch}")
        self.epoch = epoch
        self.model: Any = None


class Callback:
    """Base of all callbacks: override the moments you care about.

    The moments come in this order: `counting` while co-occurrences are counted, where a trainer
    needs them and they are not in the cache; `started` once; `epoch` before the first pass and
    after each (with the metrics of the evaluation, where there is one); `step` at fixed places of
    the text, about a hundred times a run; and in the end either `finished` or `failed` once, also
    where only `counting` came before. An exception raised in a callback stops the training;
    `Pruned` is the one that keeps the model.
    """

    def counting(self, done: int, total: int) -> None:
        """Of `total` tokens of the text, those of `done` have been counted with their windows."""

    def started(self, start: TrainingStart) -> None:
        """Training is about to begin."""

    def step(self, report: Report) -> None:
        """Some more tokens have been processed."""

    def epoch(self, report: Report) -> None:
        """A pass (or none yet: ``report.epoch == 0``) is complete and evaluated."""

    def finished(self, report: Report) -> None:
        """All passes are complete."""

    def failed(self, error: BaseException) -> None:
        """Training was stopped by `error` (a KeyboardInterrupt when the user interrupted it)."""


def checked_callbacks(callbacks: Iterable[Callback]) -> list[Callback]:
    """Return callbacks as a list.

    Raises
    ------
    InputError
        If it is not an iterable of callbacks.
    """
    if isinstance(callbacks, Callback) or not isinstance(callbacks, Iterable):
        raise InputError("callbacks: expected a list of callbacks")
    found = list(callbacks)
    for callback in found:
        if not isinstance(callback, Callback):
            raise InputError(
                f"callbacks: {callback!r} is not an instance of nw2v.training.Callback"
            )
    return found


def note_told(told: list[Callback], callback: Callback) -> None:
    """Add a callback to those that have been told of something, unless it is among them."""
    if not any(one is callback for one in told):
        told.append(callback)


@contextmanager
def failures_told_to(callbacks: list[Callback]) -> Iterator[None]:
    """Tell those that are in a list by then of the exception that ends the block."""
    try:
        yield
    except BaseException as error:
        for callback in callbacks:
            try:
                callback.failed(error)
            except Exception:
                _log.exception("a callback failed while it was told of a failure")
        raise
