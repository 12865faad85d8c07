"""How often each word is expected in the windows of each other one, counted once and cached."""

from __future__ import annotations

import math
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nw2v.cores import available_cores
from nw2v.corpus.cache import (
    Arrays,
    ArrayWriter,
    is_writable,
    open_arrays,
    open_or_make,
    settings_key,
)
from nw2v.corpus.cooccurrence_rows import (
    Occurrences,
    PairLaw,
    RowScratch,
    add_windows,
    collect,
    count_rows,
    count_words,
    rows_for,
    scratch_for,
    sum_rows,
    write_row,
)
from nw2v.corpus.pipeline import in_parallel
from nw2v.corpus.splitting import EncodedText
from nw2v.corpus.subsampling import LIMITS, keep_limits
from nw2v.corpus.whole_numbers import whole
from nw2v.errors import InputError

Progress = Callable[[int, int], None]

LARGEST_WINDOW = 10_000
CUTOFF = 1e-3
"""Pairs are left out that weigh less than this, were both words always kept."""
_ENTRY_BYTES = 8
_OCCURRENCE_BYTES = 16
_BLOCK_BYTES = 1 << 28  # occurrences that are collected at a time
_TASK_OCCURRENCES = 1 << 16
_ROOM = 1 << 18
_SAMPLED_ROWS = 64


@dataclass(frozen=True, eq=False)
class Cooccurrences:
    """Expected co-occurrence counts n_co of all pairs of words, as compressed sparse rows.

    Row c has the outside words ``words[offsets[c]:offsets[c + 1]]``, ascending. The matrix is
    symmetric up to rounding.

    Attributes
    ----------
    offsets : (V + 1,) int64
    words : (n,) int32
    counts : (n,) float32
        Never 0. Whole numbers above 2^24 are rounded to float32.
    window : int
    subsample : float
    shrink : bool
        The law of windows that they follow.
    """

    offsets: np.ndarray
    words: np.ndarray
    counts: np.ndarray
    window: int
    subsample: float
    shrink: bool

    def row_sums(self) -> np.ndarray:
        """Sum each center's counts: n_c, (V,) float64."""
        sums = np.zeros(len(self.offsets) - 1)
        sum_rows(self.offsets, self.counts, sums)
        return sums

    def total(self) -> float:
        """Sum all counts: the expected number of pairs in a pass over the text."""
        return math.fsum(self.row_sums())

    def __len__(self) -> int:
        return len(self.words)


def cooccurrences(
    text: EncodedText,
    counts: np.ndarray,
    *,
    window: int,
    subsample: float,
    shrink_window: bool,
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
    folder: Path | None = None,
    cutoff: float = CUTOFF,
) -> Cooccurrences:
    """Count what windows drawn from a text give on average.

    The same bits come out for any number of threads and any memory limit.

    Parameters
    ----------
    text : EncodedText
    counts : (V,) integer array
        Occurrences of each word, which subsampling goes by.
    window : int
        From 1 to 10,000.
    subsample : float
        From 0, which keeps all words, to 1.
    shrink_window : bool
        Whether each center's window is drawn from 1 ... `window`. Without it and without
        subsampling, counts are whole numbers.
    threads : int, optional
        Default: one for each core that this process may use.
    memory_limit : int, optional
        In bytes: the counts may not be larger, nor what is collected at a time. Default: as much
        as the disk has room for, 256 MiB of it collected at a time.
    progress : callable, optional
        Is called now and then with (tokens done, tokens in all).
    folder : Path, optional
        The result is kept in it, memory-mapped, and found there again, also by processes that want
        it at the same time: one counts, the others wait. Nothing but counts of this text may be in
        it. Default, and where it cannot be written: a temporary folder, removed
        with the result.
    cutoff : float
        Above 0. Pairs of tokens are left out that would weigh less if both were kept: so many
        words stand between them that a window hardly ever reaches from one to the other.

    Raises
    ------
    InputError
        For values out of range; if the counts would not fit.
    """
    window = whole("model.window", window, 1, LARGEST_WINDOW)
    subsample = _share("model.subsample", subsample)
    if not isinstance(shrink_window, (bool, np.bool_)):
        raise InputError(f"model.shrink_window={shrink_window!r}: expected true or false")
    shrink = bool(shrink_window)
    threads = available_cores() if threads is None else whole("threads", threads, 1)
    cutoff = _share("cutoff", cutoff, above=True)
    if memory_limit is not None:
        memory_limit = whole("memory_limit", memory_limit, 1)

    def opened(stored: Arrays) -> Cooccurrences:
        arrays = stored.arrays
        found = (arrays["offsets"], arrays["words"], arrays["counts"])
        return Cooccurrences(*found, window=window, subsample=subsample, shrink=shrink)

    def kept_in(place: Path) -> Cooccurrences:
        def count(writer: ArrayWriter) -> None:
            law = PairLaw((keep_limits(counts, subsample) + 1.0) / LIMITS, window, shrink, cutoff)
            counter = _Counter(text, law, threads, min(_BLOCK_BYTES, memory_limit or _BLOCK_BYTES))
            _check_size(counter, place.parent, memory_limit)
            counter.write(writer, progress)

        return opened(open_or_make(place, count))

    key = settings_key("cooccurrences", window, subsample, shrink, cutoff)
    if folder is not None:
        stored = open_arrays(folder / key)
        if stored is not None:
            return opened(stored)
        if is_writable(folder):
            return kept_in(folder / key)
    temporary = Path(tempfile.mkdtemp(prefix="nw2v-"))
    try:
        written = kept_in(temporary / key)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    # Arrays that are still mapped stay readable after their files are gone.
    weakref.finalize(written, shutil.rmtree, temporary, ignore_errors=True)
    return written


class _Part(NamedTuple):
    """Some finished rows, in the order of their words."""

    sizes: np.ndarray  # (rows,) int64
    words: np.ndarray  # (entries,) int32
    counts: np.ndarray  # (entries,) float32
    tokens: int  # occurrences of their center words


class _Counter:
    """Counts rows of a text: those of many words at a time, as many as memory allows."""

    def __init__(self, text: EncodedText, law: PairLaw, threads: int, block_bytes: int) -> None:
        self._tokens, self._offsets = text.tokens.view(), text.offsets.view()
        for array in (self._tokens, self._offsets):
            array.flags.writeable = False  # as mapped ones are, which code is compiled for
        self._law = law
        self._threads = threads
        self._most = max(1, block_bytes // _OCCURRENCE_BYTES)
        self._local = threading.local()
        self.vocabulary = len(law.keep)
        largest = int(self._tokens.max(initial=-1))
        if largest >= self.vocabulary:
            raise InputError(
                f"the text has the word {largest:,}, but counts has {self.vocabulary:,} words"
            )
        self.occurrences = np.zeros(self.vocabulary, dtype=np.int64)
        count_words(self._tokens, self.occurrences)

    def write(self, writer: ArrayWriter, progress: Progress | None) -> None:
        """Write all rows and seal them."""
        entries, tokens = 0, 0
        writer.append("offsets", np.zeros(1, dtype=np.int64))
        writer.append("words", np.empty(0, dtype=np.int32))
        writer.append("counts", np.empty(0, dtype=np.float32))
        for part in self._rows(np.arange(self.vocabulary, dtype=np.int32)):
            writer.append("offsets", entries + np.cumsum(part.sizes))
            writer.append("words", part.words)
            writer.append("counts", part.counts)
            entries += len(part.words)
            tokens += part.tokens
            if progress is not None:
                progress(tokens, len(self._tokens))
        writer.seal({})

    def estimated_entries(self) -> float:
        """Estimate how many pairs of words there are from a few of the rows.

        A row is drawn in proportion to the square root of its word's occurrences, systematically
        and in their order: often enough for the long rows, and cheap.
        """
        weights = np.sqrt(self.occurrences)
        order = np.argsort(-weights, kind="stable")
        ends = np.cumsum(weights[order])
        draws = (np.arange(_SAMPLED_ROWS) + 0.5) * ends[-1] / _SAMPLED_ROWS
        words, times = np.unique(order[np.searchsorted(ends, draws)], return_counts=True)
        sizes = [part.sizes for part in self._rows(words.astype(np.int32))]
        return float(np.concatenate(sizes) @ (times / weights[words]) * ends[-1] / _SAMPLED_ROWS)

    def _rows(self, words: np.ndarray) -> Iterator[_Part]:
        """Count the rows of some words, ascending, in that order."""
        ends = np.cumsum(self.occurrences[words])
        first = 0
        while first < len(words):
            before = int(ends[first - 1]) if first else 0
            last = int(np.searchsorted(ends, before + self._most, side="right"))
            if last == first:
                yield self._long_row(int(words[first]))
                first += 1
                continue
            occurrences = self._collected(words[first:last])
            cuts = np.arange(_TASK_OCCURRENCES, occurrences.starts[-1], _TASK_OCCURRENCES)
            inner = np.searchsorted(occurrences.starts, cuts)
            bounds = np.unique([0, *inner, last - first]).tolist()
            tasks = pairwise(bounds)
            for parts in in_parallel(partial(self._count, occurrences), tasks, self._threads):
                yield from parts
            first = last

    def _collected(self, words: np.ndarray) -> Occurrences:
        """Find all occurrences of some words."""
        starts = np.concatenate([[0], np.cumsum(self.occurrences[words])])
        found = (np.empty(starts[-1], dtype=np.int64) for _ in range(2))
        occurrences = Occurrences(words, starts, *found)
        places = np.full(self.vocabulary, -1, dtype=np.int64)
        places[words] = starts[:-1]
        collect(self._tokens, self._offsets, 0, len(self._tokens), 0, places, occurrences)
        return occurrences

    def _count(self, occurrences: Occurrences, bounds: tuple[int, int]) -> list[_Part]:
        first, last = bounds
        parts = []
        rows = rows_for(last - first, self.vocabulary + _ROOM)
        while first < last:
            done, written = count_rows(
                self._tokens,
                self._offsets,
                self._law,
                occurrences,
                first,
                last,
                self._scratch(),
                rows,
            )
            tokens = int(occurrences.starts[done] - occurrences.starts[first])
            sizes, words, counts = rows.sizes[: done - first], rows.words, rows.counts
            parts.append(
                _Part(sizes.copy(), words[:written].copy(), counts[:written].copy(), tokens)
            )
            first = done
        return parts

    def _long_row(self, word: int) -> _Part:
        """Count the row of a word that occurs too often to be collected at once."""
        law, scratch = self._law, self._scratch()
        rows = rows_for(1, self.vocabulary)
        occurrences = Occurrences(
            np.array([word], dtype=np.int32),
            np.zeros(2, dtype=np.int64),
            np.empty(self._most, dtype=np.int64),
            np.empty(self._most, dtype=np.int64),
        )
        found = 0
        places = np.full(self.vocabulary, -1, dtype=np.int64)
        for first in range(0, len(self._tokens), self._most):
            places[word] = 0
            last = min(first + self._most, len(self._tokens))
            sentence = int(np.searchsorted(self._offsets, first, side="right")) - 1
            collect(self._tokens, self._offsets, first, last, sentence, places, occurrences)
            occurrences.starts[1] = places[word]
            if law.keep[word] > 0:
                found = add_windows(
                    self._tokens, self._offsets, law, occurrences, 0, scratch, found
                )
        write_row(law, word, scratch, found, rows, 0)
        sizes = np.array([found], dtype=np.int64)
        return _Part(sizes, rows.words[:found], rows.counts[:found], int(self.occurrences[word]))

    def _scratch(self) -> RowScratch:
        """Give this thread's scratch memory."""
        if not hasattr(self._local, "scratch"):
            self._local.scratch = scratch_for(self.vocabulary, self._law.window)
        scratch: RowScratch = self._local.scratch
        return scratch


def _check_size(counter: _Counter, folder: Path, memory_limit: int | None) -> None:
    """Refuse what would not fit, before it is counted."""
    if not counter.occurrences.any():
        return
    needed = counter.estimated_entries() * _ENTRY_BYTES + 8 * counter.vocabulary
    free = shutil.disk_usage(folder).free
    for limit, where in (
        (memory_limit, f"memory_limit={memory_limit} allows"),
        (free, f"the disk of {folder} has free"),
    ):
        if limit is not None and needed > limit:
            raise InputError(
                f"the co-occurrence counts of {counter.vocabulary:,} words would take about "
                f"{_in_units(needed)}, more than the {_in_units(limit)} that {where}: lower "
                "model.window or corpus.max_vocabulary, or raise corpus.min_count or "
                "model.subsample"
            )


def _in_units(size: float) -> str:
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= least:
            return f"{size / least:.3g} {unit}"
    return f"{size:.0f} bytes"


def _share(key: str, value: Any, *, above: bool = False) -> float:
    try:
        number = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= 1 or (above and number == 0):
        least = "above 0 and at most" if above else "from 0 to"
        raise InputError(f"{key}={value!r}: expected a number {least} 1")
    return number
