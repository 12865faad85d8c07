"""The training loop: the order of its callbacks, and what failures lead to."""

from __future__ import annotations

import math
from typing import Any

import pytest

import nw2v
from nw2v.errors import InputError
from nw2v.training.callbacks import Callback
from nw2v.training.loop import DivergenceError, fit
from nw2v.training.trainer import Progress
from tests.training.texts import stream_trainer


class Recorder(Callback):
    def __init__(self):
        self.moments = []

    def started(self, start):
        self.moments.append(("started", start))

    def step(self, report):
        self.moments.append(("step", report))

    def epoch(self, report):
        self.moments.append(("epoch", report))

    def finished(self, report):
        self.moments.append(("finished", report))

    def failed(self, error):
        self.moments.append(("failed", error))

    def names(self):
        return [name for name, _ in self.moments]


class Scripted:
    """A trainer that reports given losses, one a pass."""

    parameters: Any = None
    noise: Any = None
    initial_loss = 2.0

    def __init__(self, losses, error=None):
        self.losses, self.error = losses, error
        self.epochs = len(losses)
        self.total_steps = 10 * self.epochs

    def prepare(self):
        pass

    def estimated_seconds(self):
        return 12.5

    def run_epoch(self, epoch, report):
        report(Progress(10 * epoch + 10, 10, self.losses[epoch], 2, 0.5, 0.1))
        if self.error is not None:
            raise self.error


def run(trainer, recorder, **keywords):
    history: list[dict[str, float]] = []
    fit(trainer, settings={}, facts={}, callbacks=[recorder], history=history, **keywords)
    return history


def test_moments_come_in_order_with_metrics_by_their_names():
    recorder = Recorder()
    history = run(Scripted([4.0, 2.0]), recorder, evaluate=lambda: {"valid/loss": 1.5})
    assert recorder.names() == ["started", "epoch", "step", "epoch", "step", "epoch", "finished"]
    start = recorder.moments[0][1]
    assert start.total_steps == 20 and start.facts["estimated_seconds"] == 12.5
    first_step = recorder.moments[2][1]
    assert first_step.metrics == {
        "train/loss": 2.0,
        "train/learning_rate": 0.1,
        "train/words_per_second": 20.0,
        "train/seconds": 0.5,
    }
    assert first_step.seconds_left == pytest.approx(0.5)
    assert [record["step"] for record in history] == [0, 10, 20]
    assert history[0] == {"step": 0, "valid/loss": 1.5}
    assert history[2]["train/loss"] == 1.0 and history[2]["valid/loss"] == 1.5


@pytest.mark.parametrize("loss", [math.nan, math.inf, 13.0])
def test_a_loss_that_is_not_finite_or_explodes_stops_the_run_with_step_and_cause(loss):
    recorder = Recorder()
    with pytest.raises(DivergenceError, match=r"step 20 .*trainer\.learning_rate.*lower it"):
        run(Scripted([4.0, loss, 1.0]), recorder)
    assert recorder.names()[-1] == "failed"
    assert isinstance(recorder.moments[-1][1], DivergenceError)


def test_a_text_without_pairs_is_told_from_one_that_has_some():
    class Rare(Scripted):
        def __init__(self, pairs):
            super().__init__([0.0] * len(pairs))
            self.pairs = pairs

        def run_epoch(self, epoch, report):
            report(Progress(10 * epoch + 10, 10, 0.0, self.pairs[epoch], 0.5, 0.1))

    recorder = Recorder()
    with pytest.raises(InputError, match="no pair of words was left in 3 passes"):
        fit(Rare([0, 0, 0]), settings={}, facts={}, callbacks=[recorder])
    assert recorder.names()[-1] == "failed"
    for pairs in ([1, 0, 0], [0, 1, 0], [0, 0, 1]):
        fit(Rare(pairs), settings={}, facts={})


@pytest.mark.parametrize("loss", ["negative_sampling", "naive_softmax"])
def test_real_texts_without_pairs_are_refused(loss):
    lonely = nw2v.Corpus.from_sentences([["a"], ["b"]] * 20, min_count=1, name="lonely")
    with pytest.raises(InputError, match="no pair of words: every sentence has one word"):
        nw2v.train(lonely, loss=loss, dim=4)
    dropped = nw2v.Corpus.from_sentences([["a", "b", "c"]] * 20, min_count=1, name="dropped")
    with pytest.raises(InputError, match="no pair of words was left in 2 passes"):
        nw2v.train(dropped, loss=loss, dim=4, subsample=1e-15, epochs=2)


def test_an_interrupt_reaches_callbacks_and_caller():
    recorder = Recorder()
    with pytest.raises(KeyboardInterrupt):
        run(Scripted([1.0], error=KeyboardInterrupt()), recorder)
    assert recorder.names() == ["started", "epoch", "step", "failed"]


def test_an_absurd_learning_rate_is_noticed_in_the_real_trainer():
    trainer = stream_trainer(loss="naive_softmax", learning_rate=100.0, epochs=3)
    with pytest.raises(DivergenceError):
        run(trainer, Recorder())


def test_a_callback_that_fails_hides_neither_the_error_nor_the_failure_from_others():
    class Broken(Recorder):
        def failed(self, error):
            raise RuntimeError("in failed")

    broken, recorder = Broken(), Recorder()
    with pytest.raises(ZeroDivisionError):
        fit(
            Scripted([1.0], error=ZeroDivisionError()),
            settings={},
            facts={},
            callbacks=[broken, recorder],
        )
    assert recorder.names()[-1] == "failed"


def test_each_callback_is_told_of_one_end():
    class Last(Recorder):
        def finished(self, report):
            raise RuntimeError("in finished")

    first, last, never = Recorder(), Last(), Recorder()
    with pytest.raises(RuntimeError, match="in finished"):
        fit(Scripted([1.0]), settings={}, facts={}, callbacks=[first, last, never])
    assert first.names()[-1] == "finished" and "failed" not in first.names()
    assert never.names()[-1] == "failed"


@pytest.mark.parametrize("wrong", [print, Callback])
def test_what_is_no_callback_is_refused_before_any_work(wrong):
    with pytest.raises(InputError, match="is not an instance"):
        fit(Scripted([1.0]), settings={}, facts={}, callbacks=[wrong])
