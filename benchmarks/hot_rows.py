"""Threads that write the same rows: what that costs with 2 threads, and what it would with more.

    python benchmarks/hot_rows.py --corpus FILE

Measures words/s with one thread and with all cores in turn, and beside it how far arithmetic alone
gains by all cores. Then counts, by a simulation on the same text, how often a row that a thread
needs was last written by another one, for as many threads as the machine does not have, with
windows that write one after the other as in word2vec.c and in batches; and sets a price on it: the
time in which one core takes a row from another, measured.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from typing import Any, NamedTuple

import numpy as np
from reporting import command_line, in_words, machine, markdown, run_benchmark, table
from roofline import measure_arithmetic
from texts import open_corpus
from training_kernel import TrainingKernel, timed_epoch

from nw2v.cores import available_cores
from nw2v.corpus import EncodedText
from nw2v.errors import InputError
from nw2v.jit import kernel
from nw2v.jit.atomics import observe, publish
from nw2v.jit.batches import BATCH
from nw2v.jit.random import random_order, stream_key
from nw2v.jit.registers import aligned_zeros
from nw2v.kernels.stream import Text, draw_windows, new_windows, window_law

CENTERS_A_PIECE = 5_000
ROUND_TRIPS = 10_000
HAND_OVER_BUDGET = 5.0
"""Seconds; where other programs hold the cores, every hand-over waits for its time slice."""
NEGATIVES_DRAWN = 1 << 20
LINE_BYTES = 64
KINDS = ("center rows", "outside rows", "negatives")
WINDOWS, BATCHES = "window by window", "in batches"


# --- the price of taking a row from another core --------------------------------------------------


@kernel
def _hand_over(flag, row, mine, rounds, lines):  # type: ignore[no-untyped-def]
    """Wait for one's turn, write a number into each of some cache lines, give the turn away."""
    for turn in range(rounds):
        while observe(flag, 0) != 2 * turn + mine:
            pass
        for line in range(lines):
            row[16 * line] += np.float32(1)
        publish(flag, 0, 2 * turn + mine + 1)


def hand_over_seconds(lines: int, repeats: int) -> float:
    """Time in which a core gets so many cache lines from another, and one more: the turn's own."""
    best = float("inf")
    began = time.perf_counter()
    for _ in range(5 * repeats):
        if time.perf_counter() - began > HAND_OVER_BUDGET:
            break
        flag = np.zeros(16, dtype=np.int64)
        row = aligned_zeros(1, 16 * max(lines, 1))[0]
        _hand_over(flag, row, 0, 0, lines)
        threads = [
            threading.Thread(target=_hand_over, args=(flag, row, mine, ROUND_TRIPS, lines))
            for mine in (0, 1)
        ]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        best = min(best, (time.perf_counter() - start) / (2 * ROUND_TRIPS))
    return best


def arithmetic_scaling(threads: int, rounds: int) -> float:
    """Median gain of multiplying and adding in registers by so many threads, measured in turn."""
    gains = []
    for _ in range(rounds):
        one, all_of_them = (measure_arithmetic(n, 5) for n in (1, threads))
        gains.append(all_of_them / one)
    return statistics.median(gains)


# --- the simulation -------------------------------------------------------------------------------


class Stream(NamedTuple):
    """Kept words with their windows, in pieces."""

    words: np.ndarray  # (n,) int32
    first: np.ndarray  # (n,) int32
    last: np.ndarray  # (n,) int32
    order: np.ndarray  # int64: the pieces as training takes them
    piece: int  # centers of a piece


class WriteLaw(NamedTuple):
    """How a thread writes its rows."""

    windows: int  # that write together
    pool: int  # negatives that they share; 0: none, but `per_pair` for each pair
    per_pair: int


class Writers(NamedTuple):
    """Who wrote each row last, and when."""

    writer: np.ndarray  # (2, V) int32: of V and U
    when: np.ndarray  # (2, V) int64
    places: np.ndarray  # (threads,) int64: where each reads its negatives


@kernel
def count_transfers(stream, noise, law, writers, remembered, counts):  # type: ignore[no-untyped-def]
    """Count the rows that a thread takes from another one.

    All threads do a batch at a time, in lockstep. A row counts where another thread wrote it last,
    not more than `remembered` of its centers ago: what is older has left that core's own cache.

    Parameters
    ----------
    stream : Stream
    noise : (n,) int32 array
        Negatives; each thread reads them from a place of its own.
    law : WriteLaw
    writers : Writers
        Nothing written yet.
    remembered : int
    counts : (3,) int64 array
        Receives the numbers for centers, outside words and negatives.

    Returns
    -------
    centers : int
        All that were made.
    """
    threads, pieces = len(writers.places), len(stream.order)
    centers = 0
    for turn in range(-(-pieces // threads)):
        for step in range(0, stream.piece, law.windows):
            now = turn * stream.piece + step
            for t in range(threads):
                if turn * threads + t >= pieces:
                    continue
                begin = stream.order[turn * threads + t] * stream.piece
                last = min(step + law.windows, stream.piece, len(stream.words) - begin)
                negatives = law.pool
                for i in range(begin + step, begin + last):
                    centers += 1
                    counts[0] += _write(writers, 0, stream.words[i], t, now, remembered)
                    for j in range(stream.first[i], stream.last[i]):
                        if j != i:
                            counts[1] += _write(writers, 1, stream.words[j], t, now, remembered)
                            negatives += law.per_pair
                for _ in range(negatives):
                    word = noise[writers.places[t] % len(noise)]
                    counts[2] += _write(writers, 1, word, t, now, remembered)
                    writers.places[t] += 1
    return centers


@kernel
def _write(writers, matrix, row, thread, now, remembered):  # type: ignore[no-untyped-def]
    """Write a row; tell whether another thread has it."""
    writer, when = writers.writer[matrix, row], writers.when[matrix, row]
    writers.writer[matrix, row], writers.when[matrix, row] = thread, now
    return writer >= 0 and writer != thread and now - when <= remembered


def drawn_stream(text: EncodedText, counts: np.ndarray, arguments: argparse.Namespace) -> Stream:
    """Draw the kept words of a text and their windows, as a pass of training does."""
    law = window_law(counts, window=arguments.window, subsample=arguments.subsample, shrink=True)
    windows = new_windows(len(text.tokens))
    sentences = len(text.offsets) - 1
    plain = Text(np.asarray(text.tokens), np.asarray(text.offsets))
    kept = draw_windows(plain, law, stream_key(1, 0, "stream"), 0, sentences, windows)
    words, first, last = (column[:kept].copy() for column in windows)
    pieces = max(1, kept // CENTERS_A_PIECE)
    order = random_order(stream_key(1, 0, "order"), pieces)
    return Stream(words, first, last, order, -(-kept // pieces))


def simulate(
    stream: Stream, trained: TrainingKernel, arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Count transfers a center for each number of threads, both ways to write."""
    vocabulary = len(trained.counts)
    assert trained.noise is not None
    random = np.random.default_rng(1)
    noise = random.choice(vocabulary, NEGATIVES_DRAWN, p=trained.noise).astype(np.int32)
    laws = {
        WINDOWS: WriteLaw(1, 0, trained.settings.negatives),
        BATCHES: WriteLaw(BATCH, trained.pool, 0),
    }
    found = []
    for threads in arguments.simulated_threads:
        for name, law in laws.items():
            writers = Writers(
                np.full((2, vocabulary), -1, dtype=np.int32),
                np.zeros((2, vocabulary), dtype=np.int64),
                np.arange(threads, dtype=np.int64) * (len(noise) // threads),
            )
            counts = np.zeros(3, dtype=np.int64)
            centers = count_transfers(stream, noise, law, writers, arguments.remembered, counts)
            found.append(
                {
                    "threads": threads,
                    "writes": name,
                    "transfers_per_center": dict(
                        zip(KINDS, (counts / centers).tolist(), strict=True)
                    ),
                }
            )
    return found


# --- the sitting ----------------------------------------------------------------------------------


def beginning_of(text: EncodedText, words: int) -> EncodedText:
    """Take the sentences up to a number of words."""
    sentences = max(1, int(np.searchsorted(text.offsets, words, side="right")) - 1)
    return EncodedText(text.tokens[: text.offsets[sentences]], text.offsets[: sentences + 1])


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure this machine's threads, the price of a row, and simulate more threads."""
    if arguments.rounds < 1 or min(arguments.simulated_threads) < 1:
        raise InputError("--rounds and --simulated-threads must be 1 or more")
    corpus = open_corpus(arguments.corpus, arguments.min_count)
    split = corpus.split(0.0, 0)
    text = beginning_of(split.training, arguments.words)
    counts = split.vocabulary.counts
    options = {name: getattr(arguments, name) for name in ("dim", "window", "negatives")}
    options["subsample"] = arguments.subsample
    record: dict[str, Any] = {
        "command": command_line("hot_rows.py", arguments, parser()),
        "machine": machine(),
        "setting": options,
        "text": {"name": corpus.name, "tokens": len(text.tokens), "vocabulary": len(counts)},
    }
    cores = available_cores()
    trainers: dict[int, Any] = {}
    kernels: dict[int, TrainingKernel] = {}
    rounds: list[dict[str, float]] = []
    for turn in range(arguments.rounds):
        speeds = {}
        for threads in (1, cores) if turn % 2 == 0 else (cores, 1):
            if threads not in kernels:
                kernels[threads] = TrainingKernel(text, counts, threads=threads, **options)
            trainers[threads], seen = timed_epoch(
                kernels[threads], threads, turn, trainers.get(threads)
            )
            speeds[threads] = seen["words"] / seen["seconds"]
            seconds_per_center = seen["seconds"] / seen["centers"]
            if threads == 1:
                one_thread = seconds_per_center
        rounds.append({"one": speeds[1], "all": speeds[cores], "center_seconds": one_thread})
    record["threads"] = cores
    record["rounds"] = rounds
    record["scaling"] = statistics.median(one["all"] / one["one"] for one in rounds)
    record["arithmetic_scaling"] = arithmetic_scaling(cores, arguments.rounds)
    record["center_seconds"] = statistics.median(one["center_seconds"] for one in rounds)
    row_lines = -(-kernels[1].parameters.centers.shape[1] * 4 // LINE_BYTES)
    record["row_lines"] = row_lines
    record["line_seconds"] = record["row_seconds"] = None
    if cores > 1:
        record["line_seconds"] = hand_over_seconds(0, arguments.rounds)
        both = hand_over_seconds(row_lines, arguments.rounds)
        record["row_seconds"] = max(0.0, both - record["line_seconds"])
    record["simulation"] = simulate(drawn_stream(text, counts, arguments), kernels[1], arguments)
    return record


def predicted(record: dict[str, Any], one: dict[str, Any]) -> float | None:
    """Part of the work of each thread that is left when it waits for every row it takes."""
    if record["row_seconds"] is None:
        return None
    waiting = sum(one["transfers_per_center"].values()) * record["row_seconds"]
    return float(record["center_seconds"] / (record["center_seconds"] + waiting))


def report(record: dict[str, Any]) -> str:
    """Put everything that was measured into Markdown."""
    cores, text = record["threads"], record["text"]
    measured = [
        [
            f"{number + 1}",
            f"{one['one'] / 1e6:.2f} M",
            f"{one['all'] / 1e6:.2f} M",
            f"{one['all'] / one['one']:.2f}",
        ]
        for number, one in enumerate(record["rounds"])
    ]
    rows = []
    for one in record["simulation"]:
        part = predicted(record, one)
        rows.append(
            [
                str(one["threads"]),
                one["writes"],
                *(f"{one['transfers_per_center'][kind]:.3f}" for kind in KINDS),
                f"{sum(one['transfers_per_center'].values()):.3f}",
                "" if part is None else f"{100 * part:.0f} %",
                "" if part is None else f"{part * one['threads']:.1f}",
            ]
        )
    price = "One core alone: the price of a row is not measured."
    if record["row_seconds"] is not None:
        price = (
            f"A core gets a cache line that another one has just written after "
            f"{1e9 * record['line_seconds']:.0f} ns, and the {record['row_lines']} lines of a row "
            f"after {1e9 * record['row_seconds']:.0f} ns more. A center takes one thread "
            f"{1e9 * record['center_seconds']:.0f} ns."
        )
    return markdown(
        f"Hot rows: {text['name']}",
        record,
        f"Machine: {in_words(record['machine'])}.  \nText: {text['name']}, {text['tokens']:,} "
        f"words, {text['vocabulary']:,} in the vocabulary; {in_words(record['setting'])}.",
        f"## 1 thread and {cores}, in turn",
        table(["round", "1 thread, words/s", f"{cores} threads, words/s", "times"], measured),
        f"Median: {record['scaling']:.2f} times. Multiplying and adding in registers alone, which "
        f"no memory and no other thread slows down, gains {record['arithmetic_scaling']:.2f} times "
        f"by {cores} threads on this machine (median of as many rounds in turn).",
        "## More threads, simulated",
        price,
        table(
            [
                *("threads", "rows are written", *(f"{kind} taken a center" for kind in KINDS)),
                *("all", "of one thread's speed, each", "times one thread"),
            ],
            rows,
        ),
        "A row is taken where another thread wrote it last. Window by window: every window writes "
        "its center, its outside words and K negatives for each of them, as in word2vec.c. In "
        f"batches: {BATCH} windows write together, with negatives that they share, as here. The "
        "last two columns suppose that a thread waits for each row it takes and that nothing else "
        "slows it down: an upper bound of the harm, for cores overlap such waits, and prefetching "
        "hides some; other cores, caches and sockets than these have other prices.",
    )


def figure(record: dict[str, Any]) -> Any:
    """Draw the rows taken a center against the number of threads."""
    from nw2v.plots.figure import BLUE, GREEN, INK, ORANGE, dress, new_figure

    drawing = new_figure(9.0, 4.0)
    both = drawing.subplots(1, 2, sharey=True)
    for axes, name in zip(both, (WINDOWS, BATCHES), strict=True):
        runs = [one for one in record["simulation"] if one["writes"] == name]
        for kind, colour in zip(KINDS, (GREEN, BLUE, ORANGE), strict=True):
            axes.plot(
                [one["threads"] for one in runs],
                [max(one["transfers_per_center"][kind], 1e-4) for one in runs],
                "o-",
                color=colour,
                label=kind,
            )
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        dress(
            axes, f"Rows are written {name}", "threads", "rows taken from another thread a center"
        )
    both[0].legend(frameon=False, fontsize=8, labelcolor=INK)
    return drawing


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = options.add_argument
    add("--corpus", metavar="FILE", help="text, one sentence a line (default: docstrings)")
    add("--words", type=int, default=1_000_000, help="only the beginning of the text")
    add("--dim", type=int, default=100)
    add("--window", type=int, default=5)
    add("--negatives", type=int, default=5)
    add("--subsample", type=float, default=1e-4)
    add("--min-count", type=int, default=5)
    add("--rounds", type=int, default=7, help="pairs of measurements (default: 7)")
    add("--simulated-threads", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    add(
        "--remembered",
        metavar="CENTERS",
        type=int,
        default=10**9,
        help="a row that was written more centers ago has left the other core's cache "
        "(default: never)",
    )
    add("--out", metavar="PREFIX", help="writes PREFIX.md, PREFIX.json and PREFIX.png")
    return options


if __name__ == "__main__":
    run_benchmark("hot_rows", parser(), measure, report, figure, by_text=True)
