"""What a person sees of a training run: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import math
import sys
import time
from contextlib import ExitStack
from typing import Any, TextIO

from nw2v.training.callbacks import Callback, Report, TrainingStart

SECONDS_BETWEEN_LINES = 10.0
SHARE_BETWEEN_LINES = 0.1


class ProgressBar(Callback):
    """Show how far training is, with loss, words/s, learning rate and the time that is left.

    On a terminal this is one bar that moves; elsewhere (a file, a log of a batch system) a line
    each 10 % of the work, but not more often than every 10 seconds. Both end every pass with a
    line of its measurements.

    Parameters
    ----------
    stream : text file, optional
        Where to write; standard error by default.
    bar : bool, optional
        Whether to draw a bar; by default if `stream` is a terminal.
    label : str, optional
        What each line and the bar begin with.
    """

    def __init__(
        self, stream: TextIO | None = None, *, bar: bool | None = None, label: str = "training"
    ) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.is_bar = self.stream.isatty() if bar is None else bar
        self.label = label
        self._bar: Any = None
        self._counting: ReadingProgress | None = None
        self._total = 0
        self._last_line = -math.inf
        self._last_share = 0.0
        self._loss: float | None = None

    def counting(self, done: int, total: int) -> None:
        """Show how much of the text has been counted."""
        if self._counting is None:
            self._counting = ReadingProgress(
                self.stream, bar=self.is_bar, label="counting co-occurrences", unit=" words"
            )
        self._counting(done, total)
        if done >= total:
            self._counting.__exit__()
            self._counting = None

    def started(self, start: TrainingStart) -> None:
        """Say what will be trained, and draw an empty bar."""
        self._total = max(1, start.total_steps)
        self._last_line, self._last_share = time.monotonic(), 0.0
        self._say(_opening(start))
        seconds = start.facts.get("estimated_seconds")
        if seconds is not None:
            self._say(f"{self.label}: will take about {duration(seconds)}")
        if self.is_bar:
            from tqdm import tqdm

            self._bar = tqdm(
                total=self._total,
                file=self.stream,
                leave=False,
                dynamic_ncols=True,
                mininterval=0.1,
                miniters=1,
                bar_format=f"{self.label} {{percentage:3.0f}}%|{{bar}}| {{desc}}",
            )

    def step(self, report: Report) -> None:
        """Move the bar, or write a line if the last one is long enough ago."""
        share = report.step / self._total
        self._loss = report.metrics.get("train/loss", self._loss)
        if self._bar is not None:
            self._bar.set_description_str(measurements(report), refresh=False)
            self._bar.update(report.step - self._bar.n)
            return
        now = time.monotonic()
        waited = now - self._last_line >= SECONDS_BETWEEN_LINES
        if waited and share - self._last_share >= SHARE_BETWEEN_LINES:
            self._last_line, self._last_share = now, share
            self._say(f"{self.label} {share:4.0%}  {measurements(report)}")

    def epoch(self, report: Report) -> None:
        """Write the measurements of the pass that is complete."""
        evaluated = evaluation_measurements(report)
        if report.epoch == 0:
            if evaluated:
                self._say(f"{self.label}: before the first pass, {evaluated}")
            return
        text = f"{self.label}: pass {report.epoch}, {duration(report.seconds)}"
        if self._loss is not None:
            text += f", loss {self._loss:.4f}"
        self._say(f"{text}, {evaluated}" if evaluated else text)

    def finished(self, report: Report) -> None:
        """Take the bar away."""
        self._close()

    def failed(self, error: BaseException) -> None:
        """Take the bar away."""
        self._close()

    def _say(self, line: str) -> None:
        if self._bar is not None:
            self._bar.write(line, file=self.stream)
        else:
            print(line, file=self.stream, flush=True)

    def _close(self) -> None:
        if self._counting is not None:
            self._counting.__exit__()
            self._counting = None
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class CompilationNotice(Callback):
    """Say that kernels are being compiled, which is done once, and how long it took.

    Used as a context manager around all that may compile, and as a callback of the training: the
    seconds are told when training begins, and for what is compiled later when the block ends.

    Parameters
    ----------
    stream : text file, optional
        Where to write; standard error by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = sys.stderr if stream is None else stream
        self._seconds = 0.0
        self._told = False
        self._listening = ExitStack()

    def __enter__(self) -> CompilationNotice:
        from nw2v.jit.compile import compilations_told

        self._listening.enter_context(compilations_told(self._begun, self._ended))
        return self

    def __exit__(self, *exception: object) -> None:
        self._listening.close()
        self._tell_seconds()

    def started(self, start: TrainingStart) -> None:
        """Tell the seconds so far."""
        self._tell_seconds()

    def epoch(self, report: Report) -> None:
        """Tell the seconds that the measurements needed before their first use."""
        self._tell_seconds()

    def _begun(self) -> None:
        if not self._told:
            self._told = True
            self._say("compiling the kernels (once after an installation, and for a new dim) ...")

    def _ended(self, seconds: float) -> None:
        self._seconds += seconds

    def _tell_seconds(self) -> None:
        if self._told:
            self._say(f"compiling took {duration(self._seconds)}")
        self._told, self._seconds = False, 0.0

    def _say(self, line: str) -> None:
        if self.stream.isatty():  # A bar may be there, which the line has to go above.
            from tqdm import tqdm

            tqdm.write(line, file=self.stream)
        else:
            print(line, file=self.stream, flush=True)


class ReadingProgress:
    """Show how much of a text has been read: call it with the amounts done and in all.

    Parameters
    ----------
    stream : text file, optional
        Where to write; standard error by default.
    bar : bool, optional
        Whether to draw a bar; by default if `stream` is a terminal. Elsewhere a line is written
        at most every 10 seconds.
    label : str, optional
        What each line and the bar begin with.
    unit : str, optional
        What is counted; "B" is written as kB, MB and so on.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        bar: bool | None = None,
        label: str = "reading",
        unit: str = "B",
    ) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.is_bar = self.stream.isatty() if bar is None else bar
        self.label = label
        self.unit = unit
        self._bar: Any = None
        self._last_line = time.monotonic()

    def __call__(self, done: int, total: int | None = None) -> None:
        """Show that `done` out of `total` (None: unknown) has been read."""
        if self.is_bar:
            if self._bar is None:
                from tqdm import tqdm

                self._bar = tqdm(
                    desc=self.label,
                    unit=self.unit,
                    unit_scale=True,
                    file=self.stream,
                    leave=False,
                    dynamic_ncols=True,
                )
            self._bar.total = total
            self._bar.update(done - self._bar.n)
            return
        now = time.monotonic()
        if now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            share = f" {done / total:4.0%}" if total else f" {done:,} {self.unit}"
            print(f"{self.label}{share}", file=self.stream, flush=True)

    def __enter__(self) -> ReadingProgress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def measurements(report: Report) -> str:
    """Return loss, words/s, learning rate and time left of a report, what there is of them."""
    metrics = report.metrics
    parts = []
    if "train/loss" in metrics:
        parts.append(f"loss {metrics['train/loss']:.4f}")
    if report.seconds > 0:  # the mean so far: the last report alone may be a short moment
        parts.append(f"{quantity(report.step / report.seconds)} words/s")
    if "train/learning_rate" in metrics:
        parts.append(f"rate {metrics['train/learning_rate']:.4f}")
    if math.isfinite(report.seconds_left):
        parts.append(f"{duration(report.seconds_left)} left")
    return "  ".join(parts)


def evaluation_measurements(report: Report) -> str:
    """Return the metrics of an evaluation that sum it up, what there is of them."""
    metrics = report.metrics
    parts = []
    if "valid/cross_entropy" in metrics:
        text = f"held-out cross-entropy {metrics['valid/cross_entropy']:.4f}"
        if "valid/cross_entropy_unigram" in metrics:
            text += f" (unigram {metrics['valid/cross_entropy_unigram']:.4f})"
        parts.append(text)
    if math.isfinite(metrics.get("analogy/accuracy", math.nan)):
        parts.append(f"analogies {metrics['analogy/accuracy']:.1%}")
    for name, value in metrics.items():
        if name.startswith("similarity/") and name.endswith("/spearman"):
            parts.append(f"{name.split('/')[1]} {value:.3f}")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Return seconds in the unit a person would use: 8.2 s, 3 min 20 s, 2 h 05 min."""
    if not math.isfinite(seconds):
        return "unknown time"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def quantity(value: float) -> str:
    """Return a large number in short: 953, 12.3 k, 4.56 M."""
    if not math.isfinite(value):
        return "?"
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= 0.9995 * size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.0f}"


def _opening(start: TrainingStart) -> str:
    facts, settings = start.facts, start.settings
    parts = []
    if "loss" in settings:
        text = f" on {facts['corpus']}" if "corpus" in facts else ""
        parts.append(str(settings["loss"]).replace("_", " ") + text)
    if "vocabulary_size" in facts:
        parts.append(f"{facts['vocabulary_size']:,} word types")
    if "corpus_tokens" in facts:
        parts.append(f"{facts['corpus_tokens']:,} words")
    for name, one, several in (
        ("epochs", "pass", "passes"),
        ("dim", "dimension", "dimensions"),
        ("threads", "thread", "threads"),
    ):
        if settings.get(name) is not None:
            parts.append(f"{settings[name]} {one if settings[name] == 1 else several}")
    if settings.get("learning_rate") is not None:
        parts.append(f"learning rate {settings['learning_rate']:g}")
    elif settings.get("optimizer") == "lbfgs":
        parts.append("L-BFGS")
    return "training: " + ", ".join(parts)
