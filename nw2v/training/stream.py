"""Training from the token stream: pieces of the text, taken by threads.

The text is cut into pieces in a way that does not depend on the threads, and each pass over it
takes them in a random order of its own: texts are often sorted by subject, and the last ones would
weigh too much. A piece's random numbers follow from where it stands in the text, its learning rates
from its place in the order, and the order from seed and pass.

What the threads do is the loss's affair (`nw2v.training.stream_passes`). With negative sampling
each takes pieces of its own, and all change the same parameters without locks (Recht et al.,
"Hogwild!", NeurIPS 2011): one thread repeats bit for bit, and more draw the same samples and differ
in the order of their updates and in who sees which of them when. With the naive softmax one thread
takes the pieces, one after the other, and the others help it with each.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np

from nw2v.corpus import EncodedText
from nw2v.corpus.cache import file_of, let_go
from nw2v.corpus.subsampling import keep_probabilities
from nw2v.errors import InputError
from nw2v.jit.file_reads import CAN_READ, NO_FILE
from nw2v.jit.random import random_order, stream_key
from nw2v.kernels.pieces import Ledger, Pieces, ledger_for, one_piece, stop_taking
from nw2v.kernels.stream import Piece, Text, window_law
from nw2v.training.naive_softmax_pass import NaiveSoftmaxPass
from nw2v.training.negative_sampling_pass import NegativeSamplingPass
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings
from nw2v.training.stream_passes import Helper, StreamPass
from nw2v.training.trainer import NO_PAIRS, Progress

STREAM_PASSES: dict[str, type[NegativeSamplingPass] | type[NaiveSoftmaxPass]] = {
    "negative_sampling": NegativeSamplingPass,
    "naive_softmax": NaiveSoftmaxPass,
}
REPORTS_A_RUN = 100
REPORTS_A_SLOW_RUN = 1000
POLL_SECONDS = 0.02
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

    Raises
    ------
    InputError
        If no sentence has two words.
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
        if np.diff(text.offsets).max(initial=0) < 2:
            raise InputError(NO_PAIRS)
        loss = STREAM_PASSES[settings.loss]
        self.parameters = parameters
        self.epochs = settings.epochs
        self.threads = settings.threads
        self.total_steps = len(text.tokens) * settings.epochs
        self._seed = settings.seed
        self._rates = settings.learning_rate, settings.min_learning_rate
        tokens, offsets = np.asarray(text.tokens).view(), np.asarray(text.offsets)
        self._text = Text(tokens, offsets, _open_until_gone(tokens))
        law = window_law(
            counts,
            window=settings.window,
            subsample=settings.subsample,
            shrink=settings.shrink_window,
        )
        self._pass: StreamPass = loss(parameters, self._text, law, counts, settings, self.threads)
        self.noise = self._pass.noise
        self.initial_loss = self._pass.initial_loss
        self._centers_an_epoch = float(counts @ keep_probabilities(counts, settings.subsample))
        cut = _cut_anywhere if self._pass.cuts_sentences else _cut_at_sentence_ends
        # Piece number i has the tokens from bounds[i] to bounds[i + 1].
        self._bounds = cut(self._text.offsets, self._pass.tokens_a_piece)
        self._workspaces: list[Any] = []

    def prepare(self) -> None:
        """Compile the kernel and allocate the threads' workspaces."""
        pieces = len(self._bounds) - 1
        first, last = self._sentences_touched(np.arange(pieces))
        longest = int((self._text.offsets[last] - self._text.offsets[first]).max())
        threads = min(self._pass.threads, pieces)
        self._workspaces = self._pass.workspaces(threads, pieces, longest)
        self._pass.run(
            one_piece(Piece(0, 0, stream_key(0), 0.0, 0.0)), ledger_for(1), self._workspaces[0]
        )

    def estimated_seconds(self) -> float | None:
        """Time some centers at learning rate zero, which changes no parameter."""
        if not self._pass.is_slow:
            return None
        numbers = np.arange(len(self._bounds) - 1)
        pieces = self._pieces(numbers, stream_key(0), np.zeros(len(numbers) + 1))
        ledger = ledger_for(len(numbers))
        began = time.perf_counter()
        with _at_work(self._pass, pieces, ledger, self._workspaces) as looks:
            for ended in looks:
                if ended is not None or time.perf_counter() - began > PROBE_SECONDS:
                    break
        seconds = time.perf_counter() - began
        centers = int(ledger.centers.sum())
        if centers == 0:
            return None
        return self.epochs * self._centers_an_epoch * seconds / centers

    def _sentences_touched(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and last sentence, exclusive, that each piece has tokens of."""
        offsets, bounds = self._text.offsets, self._bounds
        first = np.searchsorted(offsets, bounds[numbers], side="right") - 1
        last = np.searchsorted(offsets, bounds[numbers + 1], side="left")
        return first, last

    def _pieces(self, numbers: np.ndarray, key: np.uint64, rates: np.ndarray) -> Pieces:
        """List some pieces, between whose places in the list are these learning rates."""
        first_sentences, last_sentences = self._sentences_touched(numbers)
        return Pieces(
            first_sentences=first_sentences,
            last_sentences=last_sentences,
            key=key,
            first_rates=rates[:-1],
            last_rates=rates[1:],
            first_tokens=self._bounds[numbers],
            last_tokens=self._bounds[numbers + 1],
        )

    def run_epoch(self, epoch: int, report: Callable[[Progress], None]) -> None:
        """Make one pass over the text, its pieces in an order of their own."""
        pieces = len(self._bounds) - 1
        key = stream_key(self._seed, epoch, "stream")
        order = random_order(stream_key(self._seed, epoch, "order"), pieces)
        sizes = np.diff(self._bounds)[order]
        # Tokens processed when each piece is begun, and in the end.
        steps = epoch * len(self._text.tokens) + np.concatenate([[0], np.cumsum(sizes)])
        rates = self._rate(steps)
        ledger = ledger_for(pieces)
        segments = self._segments()
        # Of each segment: tokens trained on, and the time that this took.
        starts = [segment.start for segment in segments]
        trained, seconds = np.zeros(len(segments), dtype=np.int64), np.zeros(len(segments))
        reported, began = 0, time.perf_counter()
        with _at_work(
            self._pass, self._pieces(order, key, rates), ledger, self._workspaces
        ) as looks:
            for ended in looks:
                now = ended or time.perf_counter()
                done = ledger.done != 0
                trained_now = np.add.reduceat(np.where(done, sizes, 0), starts)
                since = trained_now - trained
                if since.any():
                    # Segments share the time since the last look by what was trained on of each.
                    seconds += max(0.0, now - began) * since / since.sum()
                    trained, began = trained_now, now
                # What has been read of a mapped text need not stay in memory.
                let_go(self._text.tokens)
                let_go(self._text.offsets)
                # Losses are read without a fence: nothing is made of one but a report.
                while reported < len(segments) and done[segments[reported]].all():
                    segment, its_seconds = segments[reported], float(seconds[reported])
                    report(self._progress(segment, steps, rates, ledger, its_seconds))
                    reported += 1
                if ended is not None:
                    break
        assert reported == len(segments), (
            "a pass has ended before all of its pieces were trained on"
        )

    def _segments(self) -> list[slice]:
        """Cut the places of a pass into as many runs as there are to be reports."""
        pieces = len(self._bounds) - 1
        wanted = REPORTS_A_SLOW_RUN if self._pass.is_slow else REPORTS_A_RUN
        reports = min(pieces, -(-wanted // self.epochs))
        bounds = [pieces * r // reports for r in range(reports + 1)]
        return [slice(first, last) for first, last in pairwise(bounds)]

    def _progress(
        self,
        segment: slice,
        steps: np.ndarray,
        rates: np.ndarray,
        ledger: Ledger,
        seconds: float,
    ) -> Progress:
        return Progress(
            step=int(steps[segment.stop]),
            tokens=_tokens_of(segment, steps),
            loss=float(ledger.losses[segment].sum()),
            pairs=int(ledger.pairs[segment].sum()),
            seconds=seconds,
            learning_rate=float(rates[segment.stop]),
        )

    def _rate(self, steps: np.ndarray) -> np.ndarray:
        """Learning rate after so many tokens: falls in proportion to progress."""
        highest, lowest = self._rates
        return highest - (highest - lowest) * steps / self.total_steps


def _tokens_of(segment: slice, steps: np.ndarray) -> int:
    return int(steps[segment.stop] - steps[segment.start])


@contextmanager
def _at_work(
    stream_pass: StreamPass, pieces: Pieces, ledger: Ledger, workspaces: list[Any]
) -> Iterator[Iterator[float | None]]:
    """Let threads train on pieces, one for each workspace and the helpers; look now and then.

    Gives an iterator that waits a little for each item: None while threads run, and in the end when
    the last one ended (`time.perf_counter`). However the block is left, the threads finish the
    piece they are at and end; an error in one of them is raised here.
    """
    failures: list[BaseException] = []
    ends: list[float] = []

    def loop(workspace: Any) -> None:
        try:
            stream_pass.run(pieces, ledger, workspace)
        except BaseException as error:
            failures.append(error)
            stop_taking(ledger)
        finally:
            ends.append(time.perf_counter())

    workers = [threading.Thread(target=loop, args=(space,)) for space in workspaces]

    def looks() -> Iterator[float | None]:
        while True:
            for worker in workers:
                worker.join(POLL_SECONDS / len(workers))
            yield None if any(worker.is_alive() for worker in workers) else max(ends)

    with _helping(stream_pass.helpers, pieces, ledger):
        stream_pass.begin()
        try:
            for worker in workers:
                worker.start()
            yield looks()
        finally:
            stop_taking(ledger)
            _join(workers)
            stream_pass.end()
    if failures:
        raise failures[0]


@contextmanager
def _helping(helpers: Sequence[Helper], pieces: Pieces, ledger: Ledger) -> Iterator[None]:
    """Let each helper work in a thread of its own for as long as the block lasts."""
    done = threading.Event()
    threads = [threading.Thread(target=helper, args=(pieces, ledger, done)) for helper in helpers]
    try:
        for thread in threads:
            thread.start()
        yield
    finally:
        done.set()
        _join(threads)


def _join(threads: Sequence[threading.Thread]) -> None:
    """Wait for the end of threads, some of which may not have begun when an interrupt came."""
    for thread in threads:
        if thread.is_alive():
            thread.join()


def _open_until_gone(tokens: np.ndarray) -> int:
    """Open the file of a mapped array for as long as the array is there; or give `NO_FILE`."""
    path = file_of(tokens)
    if path is None or tokens.dtype != np.int32 or not CAN_READ:
        return NO_FILE
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:  # removed, say: what is mapped is still there
        return NO_FILE
    weakref.finalize(tokens, os.close, file)
    return file if os.fstat(file).st_size == tokens.nbytes else NO_FILE


def _cut_at_sentence_ends(offsets: np.ndarray, tokens: int) -> np.ndarray:
    """Cut a text into pieces of whole sentences, about `tokens` tokens each: their bounds."""
    inner = np.searchsorted(offsets, np.arange(tokens, offsets[-1], tokens))
    return np.unique(np.concatenate([[0], offsets[inner], [offsets[-1]]]))


def _cut_anywhere(offsets: np.ndarray, tokens: int) -> np.ndarray:
    """Cut a text into pieces of nearly the same size, about `tokens` tokens: their bounds."""
    total = int(offsets[-1])
    pieces = max(1, -(-total // tokens))
    return np.arange(pieces + 1) * total // pieces
