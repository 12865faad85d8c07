"""Tests of what a person sees of a training run."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest

from nw2v.training import progress
from nw2v.training.callbacks import Report, TrainingStart
from nw2v.training.progress import ProgressBar, ReadingProgress, duration, measurements, quantity


@pytest.fixture
def start() -> TrainingStart:
    return TrainingStart(
        total_steps=1000,
        settings={
            "loss": "negative_sampling",
            "epochs": 1,
            "dim": 100,
            "threads": 2,
            "learning_rate": 0.05,
        },
        facts={
            "corpus": "brown",
            "vocabulary_size": 1234,
            "corpus_tokens": 56789,
            "estimated_seconds": 320.0,
        },
        parameters=None,  # type: ignore[arg-type]
    )


def report(step: int, epoch: int = 0, **metrics: float) -> Report:
    named = {name.replace("__", "/"): value for name, value in metrics.items()}
    return Report(step, epoch, named, seconds=12.5, seconds_left=80.0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_failure_takes_the_bar_of_counting_away() -> None:
    stream = io.StringIO()
    bar = ProgressBar(stream, bar=True)
    bar.counting(1, 10)
    counting = bar._counting
    assert counting is not None and counting._bar is not None
    bar.failed(KeyboardInterrupt())
    assert bar._counting is None and counting._bar is None


def test_counting_writes_a_line_now_and_then_and_ends_its_bar(clock: Clock) -> None:
    stream = io.StringIO()
    bar = ProgressBar(stream)
    for done in (10, 50, 100):
        clock.now += 11
        bar.counting(done, 100)
    assert stream.getvalue().splitlines() == [
        "counting co-occurrences  50%", "counting co-occurrences 100%",
    ]  # fmt: skip
    assert bar._counting is None


def test_opening_says_what_is_trained_and_how_long_it_will_take(start: TrainingStart) -> None:
    stream = io.StringIO()
    ProgressBar(stream).started(start)
    first, second = stream.getvalue().splitlines()
    assert first == (
        "training: negative sampling on brown, 1,234 word types, 56,789 words, 1 pass, "
        "100 dimensions, 2 threads, learning rate 0.05"
    )
    assert second == "training: will take about 5 min 20 s"


def test_lines_are_neither_closer_than_ten_seconds_nor_ten_percent(
    start: TrainingStart, clock: Clock
) -> None:
    stream = io.StringIO()
    bar = ProgressBar(stream)
    bar.started(start)
    stream.truncate(0)
    stream.seek(0)
    for clock.now, step in [(1.0, 500), (11.0, 550), (12.0, 600), (22.0, 640), (40.0, 660)]:
        bar.step(report(step, train__loss=3.0))
    lines = stream.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["55%", "66%"]
    assert "loss 3.0000" in lines[0] and "1 min 20 s left" in lines[0]


def test_each_pass_ends_with_a_line_of_its_evaluation(start: TrainingStart) -> None:
    stream = io.StringIO()
    bar = ProgressBar(stream)
    bar.started(start)
    bar.epoch(report(0, 0, valid__cross_entropy=9.0))
    bar.step(report(1000, 0, train__loss=2.5))
    bar.epoch(
        report(
            1000,
            1,
            valid__cross_entropy=7.5,
            valid__cross_entropy_unigram=8.25,
            analogy__accuracy=0.25,
            similarity__men__spearman=0.5,
        )
    )
    bar.finished(report(1000, 1))
    before, after = stream.getvalue().splitlines()[2:]
    assert before == "training: before the first pass, held-out cross-entropy 9.0000"
    assert after == (
        "training: pass 1, 12.5 s, loss 2.5000, held-out cross-entropy 7.5000 (unigram 8.2500), "
        "analogies 25.0%, men 0.500"
    )


def test_a_pass_without_evaluation_before_training_says_nothing(start: TrainingStart) -> None:
    stream = io.StringIO()
    bar = ProgressBar(stream)
    bar.started(start)
    length = len(stream.getvalue())
    bar.epoch(report(0, 0))
    assert len(stream.getvalue()) == length


def test_bar_shows_percent_and_measurements_and_goes_away(start: TrainingStart) -> None:
    stream = io.StringIO()
    bar = ProgressBar(stream, bar=True)
    bar.started(start)
    for step in (250, 750):
        bar._bar.last_print_t = 0.0  # as if the last drawing were long ago
        bar.step(report(step, train__loss=3.25))
    assert " 75%" in stream.getvalue()
    assert "loss 3.2500" in stream.getvalue() and "60 words/s" in stream.getvalue()
    bar.failed(KeyboardInterrupt())
    assert stream.getvalue().endswith("\r")
    bar.failed(KeyboardInterrupt())  # a second time does nothing


def test_bar_writes_lines_above_itself(start: TrainingStart) -> None:
    stream = io.StringIO()
    bar = ProgressBar(stream, bar=True)
    bar.started(start)
    bar.epoch(report(1000, 1, analogy__accuracy=0.5))
    bar.finished(report(1000, 1))
    assert "training: pass 1, 12.5 s, analogies 50.0%\n" in stream.getvalue()


def test_measurements_leave_out_what_there_is_not() -> None:
    assert measurements(Report(0, 0)) == ""
    given = Report(1, 0, {"train/learning_rate": 0.025}, seconds_left=math.nan)
    assert measurements(given) == "rate 0.0250"


def test_reading_shows_lines_every_ten_seconds(clock: Clock) -> None:
    stream = io.StringIO()
    with ReadingProgress(stream, label="reading a.txt") as reading:
        for clock.now, done in [(1.0, 10), (10.5, 500), (12.0, 600), (21.0, 800)]:
            reading(done, 1000)
        clock.now = 40.0
        reading(900)
    assert stream.getvalue().splitlines() == [
        "reading a.txt  50%",
        "reading a.txt  80%",
        "reading a.txt 900 B",
    ]


def test_reading_draws_a_bar_on_a_terminal() -> None:
    stream = io.StringIO()
    with ReadingProgress(stream, bar=True, label="reading a.txt") as reading:
        reading(0, 1000)
        reading._bar.last_print_t = 0.0
        reading(500, 1000)
    assert "reading a.txt" in stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.9, "59.9 s"),
        (59.96, "1 min 00 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
        (math.nan, "unknown time"),
        (math.inf, "unknown time"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (953, "953"),
        (12_345, "12.3 k"),
        (4.56e6, "4.56 M"),
        (2e9, "2 G"),
        (999_600, "1 M"),
        (999_400, "999 k"),
        (np.nan, "?"),
    ],
)
def test_quantity(value: float, text: str) -> None:
    assert quantity(value) == text
