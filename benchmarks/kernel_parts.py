"""Where a step of negative sampling spends its time: each primitive alone, on rows that are near.

    python benchmarks/kernel_parts.py

A step of as many windows as a batch has, with as many outside words as windows have on average, on
a small table that stays in the nearest caches. What training takes beyond the sum is drawing
windows, listing pairs, and waiting for rows that are further away.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from reporting import command_line, in_words, machine, markdown, run_benchmark, table

from nw2v import InputError
from nw2v.jit import batches, kernel
from nw2v.jit.batches import BATCH, CENTERS_AT_ONCE, COPIED
from nw2v.jit.registers import aligned_zeros, row_layout
from nw2v.kernels.batch_sizes import LONGEST_MEMORY, parts_of, pool_size

ROWS = 60
CALLS = 200


class Step:
    """Arrays of one step, of the sizes that training has."""

    def __init__(self, dim: int, pairs: int, pool: int) -> None:
        random = np.random.default_rng(1)
        self.lanes, length = row_layout(dim)
        self.dim, self.pairs, self.pool = dim, pairs, pool
        self.U = aligned_zeros(ROWS, length)
        self.V = aligned_zeros(ROWS, length)
        self.updates = aligned_zeros(BATCH, length)
        self.coefficients = aligned_zeros(pool, BATCH)
        self.weights = np.ones(BATCH, dtype=np.float32)
        self.expected, self.observed = np.ones((2, pool), dtype=np.float32)
        self.sums = aligned_zeros(2, length)
        self.centers = random.permutation(ROWS)[:BATCH].astype(np.int32)
        self.negatives = random.integers(0, ROWS, pool).astype(np.int32)
        self.outsides = random.integers(0, ROWS, pairs + COPIED).astype(np.int32)
        numbers = np.sort(random.integers(0, BATCH, pairs))
        self.first_pair = np.searchsorted(numbers, np.arange(BATCH + 1)).astype(np.int32)
        self.of_pairs = np.zeros(pairs + 2 * BATCH, dtype=np.float32)


@kernel
def _batch_scores(n, lanes, U, negatives, V, centers, scores):  # type: ignore[no-untyped-def]
    for _ in range(n):
        batches.batch_scores(lanes, U, negatives, len(negatives), V, centers, BATCH, scores)


@kernel
def _negative_terms(n, lanes, scores, weights, expected, observed):  # type: ignore[no-untyped-def]
    total, rate = np.float32(0), np.float32(0)
    for _ in range(n):
        total += batches.negative_terms(
            lanes, scores, len(scores), weights, rate, expected, observed
        )
    return total


@kernel
def _sums_for_centers(n, lanes, U, negatives, coefficients, weights, shift, updates):  # type: ignore[no-untyped-def]
    pool = len(negatives)
    for _ in range(n):
        for b in range(0, BATCH, CENTERS_AT_ONCE):
            batches.sum_for_centers(
                lanes, U, negatives, pool, coefficients, b, weights, shift, updates
            )


@kernel
def _add_from_batch(n, lanes, U, negatives, coefficients, V, centers, expected, shift):  # type: ignore[no-untyped-def]
    pool = len(negatives)
    for _ in range(n):
        batches.add_from_batch(
            lanes, U, negatives, 0, pool, coefficients, V, centers, BATCH, expected, shift
        )


@kernel
def _means(n, lanes, sums, U, negatives, expected, V, centers, weights):  # type: ignore[no-untyped-def]
    for _ in range(n):
        batches.add_rows(lanes, U, negatives, expected, len(expected), sums, 0)
        batches.add_rows(lanes, V, centers, weights, BATCH, sums, 1)


@kernel
def _pair_scores(n, lanes, U, outsides, first_pair, V, centers, scores):  # type: ignore[no-untyped-def]
    for _ in range(n):
        for b in range(BATCH):
            first, last = first_pair[b], first_pair[b + 1]
            batches.pair_scores(lanes, U, outsides, first, last, V, centers[b], scores)


@kernel
def _pair_terms(n, lanes, scores, pairs):  # type: ignore[no-untyped-def]
    total = np.float32(0)
    for _ in range(n):
        total += batches.pair_terms(lanes, scores, pairs, np.float32(0))
    return total


@kernel
def _add_pairs(n, lanes, U, outsides, coefficients, first_pair, V, centers, updates):  # type: ignore[no-untyped-def]
    for _ in range(n):
        for b in range(BATCH):
            first, last = first_pair[b], first_pair[b + 1]
            batches.add_pairs(
                lanes, U, outsides, coefficients, first, last, V, centers[b], updates, b
            )


def calls_of(s: Step) -> dict[str, tuple[Callable[..., Any], tuple[Any, ...], float]]:
    """Each part with its arguments and its multiply-adds."""
    dense, sparse = s.dim * BATCH * s.pool, s.dim * s.pairs
    of_batch = (s.V, s.centers)
    negatives, outsides = (s.lanes, s.U, s.negatives), (s.lanes, s.U, s.outsides)
    return {
        "negatives: scores": (_batch_scores, (*negatives, *of_batch, s.coefficients), dense),
        "negatives: sigmoid and loss": (
            _negative_terms,
            (s.lanes, s.coefficients, s.weights, s.expected, s.observed),
            0,
        ),
        "negatives: updates of centers": (
            _sums_for_centers,
            (*negatives, s.coefficients, s.weights, s.sums[0], s.updates),
            dense,
        ),
        "negatives: updates": (
            _add_from_batch,
            (*negatives, s.coefficients, *of_batch, s.expected, s.sums[1]),
            dense,
        ),
        "negatives: running means": (
            _means,
            (s.lanes, s.sums, s.U, s.negatives, s.expected, *of_batch, s.weights),
            s.dim * (s.pool + BATCH),
        ),
        "pairs: scores": (_pair_scores, (*outsides, s.first_pair, *of_batch, s.of_pairs), sparse),
        "pairs: sigmoid and loss": (_pair_terms, (s.lanes, s.of_pairs, s.pairs), 0),
        "pairs and centers: updates": (
            _add_pairs,
            (*outsides, s.of_pairs, s.first_pair, *of_batch, s.updates),
            2 * sparse,
        ),
    }


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time all parts in turn, many times; the fastest counts."""
    if min(arguments.dim, arguments.window, arguments.negatives, arguments.repeats) < 1:
        raise InputError("--dim, --window, --negatives and --repeats must be 1 or more")
    mean_negatives = arguments.negatives * (arguments.window + 1)
    parts = parts_of(mean_negatives)
    pool = pool_size(mean_negatives / parts, arguments.learning_rate, LONGEST_MEMORY)
    pairs = round(BATCH * arguments.outside_words / parts)
    calls = calls_of(Step(arguments.dim, pairs, pool))
    best = dict.fromkeys(calls, float("inf"))
    for function, given, _ in calls.values():
        function(1, *given)
    for _ in range(arguments.repeats):
        for name, (function, given, _) in calls.items():
            began = time.perf_counter()
            function(CALLS, *given)
            best[name] = min(best[name], (time.perf_counter() - began) / CALLS)
    return {
        "command": command_line("kernel_parts.py", arguments, parser()),
        "machine": machine(),
        "setting": {"dim": arguments.dim, "negatives shared": pool, "pairs": pairs},
        "steps_of_a_batch": parts,
        "parts": [
            {"part": name, "seconds": best[name], "multiply_adds": calls[name][2]} for name in calls
        ],
    }


def report(record: dict[str, Any]) -> str:
    total = sum(one["seconds"] for one in record["parts"])
    steps = record["steps_of_a_batch"]
    rows = [
        [
            one["part"],
            f"{1e9 * one['seconds'] * steps / BATCH:.1f}",
            f"{100 * one['seconds'] / total:.0f} %",
            f"{2e-9 * one['multiply_adds'] / one['seconds']:.0f}" if one["multiply_adds"] else "",
        ]
        for one in record["parts"]
    ]
    operations = 2 * sum(one["multiply_adds"] for one in record["parts"])
    rows.append(
        [
            "all",
            f"{1e9 * total * steps / BATCH:.1f}",
            "",
            f"{1e-9 * operations / total:.0f}",
        ]
    )
    return markdown(
        "Parts of a step of negative sampling",
        record,
        f"A step of {BATCH} windows: {in_words(record['setting'])}; {steps} to a batch, one "
        f"thread.  \nMachine: {in_words(record['machine'])}.",
        table(["part", "ns a center", "share", "GFLOP/s"], rows),
        "Each part alone, the fastest of many calls, on rows in the nearest caches; a multiply-add "
        "counts as two operations.",
    )


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = options.add_argument
    add("--dim", type=int, default=100)
    add("--window", type=int, default=5)
    add("--negatives", type=int, default=5)
    add("--learning-rate", type=float, default=0.05, help="the negatives shared depend on it")
    add("--outside-words", type=float, default=4.5, help="of a window, on average (default: 4.5)")
    add("--repeats", type=int, default=200)
    add("--out", metavar="PREFIX", help="writes PREFIX.md and PREFIX.json")
    return options


if __name__ == "__main__":
    run_benchmark("kernel_parts", parser(), measure, report)
