"""The textbook loop of the naive softmax: windows a second, and what the memory would allow.

    python benchmarks/softmax_windows.py --vocabulary 20000 60000 200000

Each step reads all of U for the logits, and reads and writes it for the gradient: three times its
size. The memory's own speed is measured on an array as large, in sequence, by all threads.
"""

from __future__ import annotations

import argparse
import threading
import time
from typing import Any

import numpy as np
from reporting import command_line, in_words, machine, markdown, run_benchmark, table
from texts import zipf_counts

from nw2v.cores import available_cores
from nw2v.corpus import EncodedText
from nw2v.jit import kernel
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings
from nw2v.training.stream import StreamTrainer

SENTENCE_LENGTH = 20
SWEEPS = 3
MEBIBYTE = 2**20
MOVED_BYTES = 1 << 30


def trainer_for(
    vocabulary: int, windows: int, arguments: argparse.Namespace
) -> tuple[StreamTrainer, int]:
    """Make a trainer on a made text by Zipf's law, and say how many bytes U takes."""
    words = max(2 * SENTENCE_LENGTH, arguments.words)
    counts = zipf_counts(vocabulary, words, 1)
    random = np.random.default_rng(1)
    tokens = random.choice(vocabulary, words, p=counts / counts.sum()).astype(np.int32)
    offsets = np.append(np.arange(0, words, SENTENCE_LENGTH), words)
    settings = TrainingSettings(
        loss="naive_softmax",
        dim=arguments.dim,
        epochs=1,
        subsample=0.0,
        batch_windows=windows,
        threads=arguments.threads,
    ).resolved(counts)
    parameters = Parameters(vocabulary, arguments.dim, seed=1, initial_scale=8.0)
    trainer = StreamTrainer(EncodedText(tokens, offsets), counts, parameters, settings)
    trainer.prepare()
    return trainer, parameters.outsides.nbytes


def windows_per_second(trainer: StreamTrainer, seconds: float) -> float:
    """Make passes for some seconds; the fastest counts."""
    best, began = 0.0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        reports: list[Any] = []
        trainer.run_epoch(0, reports.append)
        best = max(best, sum(one.tokens for one in reports) / sum(one.seconds for one in reports))
    return best


@kernel
def _change_all(part, times):  # type: ignore[no-untyped-def]
    for _ in range(times):
        for k in range(len(part)):
            part[k] += np.float32(1e-6)


def bytes_per_second(size: int, threads: int) -> float:
    """Read and write an array of so many bytes in place, many times: bytes of both a second."""
    parts = [np.ones(size // 4 // threads, dtype=np.float32) for _ in range(threads)]
    times = max(2, MOVED_BYTES // size)
    _change_all(parts[0], 1)
    best = float("inf")
    for _ in range(5):
        workers = [threading.Thread(target=_change_all, args=(part, times)) for part in parts]
        began = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best = min(best, time.perf_counter() - began)
    return 2.0 * size * times / best


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    record: dict[str, Any] = {
        "command": command_line("softmax_windows.py", arguments, parser()),
        "machine": machine(),
        "setting": {"dim": arguments.dim, "threads": arguments.threads, "window": 5},
    }
    cases = []
    for vocabulary in arguments.vocabulary:
        for windows in arguments.batch_windows:
            trainer, size = trainer_for(vocabulary, windows, arguments)
            speed = windows_per_second(trainer, arguments.seconds)
            bandwidth = bytes_per_second(size, arguments.threads)
            allowed = windows * bandwidth / (SWEEPS * size)
            cases.append(
                {
                    "vocabulary": vocabulary,
                    "windows": windows,
                    "mebibytes": size / MEBIBYTE,
                    "windows_per_second": speed,
                    "bytes_per_second": bandwidth,
                    "allowed": allowed,
                }
            )
    record["cases"] = cases
    return record


def report(record: dict[str, Any]) -> str:
    rows = [
        [
            f"{one['vocabulary']:,}",
            str(one["windows"]),
            f"{one['mebibytes']:.0f}",
            f"{one['windows_per_second']:,.0f}",
            f"{one['bytes_per_second'] / 1e9:.0f}",
            f"{one['allowed']:,.0f}",
            f"{one['windows_per_second'] / one['allowed']:.2f}",
        ]
        for one in record["cases"]
    ]
    return markdown(
        "The textbook loop of the naive softmax",
        record,
        f"All: {in_words(record['setting'])}.  \nMachine: {in_words(record['machine'])}.",
        table(
            [
                *("vocabulary", "windows a step", "U, MiB", "windows/s", "memory, GB/s"),
                *("windows/s that it allows", "share"),
            ],
            rows,
        ),
        "Memory: bytes read and written a second in place, in sequence, on an array as large as U. "
        "A step reads U twice and writes it once. With several windows a step, arithmetic is the "
        "limit and not the memory. The fastest pass of each counts.",
    )


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = options.add_argument
    add("--vocabulary", type=int, nargs="+", default=[2_000, 20_000, 200_000])
    add("--batch-windows", type=int, nargs="+", default=[1, 8])
    add("--dim", type=int, default=100)
    add("--threads", type=int, default=available_cores(), help="default: all cores")
    add("--words", type=int, default=2_000, help="length of the text that is passed over")
    add("--seconds", type=float, default=5.0, help="time for each case")
    add("--out", metavar="PREFIX", help="writes PREFIX.md and PREFIX.json")
    return options


if __name__ == "__main__":
    run_benchmark("softmax_windows", parser(), measure, report)
