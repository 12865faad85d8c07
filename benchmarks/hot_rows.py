"""Threads that write the same rows: what that costs with 2 threads, and what it would with more.

    python benchmarks/hot_rows.py --corpus FILE

Measures words/s with one thread and with all cores in turn. Then counts, by a simulation on the
same text, how often a row that a thread needs was last written by another one, for as many threads
as the machine does not have, with the negatives in place and in private copies; and sets a price on
it: the time in which one core takes a row from another, measured.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from reporting import RESULTS, command_line, in_words, machine, table, write_results
from texts import open_corpus
from training_kernel import TrainingKernel, timed_epoch

from nw2v.corpus import EncodedText
from nw2v.errors import InputError
from nw2v.jit import kernel
from nw2v.jit.atomics import observe, publish
from nw2v.jit.random import random_order, stream_key
from nw2v.jit.rows import aligned_zeros
from nw2v.kernels.stream import Text, draw_windows, window_law, windows_for
from nw2v.training.settings import available_cores

CENTERS_A_PIECE = 5_000
ROUND_TRIPS = 10_000
HAND_OVER_BUDGET = 5.0
"""Seconds; where other programs hold the cores, every hand-over waits for its time slice."""
NEGATIVES_DRAWN = 1 << 20
LINE_BYTES = 64
KINDS = ("center rows", "outside rows", "negatives")
IN_PLACE, PRIVATE = "in place", "private copies"


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


# --- the simulation -------------------------------------------------------------------------------


class Stream(NamedTuple):
    """Kept words with their windows, in pieces."""

    words: np.ndarray  # (n,) int32
    first: np.ndarray  # (n,) int32
    last: np.ndarray  # (n,) int32
    order: np.ndarray  # int64: the pieces as training takes them
    piece: int  # centers of a piece


class PoolLaw(NamedTuple):
    """What a thread writes of U for its negatives."""

    size: int  # K', slots
    private: bool  # whether they are copies, written back when a slot is drawn anew
    renewed: int  # slots drawn anew at each center
    merged_every: int  # centers between two merges of frequent words
    merged_words: int  # words below this are merged


@kernel
def count_transfers(stream, noise, law, threads, vocabulary, remembered, counts):  # type: ignore[no-untyped-def]
    """Count the rows that a thread takes from another one.

    All threads do a center at a time, in lockstep. A row counts where another thread wrote it last,
    not more than `remembered` of its centers ago: what is older has left that core's own cache.

    Parameters
    ----------
    stream : Stream
    noise : (n,) int32 array
        Negatives; each thread reads them from a place of its own.
    law : PoolLaw
    threads, vocabulary, remembered : int
    counts : (3,) int64 array
        Receives the numbers for centers, outside words and negatives.

    Returns
    -------
    centers : int
        All that were made.
    """
    writer = np.full((2, vocabulary), -1, dtype=np.int32)
    when = np.zeros((2, vocabulary), dtype=np.int64)
    pools = np.zeros((threads, law.size), dtype=np.int32)
    places = np.zeros(threads, dtype=np.int64)
    for t in range(threads):
        places[t] = t * (len(noise) // threads)
        for slot in range(law.size):
            pools[t, slot] = noise[(places[t] + slot) % len(noise)]
        places[t] += law.size
    pieces = len(stream.order)
    centers = 0
    for turn in range(-(-pieces // threads)):
        for step in range(stream.piece):
            now = turn * stream.piece + step
            for t in range(threads):
                if turn * threads + t >= pieces:
                    continue
                i = stream.order[turn * threads + t] * stream.piece + step
                if i >= len(stream.words):
                    continue
                centers += 1
                center = stream.words[i]
                counts[0] += _write(writer[0], when[0], center, t, now, remembered)
                for j in range(stream.first[i], stream.last[i]):
                    if j != i:
                        counts[1] += _write(writer[1], when[1], stream.words[j], t, now, remembered)
                for renewal in range(law.renewed):
                    slot = (now * law.renewed + renewal) % law.size
                    if law.private:
                        counts[2] += _write(writer[1], when[1], pools[t, slot], t, now, remembered)
                    pools[t, slot] = noise[places[t] % len(noise)]
                    places[t] += 1
                if law.private and now % law.merged_every != 0:
                    continue
                for slot in range(law.size):
                    word = pools[t, slot]
                    if not law.private or word < law.merged_words:
                        counts[2] += _write(writer[1], when[1], word, t, now, remembered)
    return centers


@kernel
def _write(writer, when, row, thread, now, remembered):  # type: ignore[no-untyped-def]
    """Write a row; tell whether another thread has it."""
    other = writer[row] >= 0 and writer[row] != thread and now - when[row] <= remembered
    writer[row], when[row] = thread, now
    return other


def drawn_stream(text: EncodedText, counts: np.ndarray, arguments: argparse.Namespace) -> Stream:
    """Draw the kept words of a text and their windows, as a pass of training does."""
    law = window_law(counts, window=arguments.window, subsample=arguments.subsample, shrink=True)
    windows = windows_for(len(text.tokens))
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
    """Count transfers a center for each number of threads, both kinds of negatives."""
    vocabulary = len(trained.counts)
    assert trained.noise is not None
    random = np.random.default_rng(1)
    noise = random.choice(vocabulary, NEGATIVES_DRAWN, p=trained.noise).astype(np.int32)
    found = []
    for threads in arguments.simulated_threads:
        merged_every, merged_words = trained.merging(threads)
        laws = {
            IN_PLACE: PoolLaw(trained.pool, False, 1, 1, 0),
            PRIVATE: PoolLaw(trained.pool, True, 1, merged_every, merged_words),
        }
        for name, law in laws.items():
            counts = np.zeros(3, dtype=np.int64)
            centers = count_transfers(
                stream, noise, law, threads, vocabulary, arguments.remembered, counts
            )
            found.append(
                {
                    "threads": threads,
                    "negatives": name,
                    "merged_every": law.merged_every if law.private else None,
                    "merged_words": law.merged_words if law.private else None,
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
                one["negatives"],
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
    parts = [
        f"# Hot rows: {text['name']}",
        f"```\n{record['command']}\n```",
        f"Machine: {in_words(record['machine'])}.  \nText: {text['name']}, {text['tokens']:,} "
        f"words, {text['vocabulary']:,} in the vocabulary; {in_words(record['setting'])}.",
        f"## 1 thread and {cores}, in turn",
        table(["round", "1 thread, words/s", f"{cores} threads, words/s", "times"], measured),
        f"Median: {record['scaling']:.2f} times.",
        "## More threads, simulated",
        price,
        table(
            [
                *("threads", "negatives", *(f"{kind} taken a center" for kind in KINDS)),
                *("all", "of one thread's speed, each", "times one thread"),
            ],
            rows,
        ),
        "A row is taken where another thread wrote it last. In place: every slot of the pool is "
        "written at every center. Private copies: written when a slot is drawn anew, and merged "
        "for frequent words as the trainer does with so many threads. The last two columns suppose "
        "that a thread waits for each row it takes and that nothing else slows it down: an upper "
        "bound of the harm, for cores overlap such waits, and prefetching hides some; other cores, "
        "caches and sockets than these have other prices.",
    ]
    return "\n\n".join(parts) + "\n"


def figure(record: dict[str, Any]) -> Any:
    """Draw the rows taken a center against the number of threads."""
    from nw2v.plots.figure import BLUE, GREEN, INK, ORANGE, dress, new_figure

    drawing = new_figure(9.0, 4.0)
    both = drawing.subplots(1, 2, sharey=True)
    for axes, name in zip(both, (IN_PLACE, PRIVATE), strict=True):
        runs = [one for one in record["simulation"] if one["negatives"] == name]
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
        dress(axes, f"Negatives: {name}", "threads", "rows taken from another thread a center")
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


def main(words: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(words)
    try:
        if arguments.rounds < 1 or min(arguments.simulated_threads) < 1:
            raise InputError("--rounds and --simulated-threads must be 1 or more")
        record = measure(arguments)
    except InputError as error:
        print(f"hot_rows: error: {error}", file=sys.stderr)
        return 2
    text = report(record)
    prefix = arguments.out or RESULTS / f"hot_rows_{record['text']['name']}"
    written = write_results(prefix, record, text, figure(record))
    print(f"{text}\nWritten to {', '.join(map(str, written))}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
