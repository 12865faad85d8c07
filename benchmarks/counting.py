"""Expected co-occurrence counts of a text: how fast, how many, and what the cutoff leaves out.

    python benchmarks/counting.py --corpus FILE FILE --words 10000000

Counts the training part of each corpus, and a made text by Zipf's law, from encoded text to a
matrix in the cache, with one thread and with all.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from reporting import RESULTS, command_line, in_words, machine, table, write_results
from texts import SEED, SENTENCE_LENGTH, open_corpus, zipf_counts

from nw2v import InputError
from nw2v.cores import available_cores
from nw2v.corpus import Cooccurrences, EncodedText, cooccurrences
from nw2v.corpus.cooccurrence import CUTOFF
from nw2v.corpus.subsampling import keep_probabilities

MEBIBYTE = 2**20
ENTRY_BYTES = 8
CUTOFFS = (0.1, 0.03, 0.01, 0.003, 1e-3, 1e-4, 1e-5)
NO_CUTOFF = 1e-9


def zipf_text(vocabulary: int, words: int) -> tuple[EncodedText, np.ndarray]:
    """Make an encoded text in random order, 20 words a sentence, and its counts."""
    counts = zipf_counts(vocabulary, words, least=5)
    tokens = np.repeat(np.arange(vocabulary, dtype=np.int32), counts)
    np.random.default_rng(SEED).shuffle(tokens)
    offsets = np.append(np.arange(0, len(tokens), SENTENCE_LENGTH), len(tokens))
    return EncodedText(tokens, offsets), counts


def pairs_at_raw_distances(text: EncodedText, keep: np.ndarray, window: int, shrink: bool) -> float:
    """Sum what pairs would weigh if windows did not close up over dropped words."""
    of_sentence = np.repeat(np.arange(text.sentences), np.diff(text.offsets))
    kept = keep[text.tokens]
    total = 0.0
    for distance in range(1, window + 1):
        together = of_sentence[distance:] == of_sentence[:-distance]
        weights = kept[distance:] * kept[:-distance] * together
        reached = (window - distance + 1) / window if shrink else 1.0
        total += 2 * float(weights.sum()) * reached
    return total


def timed(
    text: EncodedText, counts: np.ndarray, folder: Path, threads: int, **law: Any
) -> tuple[float, float, Cooccurrences]:
    """Count: seconds, seconds of all threads on their cores, and what was counted."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        began, worked = time.perf_counter(), time.process_time()
        found = cooccurrences(text, counts, threads=threads, folder=Path(name), **law)
        return time.perf_counter() - began, time.process_time() - worked, found


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Count each text under each law, in turn, some rounds."""
    threads = sorted({1, available_cores()})
    record: dict[str, Any] = {
        "command": command_line("counting.py", arguments, parser()),
        "machine": machine(),
        "threads": threads,
        "laws": [],
        "cutoffs": [],
    }
    window, subsample = arguments.window, arguments.subsample
    corpora = [open_corpus(path, 5) for path in arguments.corpus or [None]]
    splits = {corpus.name: corpus.split() for corpus in corpora}
    texts = {name: (split.training, split.vocabulary.counts) for name, split in splits.items()}
    texts["Zipf"] = zipf_text(arguments.vocabulary, arguments.words)
    laws = {
        f"t = {subsample:g}": {"subsample": subsample, "shrink_window": True},
        "t = 0": {"subsample": 0.0, "shrink_window": True},
        "plain counts": {"subsample": 0.0, "shrink_window": False},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        little = zipf_text(2, 2)
        timed(*little, folder, 1, window=window, **laws["t = 0"])  # compiles
        for text_name, (text, counts) in texts.items():
            for law_name, law in laws.items():
                seconds: dict[int, list[float]] = {number: [] for number in threads}
                core_seconds = []
                for _ in range(arguments.rounds):
                    for number in threads:
                        took, worked, found = timed(
                            text, counts, folder, number, window=window, **law
                        )
                        seconds[number].append(took)
                        core_seconds.append(worked)
                keep = keep_probabilities(counts, law["subsample"])
                record["laws"].append(
                    {
                        "text": text_name,
                        "law": law_name,
                        "words": len(text.tokens),
                        "types": len(counts),
                        "seconds": seconds,
                        "core_seconds": core_seconds,
                        "entries": len(found),
                        "pairs": found.total(),
                        "pairs_at_raw_distances": pairs_at_raw_distances(
                            text, keep, window, law["shrink_window"]
                        ),
                        "centers": float(counts @ keep),
                    }
                )
        law = laws[f"t = {subsample:g}"]
        for text_name, (text, counts) in texts.items():
            for cutoff in (*CUTOFFS, NO_CUTOFF):
                _, worked, found = timed(
                    text, counts, folder, threads[-1], window=window, cutoff=cutoff, **law
                )
                record["cutoffs"].append(
                    {
                        "text": text_name,
                        "cutoff": cutoff,
                        "core_seconds": worked,
                        "entries": len(found),
                        "pairs": found.total(),
                    }
                )
    for split in splits.values():
        split.cooccurrences(window=window, **law)
        began = time.perf_counter()
        split.cooccurrences(window=window, **law)
        record["open_seconds"] = time.perf_counter() - began
    return record


def report(record: dict[str, Any]) -> str:
    """Put the medians into tables."""
    rows = []
    for run in record["laws"]:
        speeds = [run["words"] / statistics.median(took) / 1e6 for took in run["seconds"].values()]
        rows.append(
            [
                f"{run['text']}, {run['law']}",
                *(f"{speed:.2f}" for speed in speeds),
                f"{statistics.median(list(run['seconds'].values())[-1]):.1f}",
                f"{statistics.median(run['core_seconds']):.1f}",
                f"{run['entries'] / 1e6:.1f}",
                f"{run['entries'] * ENTRY_BYTES / MEBIBYTE:,.0f}",
                f"{run['pairs'] / run['centers']:.2f}",
                f"{run['pairs_at_raw_distances'] / run['centers']:.2f}",
            ]
        )
    threads = [f"M words/s, {n} thread{'s' if n > 1 else ''}" for n in record["threads"]]
    header = ["", *threads, "s", "core s", "M entries", "MiB", "pairs a center"]
    header.append("at raw distances")
    cutoffs = []
    for run in record["cutoffs"]:
        whole = next(
            other
            for other in record["cutoffs"]
            if other["text"] == run["text"] and other["cutoff"] == NO_CUTOFF
        )
        cutoffs.append(
            [
                run["text"],
                f"{run['cutoff']:g}",
                f"{max(0.0, 1 - run['pairs'] / whole['pairs']):.1e}",
                f"{run['entries'] / 1e6:.2f}",
                f"{run['core_seconds']:.2f}",
            ]
        )
    sizes = {
        run["text"]: f"{run['words']:,} words, {run['types']:,} in the vocabulary"
        for run in record["laws"]
    }
    parts = [
        "# Expected co-occurrence counts",
        f"```\n{record['command']}\n```",
        "Texts: " + "; ".join(f"{name}, {size}" for name, size in sizes.items()) + ".  \n"
        f"Machine: {in_words(record['machine'])}.",
        table(header, rows),
        "From encoded text to a matrix in files; medians, kernels compiled. The seconds are those "
        "of all threads; core seconds are what they worked, which other load on the machine "
        "changes less. t is the subsampling "
        "threshold; windows shrink, but for the plain counts. The last column is what a center "
        "would have if the window did not close up over dropped words. Opening counts that are "
        f"cached takes {1e3 * record['open_seconds']:.1f} ms.",
        "## What the cutoff leaves out",
        table(["", "cutoff", "weight lost", "M entries", "core s"], cutoffs),
        f"The first law above. {CUTOFF:g} is what is used; the weight lost is relative to a cutoff "
        f"of {NO_CUTOFF:g}. One run each.",
    ]
    return "\n\n".join(parts) + "\n"


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = options.add_argument
    add(
        "--corpus",
        metavar="FILE",
        nargs="+",
        help="texts, one sentence a line (default: docstrings)",
    )
    add("--words", type=int, default=10_000_000, help="length of the made text")
    add("--vocabulary", type=int, default=60_000, help="of the made text")
    add("--window", type=int, default=5)
    add("--subsample", type=float, default=1e-4)
    add("--rounds", type=int, default=3)
    add("--out", metavar="PREFIX", help="writes PREFIX.md and PREFIX.json")
    return options


def main(words: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(words)
    try:
        if arguments.rounds < 1:
            raise InputError("--rounds must be 1 or more")
        record = measure(arguments)
    except InputError as error:
        print(f"counting: error: {error}", file=sys.stderr)
        return 2
    text = report(record)
    written = write_results(arguments.out or RESULTS / "counting", record, text)
    print(f"{text}\nWritten to {', '.join(map(str, written))}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
