"""The training loop: passes, evaluations, callbacks, and what happens when something goes wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nw2v.errors import InputError
from nw2v.interrupts import interrupts_as_such, raise_noted_interrupt
from nw2v.training.callbacks import (
    Callback,
    Report,
    TrainingStart,
    checked_callbacks,
    failures_told_to,
    note_told,
)
from nw2v.training.trainer import Progress, Trainer

MOST_TIMES_INITIAL_LOSS = 3.0
"""A loss so many times that of vectors that know nothing is taken as divergence."""


class DivergenceError(InputError):
    """The training loss became NaN, infinite, or far larger than before training."""


class _Run:
    """The state of one run of `fit`: where it is and what it measured."""

    def __init__(self, trainer: Trainer, callbacks: Sequence[Callback]) -> None:
        self.trainer = trainer
        self.callbacks = callbacks
        self.history: list[dict[str, float]] = []
        self.step = 0
        self.epoch = 0
        self.seconds = 0.0

    def report(self, metrics: Mapping[str, float]) -> Report:
        """Record metrics at the present step."""
        if metrics:
            if not self.history or self.history[-1]["step"] != self.step:
                self.history.append({"step": self.step})
            self.history[-1].update(metrics)
        left = math.nan
        if self.step and self.seconds:
            left = self.seconds * (self.trainer.total_steps - self.step) / self.step
        return Report(self.step, self.epoch, dict(metrics), self.seconds, left)

    def check_pairs(self) -> None:
        """Refuse to end without anything learnt."""
        if not any("train/loss" in metrics for metrics in self.history):
            raise InputError(
                f"no pair of words was left in {self.trainer.epochs} passes: subsampling drops too "
                "many words of this text; raise model.subsample, or set it to 0"
            )

    def advance(self, progress: Progress) -> None:
        """Take a trainer's report."""
        raise_noted_interrupt()
        self.step = progress.step
        self.seconds += progress.seconds
        metrics = {
            "train/learning_rate": progress.learning_rate,
            "train/seconds": self.seconds,
        }
        if progress.seconds > 0:
            metrics["train/words_per_second"] = progress.tokens / progress.seconds
        if progress.pairs:
            metrics["train/loss"] = progress.loss / progress.pairs
        report = self.report(metrics)
        for callback in self.callbacks:
            callback.step(report)
        mean = progress.loss / max(progress.pairs, 1)
        if not mean <= MOST_TIMES_INITIAL_LOSS * self.trainer.initial_loss:
            raise DivergenceError(
                f"the training loss became {mean:.4g} a pair within the {progress.tokens:,} tokens "
                f"before step {progress.step:,} ({self.trainer.initial_loss:.4g} before training): "
                "the learning rate is most likely too high (trainer.learning_rate, "
                f"{progress.learning_rate:.3g} at this step); lower it"
            )


def fit(
    trainer: Trainer,
    *,
    settings: Mapping[str, Any],
    facts: Mapping[str, Any],
    callbacks: Sequence[Callback] = (),
    told: list[Callback] | None = None,
    evaluate: Callable[[], Mapping[str, float]] | None = None,
    history: list[dict[str, float]] | None = None,
) -> None:
    """Train, telling callbacks what happens.

    Parameters
    ----------
    trainer : Trainer
        Its parameters are changed in place.
    settings, facts : mapping
        What `TrainingStart` tells the callbacks.
    callbacks : sequence of Callback
    told : list of Callback, optional
        Those of them that have been told of something already: they learn of a failure, too.
    evaluate : callable, optional
        Called before the first and after each pass; its metrics go to `Callback.epoch`.
    history : list, optional
        Receives one dictionary a step, with "step" and the metrics; also when training fails.

    Raises
    ------
    DivergenceError
        If the training loss becomes NaN or infinite, or far larger than before training.
    InputError
        If no pass had a single pair of words.
    KeyboardInterrupt
        If the user interrupts; the parameters hold what was learnt so far.
    """
    callbacks = checked_callbacks(callbacks)
    run = _Run(trainer, callbacks)
    if history is not None:
        run.history = history
    # Those that have been told of something, and not yet of the end.
    told = [] if told is None else told
    with failures_told_to(told), interrupts_as_such():
        # Before the trainer is prepared: another process may be compiling for it.
        metrics = evaluate() if evaluate else {}
        trainer.prepare()
        estimate = trainer.estimated_seconds()
        known = dict(facts) if estimate is None else {**facts, "estimated_seconds": estimate}
        start = TrainingStart(trainer.total_steps, settings, known, trainer.parameters, run.history)
        for callback in callbacks:
            note_told(told, callback)
            callback.started(start)
        for epoch in range(trainer.epochs + 1):
            raise_noted_interrupt()
            if epoch:
                trainer.run_epoch(epoch - 1, run.advance)
                if epoch == trainer.epochs:
                    run.check_pairs()
                metrics = evaluate() if evaluate else {}
            run.epoch = epoch
            report = run.report(metrics)
            for callback in callbacks:
                callback.epoch(report)
        for callback in callbacks:
            told.remove(callback)
            callback.finished(report)
