"""Training from the token stream: threads that share the parameters without locks.

The text is cut into pieces at sentence ends, in a way that depends on the text alone, and each pass
takes them in a random order of its own: texts are often sorted by subject, and the last ones would
weigh too much. Each piece is one call of a compiled kernel, made by whichever thread is free; its
random numbers follow from where it stands in the text, its learning rates from its place in the
order, and the order from seed and pass. So one thread repeats bit for bit, and
more threads draw the same samples and differ only in the order of their updates (Recht et al.,
"Hogwild!", NeurIPS 2011).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np

from nw2v.corpus import EncodedText
from nw2v.jit.random import random_order, stream_key
from nw2v.kernels.stream import Piece, Text, keep_probabilities, window_law
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings
from nw2v.training.stream_passes import STREAM_PASSES
from nw2v.training.trainer import Progress

REPORTS_A_RUN = 100
POLL_SECONDS = 0.05
PROBE_SECONDS = 0.2


class StreamTrainer:
    """Skip-gram over the token stream: one center and its window after the other.

    Parameters
    ----------
    text : EncodedText
        The training part.
    counts : (V,) integer array
        Occurrences of each word in it.
    parameters : Parameters
    settings : TrainingSettings
        Resolved.

    Attributes
    ----------
    noise : (V,) float64 array or None
        The noise distribution as it is really sampled.
    """

    def __init__(
        self,
        text: EncodedText,
        counts: np.ndarray,
        parameters: Parameters,
        settings: TrainingSettings,
    ) -> None:
        assert settings.epochs and settings.learning_rate and settings.threads
        assert settings.min_learning_rate is not None
        self.parameters = parameters
        self.epochs = settings.epochs
        self.threads = 1 if settings.deterministic else settings.threads
        self.total_steps = len(text.tokens) * settings.epochs
        self._seed = settings.seed
        self._rates = settings.learning_rate, settings.min_learning_rate
        self._text = Text(np.asarray(text.tokens), np.asarray(text.offsets))
        law = window_law(
            counts,
            window=settings.window,
            subsample=settings.subsample,
            shrink=settings.shrink_window,
        )
        self._pass = STREAM_PASSES[settings.loss](
            parameters, self._text, law, counts, settings, self.threads
        )
        self.noise = self._pass.noise
        self.initial_loss = self._pass.initial_loss
        self._centers_an_epoch = float(counts @ keep_probabilities(counts, settings.subsample))
        self._bounds = _cut_at_sentence_ends(self._text.offsets, self._pass.tokens_a_piece)
        self._workspaces: list[Any] = []

    def prepare(self) -> None:
        """Compile the kernel and allocate the threads' workspaces."""
        longest = int(np.diff(self._text.offsets[self._bounds]).max())
        threads = min(self.threads, len(self._bounds) - 1)
        self._workspaces = [self._pass.workspace(longest) for _ in range(threads)]
        self._pass.run(Piece(0, 0, stream_key(0), 0.0, 0.0), self._workspaces[0])

    def estimated_seconds(self) -> float | None:
        """Time some centers at learning rate zero, which changes no parameter."""
        if not self._pass.is_slow:
            return None
        centers, began = 0, time.perf_counter()
        for sentence in range(len(self._text.offsets) - 1):
            piece = Piece(sentence, sentence + 1, stream_key(0), 0.0, 0.0)
            centers += self._pass.run(piece, self._workspaces[0])[2]
            if time.perf_counter() - began > PROBE_SECONDS:
                break
        seconds = time.perf_counter() - began
        if centers == 0:
            return None
        return self.epochs * self._centers_an_epoch * seconds / centers / len(self._workspaces)

    def run_epoch(self, epoch: int, report: Callable[[Progress], None]) -> None:
        """Make one pass over the text, its pieces in an order of their own."""
        pieces = len(self._bounds) - 1
        key = stream_key(self._seed, epoch, "stream")
        order = random_order(stream_key(self._seed, epoch, "order"), pieces)
        sizes = np.diff(self._text.offsets[self._bounds])[order]
        # Tokens processed when each piece is begun, and in the end.
        steps = epoch * len(self._text.tokens) + np.concatenate([[0], np.cumsum(sizes)])
        work = _SharedWork(pieces)

        def run(place: int, workspace: Any) -> tuple[float, int, int]:
            first, last = (int(self._bounds[order[place] + k]) for k in (0, 1))
            rates = (self._rate(steps[place + k]) for k in (0, 1))
            return self._pass.run(Piece(first, last, key, *rates), workspace)

        segments = self._segments()
        began = time.perf_counter()
        with work.shared_among(self._workspaces, run) as running:
            for still_running in running:
                while segments and work.is_done(segments[0]):
                    segment = segments.pop(0)
                    ended = max(began, float(work.ends[segment].max()))
                    report(self._progress(segment, steps, work, ended - began))
                    began = ended
                if not still_running:
                    break

    def _segments(self) -> list[slice]:
        """Cut the places of a pass into as many runs as there are to be reports."""
        pieces = len(self._bounds) - 1
        reports = min(pieces, -(-REPORTS_A_RUN // self.epochs))
        bounds = [pieces * r // reports for r in range(reports + 1)]
        return [slice(first, last) for first, last in pairwise(bounds)]

    def _progress(
        self, segment: slice, steps: np.ndarray, work: _SharedWork, seconds: float
    ) -> Progress:
        step = int(steps[segment.stop])
        return Progress(
            step=step,
            tokens=step - int(steps[segment.start]),
            loss=float(work.losses[segment].sum()),
            pairs=int(work.pairs[segment].sum()),
            seconds=seconds,
            learning_rate=self._rate(step),
        )

    def _rate(self, step: float) -> float:
        """Learning rate after `step` tokens: falls in proportion to progress."""
        highest, lowest = self._rates
        return float(highest - (highest - lowest) * step / self.total_steps)


class _SharedWork:
    """Numbered pieces of a pass, taken in order by whichever thread is free."""

    def __init__(self, pieces: int) -> None:
        self.losses = np.zeros(pieces)
        self.pairs = np.zeros(pieces, dtype=np.int64)
        self.ends = np.full(pieces, np.inf)
        self._numbers = iter(range(pieces))
        self._stopped = threading.Event()
        self._failures: list[BaseException] = []

    def is_done(self, segment: slice) -> bool:
        """Tell whether all pieces of a segment are complete."""
        return bool(np.isfinite(self.ends[segment]).all())

    @contextmanager
    def shared_among(
        self, workspaces: list[Any], run: Callable[[int, Any], tuple[float, int, int]]
    ) -> Iterator[Iterator[bool]]:
        """Start a thread a workspace; give an iterator that wakes now and then.

        Its items tell whether any thread still runs. However the block is left, the threads
        finish the piece they are at and end; an error in one of them is raised here.
        """

        def loop(workspace: Any) -> None:
            try:
                # Taking the next number is atomic: a range's iterator is one C call.
                for piece in self._numbers:
                    if self._stopped.is_set():
                        return
                    self.losses[piece], self.pairs[piece], _ = run(piece, workspace)
                    self.ends[piece] = time.perf_counter()
            except BaseException as error:
                self._failures.append(error)
                self._stopped.set()

        workers = [threading.Thread(target=loop, args=(space,)) for space in workspaces]

        def wake() -> Iterator[bool]:
            while True:
                for worker in workers:
                    worker.join(POLL_SECONDS / len(workers))
                yield any(worker.is_alive() for worker in workers)

        started: list[threading.Thread] = []
        try:
            for worker in workers:
                worker.start()
                started.append(worker)
            yield wake()
        finally:
            self._stopped.set()
            for worker in started:
                worker.join()
        if self._failures:
            raise self._failures[0]


def _cut_at_sentence_ends(offsets: np.ndarray, tokens: int) -> np.ndarray:
    """Cut a text into pieces of about `tokens` tokens: first sentences, and the end."""
    inner = np.searchsorted(offsets, np.arange(tokens, offsets[-1], tokens))
    return np.unique(np.concatenate([[0], inner, [len(offsets) - 1]]))
