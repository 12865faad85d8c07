"""Where a block of exact training spends its time: each part alone, for several blocks and tiles.

    python benchmarks/exact_parts.py

One thread, one tile of a vocabulary: the logits, what the loss makes of them, the two products with
the residuals, Adam on the tile's outside vectors. Times are those that the thread had a core, so
that other work on the machine counts little; parts and shapes take turns, beside a product of large
square matrices, which is what BLAS can do.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from reporting import command_line, in_words, machine, markdown, run_benchmark, table
from threadpoolctl import threadpool_limits

from nw2v import InputError
from nw2v.jit.registers import aligned_zeros, row_layout
from nw2v.kernels.exact_tiles import (
    Counts,
    sampling_residuals,
    softmax_exponentials,
    softmax_residuals,
)
from nw2v.kernels.optimizers import adam_rows

PRODUCTS = ("logits", "gradient of centers", "gradient of outside words")
PEAK = 2048
PADDED = "gradient of outside words, rows padded"


class Tile:
    """Arrays of one tile and one block, of the sizes that training has."""

    def __init__(self, dim: int, block: int, words: int, share: float) -> None:
        random = np.random.default_rng(1)
        _, length = row_layout(dim)
        outsides, centers = aligned_zeros(words, length), aligned_zeros(block, length)
        outsides[:, :dim] = 0.3 * random.standard_normal((words, dim))
        centers[:, :dim] = 0.3 * random.standard_normal((block, dim))
        self.outsides, self.padded = outsides[:, :dim], centers
        self.vectors = np.ascontiguousarray(centers[:, :dim])
        self.logits = np.empty((block, words), dtype=np.float32)
        self.residuals = random.standard_normal((block, words)).astype(np.float32)
        self.gradient = np.empty((block, dim), dtype=np.float32)
        self.slopes = random.standard_normal((words, dim)).astype(np.float32)
        self.means, self.squares = np.zeros((2, words, dim), dtype=np.float32)
        self.stepped = aligned_zeros(words, length)
        named = random.random((block, words)) < share
        rows, others = np.nonzero(named)
        offsets = np.searchsorted(rows, np.arange(block + 1)).astype(np.int64)
        counts = random.random(len(rows)).astype(np.float32)
        sums = np.bincount(rows, counts, block)
        self.counts = Counts(offsets, others.astype(np.int32), counts, sums)

    def parts(self) -> dict[str, Callable[[], Any]]:
        """What is timed; logits are made anew before each part that changes them."""
        block, words = self.logits.shape
        centers = np.arange(block, dtype=np.int32)
        largest, factors = np.empty(block, np.float32), np.ones(block, np.float32)
        sums = np.empty((2, block))
        noise = np.full(words, 1 / words, dtype=np.float32)
        pulls, tile_words = np.empty(words, np.float32), np.arange(words, dtype=np.int32)
        steps = np.full(words, 3)
        x, at = self.logits, (centers, 0, self.counts)
        return {
            "logits": lambda: np.matmul(self.vectors, self.outsides.T, out=x),
            "softmax: exponentials": lambda: softmax_exponentials(x, *at, largest, *sums),
            "softmax: residuals": lambda: softmax_residuals(x, *at, factors),
            "logits again": lambda: np.matmul(self.vectors, self.outsides.T, out=x),
            "sampling: residuals": lambda: sampling_residuals(
                x, *at, noise, factors, pulls, sums[0]
            ),
            "gradient of centers": lambda: np.matmul(
                self.residuals, self.outsides, out=self.gradient
            ),
            "gradient of outside words": lambda: self.residuals.T @ self.vectors,
            PADDED: lambda: self.residuals.T @ self.padded,
            "Adam": lambda: adam_rows(
                self.stepped, tile_words, self.slopes, np.float32(0.1), np.float32(1e-3),
                self.means, self.squares, steps,
            ),
        }  # fmt: skip


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time all parts of all shapes in turn; medians."""
    if min(*arguments.blocks, *arguments.tiles, arguments.dim, arguments.repeats) < 1:
        raise InputError("--blocks, --tiles, --dim and --repeats must be 1 or more")
    shapes = [(block, words) for block in arguments.blocks for words in arguments.tiles]
    calls = {shape: Tile(arguments.dim, *shape, arguments.entries).parts() for shape in shapes}
    square = np.random.default_rng(1).random((PEAK, PEAK), dtype=np.float32)
    times: dict[tuple[int, int], dict[str, list[float]]] = {shape: {} for shape in shapes}
    peak: list[float] = []
    with threadpool_limits(1, user_api="blas"):
        for repeat in range(arguments.repeats + 1):
            began = time.thread_time()
            square @ square
            peak.append(2 * PEAK**3 / (time.thread_time() - began))
            for shape, parts in calls.items():
                for name, call in parts.items():
                    began = time.thread_time()
                    call()
                    if repeat:  # the first compiles
                        times[shape].setdefault(name, []).append(time.thread_time() - began)
    return {
        "command": command_line("exact_parts.py", arguments, parser()),
        "machine": machine(),
        "setting": {"dim": arguments.dim, "entries of a row": arguments.entries},
        "peak": statistics.median(peak[1:]),
        "shapes": [
            {
                "block": block,
                "words": words,
                "seconds": {name: statistics.median(t) for name, t in times[block, words].items()},
            }
            for block, words in shapes
        ],
    }


def report(record: dict[str, Any]) -> str:
    dim = record["setting"]["dim"]
    names = [name for name in record["shapes"][0]["seconds"] if name != "logits again"]
    rows = []
    for shape in record["shapes"]:
        seconds, logits = shape["seconds"], shape["block"] * shape["words"]
        products = sum(seconds[name] for name in PRODUCTS)
        whole = products + sum(seconds[n] for n in seconds if n.startswith("softmax"))
        whole += seconds["Adam"]
        rows.append(
            [
                f"{shape['block']} x {shape['words']}",
                *(f"{1e9 * seconds[name] / logits:.2f}" for name in names),
                f"{1e9 * whole / logits:.2f}",
                f"{100 * products / whole:.0f} %",
                f"{100 * 6 * logits * dim / products / record['peak']:.0f} %",
                f"{100 * 6 * logits * dim / whole / record['peak']:.0f} %",
            ]
        )
    header = [
        "centers x words", *names, "softmax in all", "of it products", "products, of the peak",
        "softmax, of the peak",
    ]  # fmt: skip
    return markdown(
        "Parts of a block of exact training",
        record,
        f"{in_words(record['setting'])}, one thread; a product of {PEAK} x {PEAK} matrices: "
        f"{1e-9 * record['peak']:.0f} GFLOP/s.  \nMachine: {in_words(record['machine'])}.",
        table(header, rows),
        "Nanoseconds a logit, medians of the time that the thread had a core. All that the softmax "
        "takes is the three products, exponentials, residuals and Adam.",
    )


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = options.add_argument
    add("--dim", type=int, default=100)
    add("--blocks", type=int, nargs="+", default=[256, 512, 1024], help="center words")
    add("--tiles", type=int, nargs="+", default=[256, 512, 1024, 2048], help="words of a tile")
    add("--entries", type=float, default=0.02, help="share of pairs with a count")
    add("--repeats", type=int, default=25)
    add("--out", metavar="PREFIX", help="writes PREFIX.md and PREFIX.json")
    return options


if __name__ == "__main__":
    run_benchmark("exact_parts", parser(), measure, report)
